"""The numbers of a diversity study: its votes by attribute, scores, differences and controls.

It must not write words for people or draw (diversity_page does), nor read the database or clocks.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

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
from annotate.judging.models import Comparison
from annotate.reports.diversity_frame import DiversityFrame, VoteOf, read_diversity
from annotate.reports.recipes import MethodRecipe, recipes_of
from annotate.reports.waiting import withholds_tests
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol

Kind = Comparison.Kind


@dataclass(frozen=True)
class Anchors:
    """Controls of one sort: what people said of pairs whose difference is known."""

    identical: bool
    votes: int
    mean: float | None


@dataclass(frozen=True)
class DiversityReport:
    """A diversity study's numbers with the protocol they were made under."""

    uid: str
    name: str
    state: str
    protocol: Protocol
    protocol_hash: str
    prompt_sets: tuple[str, ...]
    launched_at: str
    # The latest answer that counts; empty without any.
    last_change: str
    # Label by method name, in the study's order.
    labels: dict[str, str]
    scores: tuple[DiversityScore, ...]
    differences: tuple[DiversityDifference, ...]
    anchors: tuple[Anchors, ...]
    prompts: int
    # Of the prompts, those of one group counted once: what intervals resample.
    groups: int
    pairs: int
    votes: int
    simulated: int
    annotators: int
    # Hash and counted votes of each protocol under which they were given, the earliest first.
    protocols: tuple[tuple[str, int], ...] = ()
    recipes: tuple[MethodRecipe, ...] = ()
    # Of a running study, the pairs that still wait for votes.
    waiting: int = 0

    @property
    def tests_withheld(self) -> bool:
        """No p-value is shown, see `withholds_tests`."""
        return withholds_tests(self.state, waiting=self.waiting)

    @property
    def moment(self) -> datetime | None:
        """When its numbers came to be what they are: of the data, never of the clock."""
        told = self.last_change or self.launched_at
        return datetime.fromisoformat(told) if told else None


@dataclass(frozen=True)
class AnswerRow:
    """One answer as the export gives it."""

    comparison: int
    kind: str
    identical: bool
    prompt_set: str
    prompt_key: str
    prompt: str
    group: str
    methods: tuple[str, ...]
    annotator: str
    attribute: str
    level: str
    score: float | None
    simulated: bool
    created_at: str
    protocol_hash: str


def answer_rows(study: Study, frame: DiversityFrame) -> Iterator[AnswerRow]:
    """Every answer of the current votes, by serving order, pseudonym and attribute."""
    scale = levels(study.read_protocol().attribute_levels)
    methods: dict[int, list[str]] = defaultdict(list)
    for item in frame.items:
        if item.method not in methods[item.comparison]:
            methods[item.comparison].append(item.method)
    prompts = dict(frame.prompts)
    for vote in frame.votes:
        prompt = prompts[vote.prompt]
        for attribute, level in zip(Attribute, vote.levels, strict=True):
            yield AnswerRow(
                comparison=vote.comparison,
                kind=vote.kind,
                identical=vote.identical,
                prompt_set=prompt.prompt_set,
                prompt_key=prompt.key,
                prompt=prompt.text,
                group=prompt.group,
                methods=tuple(methods[vote.comparison]),
                annotator=vote.annotator,
                attribute=str(attribute),
                level=level,
                score=_score(level, scale),
                simulated=vote.simulated,
                created_at=vote.created_at,
                protocol_hash=vote.protocol_hash or study.protocol_hash,
            )


def diversity_report(study: Study) -> DiversityReport:
    """The report of a study's present rows."""
    return diversity_report_on(study, read_diversity(study))


def diversity_report_on(study: Study, frame: DiversityFrame) -> DiversityReport:
    """The report of rows that were read before; its intervals are drawn from the study's seed.

    A pair whose pictures two methods share counts for both, and one that two prompt sets share for
    the prompt of each. Prompts are told apart by their row, since two sets may use one key.
    Controls stand apart.
    """
    protocol = study.read_protocol()
    live = [vote for vote in frame.votes if vote.kind == Kind.LIVE]
    votes = list(_votes(frame, live, levels(protocol.attribute_levels)))
    rng = np.random.default_rng(protocol.seed)
    confidence = protocol.confidence
    judged = {vote.prompt: vote.group or vote.prompt for vote in votes}
    return DiversityReport(
        uid=str(study.uid),
        name=study.name,
        state=study.state,
        protocol=protocol,
        protocol_hash=study.protocol_hash,
        prompt_sets=frame.prompt_sets,
        launched_at=study.launched_at.isoformat() if study.launched_at else "",
        last_change=max((vote.created_at for vote in live), default=""),
        labels=dict(frame.labels),
        scores=diversity_scores(votes, rng=rng, confidence=confidence),
        differences=diversity_differences(votes, rng=rng, confidence=confidence),
        anchors=tuple(_anchors(frame, protocol, identical=same) for same in (True, False)),
        prompts=len(judged),
        groups=len(set(judged.values())),
        pairs=len({vote.comparison for vote in live}),
        votes=len(live),
        simulated=sum(vote.simulated for vote in live),
        annotators=len({vote.annotator for vote in live}),
        protocols=_protocols(live, study.protocol_hash),
        recipes=recipes_of(study, ()),
        waiting=frame.waiting,
    )


def _protocols(live: list[VoteOf], present: str) -> tuple[tuple[str, int], ...]:
    in_time = sorted(live, key=lambda vote: vote.created_at)
    return tuple(Counter(vote.protocol_hash or present for vote in in_time).items())


def _votes(
    frame: DiversityFrame, live: list[VoteOf], scale: tuple[float, ...]
) -> Iterator[DiversityVote]:
    """Each answer for each item that its pair speaks for."""
    prompts = dict(frame.prompts)
    of: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for item in frame.items:
        of[item.comparison].append((item.method, item.prompt))
    for vote in live:
        for attribute, level in zip(Attribute, vote.levels, strict=True):
            for method, prompt in of[vote.comparison]:
                group = prompts[prompt].group
                yield DiversityVote(method, prompt, attribute, _score(level, scale), group)


def _score(level: str, scale: tuple[float, ...]) -> float | None:
    return None if level == CANNOT else scale[int(level)]


def _anchors(frame: DiversityFrame, protocol: Protocol, *, identical: bool) -> Anchors:
    scale = levels(protocol.attribute_levels)
    mine = [v for v in frame.votes if v.kind == Kind.CONTROL and v.identical == identical]
    scores = [_score(level, scale) for vote in mine for level in vote.levels]
    known = [score for score in scores if score is not None]
    mean = sum(known) / len(known) if known else None
    return Anchors(identical, votes=len(mine), mean=mean)
