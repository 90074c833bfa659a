"""The state of early stopping for a dashboard: the primary contrast's verdicts, read and judged.

It must not read votes of other contrasts, and reads nothing where no stopping is declared.
"""

from dataclasses import dataclass

from django.db.models import Count

from annotate.judging.models import Comparison, ContrastItem
from annotate.reports.canvas import Figure
from annotate.reports.frames import as_side
from annotate.reports.serving import served_rows
from annotate.reports.stopping import monitored, state_title, state_words
from annotate.reports.stopping_section import stopping_figure
from annotate.reports.words import confidence, typeset
from annotate.studies.models import Contrast, Study


@dataclass(frozen=True)
class Watch:
    """What a researcher sees of the running evidence; no figure before the first win or loss."""

    names: str
    title: str
    text: str
    level: str
    may_stop: bool
    figure: Figure | None


def watch(study: Study) -> Watch | None:
    """The evidence so far; None where the protocol declares no early stopping."""
    protocol = study.read_protocol()
    served = served_rows(study)
    if not served:
        return None
    contrast = Contrast.objects.select_related("a", "b").get(study=study, primary=True)
    outcomes: dict[int, str | None] = {}
    votes: dict[int, int] = {}
    rows = ContrastItem.objects.filter(
        contrast=contrast, comparison__kind=Comparison.Kind.LIVE
    ).annotate(votes=Count("comparison__votes"))
    for comparison, a_is_first, outcome, cast in rows.values_list(
        "comparison_id", "a_is_first", "comparison__verdict__outcome", "votes"
    ):
        outcomes[comparison] = as_side(outcome, a_is_first=a_is_first) if outcome else None
        votes[comparison] = cast
    seen = monitored(served, outcomes, votes, protocol=protocol)
    if seen is None:
        return None
    title, text = state_title(seen, protocol), state_words(seen)
    return Watch(
        names=f"{contrast.a} against {contrast.b}",
        title=typeset(title),
        text=typeset(text),
        level=confidence(seen.confidence),
        may_stop=seen.stopped_after is not None,
        figure=stopping_figure(seen, alt=f"{title}. {text}") if seen.looks else None,
    )
