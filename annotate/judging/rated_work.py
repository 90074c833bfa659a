"""Reads the votes of a diversity study as the watching rules take them.

An anchor is a control, a mirrored repeat is held against the first answer, and each live vote
against the others of its pair. It must not state rules (analysis.watching does), nor act.
"""

from collections import defaultdict

from annotate.analysis.diversity import Attribute, levels
from annotate.analysis.raters import (
    Rated,
    as_most,
    control_right,
    lean,
    near_others,
    said_again,
)
from annotate.analysis.watching import Judged
from annotate.judging.anchors import SAME
from annotate.judging.answers import CANNOT
from annotate.judging.models import Answer, Comparison, Vote
from annotate.judging.verdicts import protocol_of
from annotate.studies.models import Study

Kind = Comparison.Kind
KINDS = (Kind.LIVE, Kind.CONTROL, Kind.REPEAT)
Levels = tuple[str, ...]
Scores = tuple[float | None, ...]


def rated_work(study: Study) -> dict[int, tuple[Judged, ...]]:
    """Everybody's current votes in the order given, by user id: live, control and repeat."""
    scale = {str(n): s for n, s in enumerate(levels(protocol_of(study).attribute_levels))}
    said = _levels(study)
    rows = list(
        Vote.objects.filter(study=study, comparison__kind__in=KINDS)
        .order_by("created_at", "pk")
        .values_list(
            "pk", "annotator", "comparison", "comparison__kind", "comparison__mirrors",
            "comparison__identical", "comparison__expected", "active_ms",
        )
    )  # fmt: skip
    rows = [row for row in rows if row[0] in said]
    scores = {pk: _scores(said[pk], scale) for pk, *_ in rows}
    on: dict[int, list[int]] = defaultdict(list)
    first: dict[tuple[int, int | None], int] = {}
    for pk, annotator, comparison, kind, *_ in rows:
        if kind == Kind.LIVE:
            on[comparison].append(pk)
            first[annotator, comparison] = pk
    work: dict[int, list[Judged]] = defaultdict(list)
    for pk, annotator, comparison, kind, mirrored, identical, expected, ms in rows:
        own = said[pk]
        judged = Judged(pressed="/".join(own), seconds=ms / 1000, rated=Rated(own))
        if kind == Kind.CONTROL:
            alike = SAME in (expected or {}).values()
            judged = judged._replace(control=control_right(scores[pk], identical=alike))
        elif kind == Kind.REPEAT and (before := first.get((annotator, mirrored))):
            judged = judged._replace(repeat=said_again(scores[before], scores[pk]))
        elif kind == Kind.LIVE:
            others = [other for other in on[comparison] if other != pk]
            theirs = [scores[other] for other in others]
            judged = judged._replace(
                others=near_others(scores[pk], theirs),
                rated=Rated(
                    levels=own,
                    straight=None if identical else len(set(own)) == 1,
                    agreed=tuple(
                        as_most(level, [said[other][place] for other in others])
                        for place, level in enumerate(own)
                    ),
                    lean=lean(scores[pk], theirs),
                ),
            )
        work[annotator].append(judged)
    return {annotator: tuple(votes) for annotator, votes in work.items()}


def _levels(study: Study) -> dict[int, Levels]:
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


def _scores(given: Levels, scale: dict[str, float]) -> Scores:
    return tuple(None if level == CANNOT else scale[level] for level in given)
