"""Reads the votes of a diversity study as the watching rules take them.

An anchor is a control, a mirrored repeat is held against the first answer, and each live vote
against the others of its pair. It must not state rules (analysis.watching does), nor act.
"""

from collections import defaultdict
from collections.abc import Mapping

from annotate.analysis.diversity import Attribute, levels
from annotate.analysis.rated_votes import RatedVote, Sort, rated_work
from annotate.analysis.watching import Judged
from annotate.judging.anchors import SAME
from annotate.judging.models import Answer, Comparison, Vote
from annotate.judging.verdicts import protocol_of
from annotate.studies.models import Study

Kind = Comparison.Kind
KINDS = (Kind.LIVE, Kind.CONTROL, Kind.REPEAT)


def work_by_levels(study: Study) -> dict[int, tuple[Judged, ...]]:
    """Everybody's current votes in the order given, by user id: live, control and repeat."""
    scale = {str(n): s for n, s in enumerate(levels(protocol_of(study).attribute_levels))}
    said = _levels(study)
    votes = Vote.objects.filter(study=study, comparison__kind__in=KINDS)
    rows = votes.order_by("created_at", "pk").values_list(
        "pk", "annotator", "comparison", "comparison__kind", "comparison__mirrors",
        "comparison__identical", "comparison__expected", "active_ms",
    )  # fmt: skip
    given = [
        RatedVote(
            annotator=annotator,
            pair=mirrored or comparison,
            sort=_sort(kind, expected or {}),
            levels=said[pk],
            seconds=ms / 1000,
            identical=identical,
        )
        for pk, annotator, comparison, kind, mirrored, identical, expected, ms in rows
        if pk in said
    ]
    return {int(str(who)): work for who, work in rated_work(given, scale).items()}


def _sort(kind: str, expected: Mapping[str, str]) -> Sort:
    if kind == Kind.CONTROL:
        return "same" if SAME in expected.values() else "high"
    return "repeat" if kind == Kind.REPEAT else "live"


def _levels(study: Study) -> dict[int, tuple[str, ...]]:
    """Each vote's levels in the order of the screen; without votes that lack one."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    rows = Answer.objects.filter(vote__study=study, vote__comparison__kind__in=KINDS)
    for vote, criterion, choice in rows.values_list("vote", "criterion", "choice"):
        found[vote][criterion] = choice
    return {
        vote: tuple(said[a] for a in Attribute)
        for vote, said in found.items()
        if all(a in said for a in Attribute)
    }
