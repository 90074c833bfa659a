"""The numbers of a diversity study: its votes by attribute, scores, differences and controls.

It must not write words for people or draw (diversity_page does).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from annotate.analysis.diversity import (
    Attribute,
    DiversityDifference,
    DiversityScore,
    DiversityVote,
    diversity_differences,
    diversity_scores,
    levels,
)
from annotate.judging.answers import CANNOT
from annotate.judging.models import Comparison, ContrastItem, Vote
from annotate.reports.frames import pseudonyms
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol

Kind = Comparison.Kind
_COUNTED = (Kind.LIVE, Kind.CONTROL)


@dataclass(frozen=True)
class Anchors:
    """Controls of one sort: what people said of pairs whose difference is known."""

    identical: bool
    votes: int
    mean: float | None


@dataclass(frozen=True)
class DiversityReport:
    """A diversity study's numbers with the protocol they were made under."""

    name: str
    protocol: Protocol
    protocol_hash: str
    # Label by method name, in the study's order.
    labels: dict[str, str]
    scores: tuple[DiversityScore, ...]
    differences: tuple[DiversityDifference, ...]
    anchors: tuple[Anchors, ...]
    prompts: int
    pairs: int
    votes: int
    simulated: int
    annotators: int


@dataclass(frozen=True)
class AnswerRow:
    """One answer as the export gives it."""

    comparison: int
    kind: str
    identical: bool
    prompt_key: str
    prompt: str
    methods: tuple[str, ...]
    annotator: str
    attribute: str
    level: str
    score: float | None
    simulated: bool
    created_at: str


def answer_rows(study: Study) -> Iterator[AnswerRow]:
    """Every answer of the current votes, by serving order, pseudonym and attribute."""
    names, scale = pseudonyms(study), levels(study.read_protocol().attribute_levels)
    methods: dict[int, list[str]] = defaultdict(list)
    items = ContrastItem.objects.filter(contrast__study=study).order_by("contrast__order")
    for comparison, method in items.values_list("comparison_id", "contrast__a__name"):
        methods[comparison].append(method)
    votes = (
        Vote.objects.filter(study=study, comparison__kind__in=_COUNTED)
        .filter(answers__criterion=Attribute.STYLE)
        .select_related("comparison__prompt")
        .prefetch_related("answers")
        .order_by("comparison__order", "annotator_id")
    )
    for vote in votes:
        said = {answer.criterion: answer.choice for answer in vote.answers.all()}
        for attribute in Attribute:
            level = said[attribute]
            yield AnswerRow(
                comparison=vote.comparison_id,
                kind=vote.comparison.kind,
                identical=vote.comparison.identical,
                prompt_key=vote.comparison.prompt.key,
                prompt=vote.comparison.prompt.text,
                methods=tuple(methods[vote.comparison_id]),
                annotator=names[vote.annotator_id],
                attribute=str(attribute),
                level=level,
                score=None if level == CANNOT else scale[int(level)],
                simulated=vote.simulated,
                created_at=vote.created_at.isoformat(),
            )


def diversity_report(study: Study) -> DiversityReport:
    """The report of a study of diversity; its intervals are drawn from the study's seed.

    A pair whose pictures two methods share counts for both. Controls stand apart.
    """
    protocol = study.read_protocol()
    rows = list(answer_rows(study))
    live = [row for row in rows if row.kind == Kind.LIVE]
    votes = [
        DiversityVote(method, row.prompt_key, Attribute(row.attribute), row.score)
        for row in live
        for method in row.methods
    ]
    rng = np.random.default_rng(protocol.seed)
    level = protocol.confidence
    return DiversityReport(
        name=study.name,
        protocol=protocol,
        protocol_hash=study.protocol_hash,
        labels={m.name: str(m) for m in study.methods.order_by("order", "pk")},
        scores=diversity_scores(votes, rng=rng, confidence=level),
        differences=diversity_differences(votes, rng=rng, confidence=level),
        anchors=tuple(_anchors(rows, identical=identical) for identical in (True, False)),
        prompts=len({row.prompt_key for row in live}),
        pairs=len({row.comparison for row in live}),
        votes=len(live) // len(Attribute),
        simulated=sum(row.simulated for row in live) // len(Attribute),
        annotators=len({row.annotator for row in live}),
    )


def _anchors(rows: list[AnswerRow], *, identical: bool) -> Anchors:
    mine = [row for row in rows if row.kind == Kind.CONTROL and row.identical == identical]
    known = [row.score for row in mine if row.score is not None]
    mean = sum(known) / len(known) if known else None
    return Anchors(identical, votes=len(mine) // len(Attribute), mean=mean)
