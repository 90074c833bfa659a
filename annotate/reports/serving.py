"""Reads the pairs that early stopping looks at, in the serving order drawn before the first vote.

It must not know verdicts: which of these pairs are decided is the frame's to say.
"""

from typing import NamedTuple

from django.db.models import Exists, OuterRef

from annotate.judging.models import Comparison, ContrastItem, PlannedItem, Report
from annotate.studies.models import Contrast, Study


class ServedRow(NamedTuple):
    """A pair of the monitored contrast; `comparison` is None while its pictures are not made.

    `set_aside`: a researcher looked at its reports and keeps it back for good. A pair that is held
    until somebody looks is not: it is open, and what follows waits for it.
    """

    comparison: int | None
    set_aside: bool


def served_rows(study: Study) -> tuple[ServedRow, ...]:
    """Every pair of the primary contrast in serving order; none where stopping is not declared."""
    if not study.read_protocol().may_stop_early:
        return ()
    contrast = Contrast.objects.filter(study=study, primary=True).first()
    if contrast is None:
        return ()
    planned = {
        (prompt, replica): order
        for prompt, replica, order in PlannedItem.objects.filter(contrast=contrast).values_list(
            "prompt_id", "replica", "order"
        )
    }
    waits = Report.objects.filter(comparison=OuterRef("comparison"), resolved_at=None)
    rows = {}
    items = ContrastItem.objects.filter(
        contrast=contrast, comparison__kind=Comparison.Kind.LIVE
    ).annotate(waits=Exists(waits))
    for prompt, replica, order, comparison, held, reported in items.values_list(
        "prompt_id",
        "replica",
        "comparison__order",
        "comparison_id",
        "comparison__held",
        "waits",
    ):
        # The plan's place where there is one: a comparison that several contrasts share moves
        # forward when the first of them finds its pictures.
        place = planned.pop((prompt, replica), order)
        rows[place] = ServedRow(comparison, held and not reported)
    rows |= dict.fromkeys(planned.values(), ServedRow(None, set_aside=False))
    return tuple(row for _, row in sorted(rows.items()))
