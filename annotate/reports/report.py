"""Makes the report of a study: a frozen object that holds every number and what it rests on.

It must not write words for people or draw (sentences, tables and figures do), nor read the clock.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from annotate.analysis.agreement import (
    SplitShares,
    gwet_ac1,
    krippendorff_alpha,
    percent_agreement,
    split_shares,
)
from annotate.analysis.annotators import (
    LeaveOneOut,
    SideBalance,
    leave_one_out_agreement,
    median_seconds,
    side_balance,
)
from annotate.analysis.votes import PRIORITY, Choice
from annotate.analysis.winrate import (
    VoteShare,
    WinRate,
    three_conventions,
    vote_share,
    win_rate,
)
from annotate.judging.models import Verdict
from annotate.reports.frames import (
    ContrastRow,
    ItemRow,
    SetAside,
    Side,
    StudyFrame,
    VoteRow,
    as_side,
    read_frame,
)
from annotate.sampling.progress import ArmProgress
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol

# Fewer annotators than this are fixed effects: shown one by one and left out one by one.
FIXED_EFFECTS = 6
# Fewer than this carry no interval over annotators.
CLUSTERS = 12

_CODES: dict[Side, int] = {"a": 0, "b": 1, "tie": 2}


@dataclass(frozen=True)
class CriterionRate:
    """The win rate among verdicts that turned on one criterion, ties being impossible there."""

    criterion: str
    rate: WinRate


@dataclass(frozen=True)
class Agreement:
    """How far the annotators of a contrast's pairs agree, answers being a, b or tie.

    `unanimous`, `leading` (not unanimous, but one answer has most votes) and `level` count the
    pairs that have just the protocol's number of votes; with three votes they are `split`.
    """

    units: int
    unanimous: int
    leading: int
    level: int
    categories: int
    alpha: float | None
    percent: float | None
    ac1: float | None
    split: SplitShares


@dataclass(frozen=True)
class ContrastReport:
    """Method a against method b. wins + ties + losses + undecided = items.

    `identical` and `split` are parts of `ties` (tied without asking; all answers different);
    `waiting` is the part of `undecided` whose votes are still missing.
    """

    a: str
    b: str
    a_label: str
    b_label: str
    primary: bool
    items: int
    prompts: int
    clusters: int
    wins: int
    ties: int
    losses: int
    undecided: int
    waiting: int
    identical: int
    split: int
    unanimous_wins: int
    unanimous_losses: int
    conventions: tuple[WinRate, WinRate, WinRate]
    criteria: tuple[CriterionRate, ...]
    share: VoteShare
    agreement: Agreement
    # How often a was chosen (ties left out) when it stood on the left, and on the right.
    a_on_left: WinRate
    a_on_right: WinRate

    @property
    def headline(self) -> WinRate:
        """Ties dropped: the primary convention."""
        return self.conventions[0]

    @property
    def decided(self) -> int:
        return self.wins + self.ties + self.losses

    @property
    def resolved(self) -> bool:
        """Whether the headline's interval leaves out one half."""
        rate = self.headline
        return rate.low is not None and rate.high is not None and not rate.low <= 0.5 <= rate.high


@dataclass(frozen=True)
class AnnotatorReport:
    """One annotator by pseudonym. `for_a` speaks of votes on the first contrast only."""

    pseudonym: str
    simulated: bool
    votes: int
    median_seconds: float | None
    sides: SideBalance
    ties: WinRate
    others: LeaveOneOut
    for_a: WinRate
    # The first contrast's vote share without this annotator; None from six annotators on.
    share_without: VoteShare | None


@dataclass(frozen=True)
class Counts:
    """Comparisons are judged once, whatever number of contrasts they serve."""

    comparisons: int
    decided: int
    identical: int
    votes: int
    simulated: int
    late: int
    too_fast: int
    both_bad: int
    annotators: int


@dataclass(frozen=True)
class Report:
    """A study's numbers at `generated_at`, with the protocol and rule they were made under."""

    uid: str
    name: str
    state: str
    protocol: Protocol
    protocol_hash: str
    prompt_sets: tuple[str, ...]
    launched_at: datetime | None
    first_vote: datetime | None
    last_change: datetime | None
    generated_at: datetime
    counts: Counts
    set_aside: SetAside
    contrasts: tuple[ContrastReport, ...]
    sides: SideBalance
    annotators: tuple[AnnotatorReport, ...]
    arms: tuple[ArmProgress, ...] = ()

    @property
    def lead(self) -> ContrastReport | None:
        """The contrast of the headline: the primary one, else the first."""
        return self.contrasts[0] if self.contrasts else None

    @property
    def simulated(self) -> bool:
        return self.counts.simulated > 0

    @property
    def running(self) -> bool:
        """Votes may still come in."""
        return self.state in {Study.State.OPEN, Study.State.PAUSED}

    @property
    def fixed_effects(self) -> bool:
        return 0 < self.counts.annotators < FIXED_EFFECTS

    @property
    def few_annotators(self) -> bool:
        return 0 < self.counts.annotators < CLUSTERS


def make_report(study: Study, *, now: datetime) -> Report:
    """Read the study's present state and report on it."""
    return report_on(study, read_frame(study), now=now)


def report_on(study: Study, frame: StudyFrame, *, now: datetime) -> Report:
    """The report of rows that were read before."""
    protocol = study.read_protocol()
    by_contrast: dict[int, list[ItemRow]] = defaultdict(list)
    for item in frame.items:
        by_contrast[item.contrast].append(item)
    on: dict[int, list[VoteRow]] = defaultdict(list)
    for vote in frame.votes:
        on[vote.comparison].append(vote)
    lead = by_contrast[frame.contrasts[0].pk] if frame.contrasts else []
    verdicts = {item.comparison: (item.outcome, item.reason) for item in frame.items}
    return Report(
        uid=str(study.uid),
        name=study.name,
        state=study.state,
        protocol=protocol,
        protocol_hash=study.protocol_hash,
        prompt_sets=frame.prompt_sets,
        launched_at=study.launched_at,
        first_vote=frame.first_vote,
        last_change=frame.last_change,
        generated_at=now,
        counts=Counts(
            comparisons=len(verdicts),
            decided=sum(outcome is not None for outcome, _ in verdicts.values()),
            identical=sum(reason == Verdict.Reason.IDENTICAL for _, reason in verdicts.values()),
            votes=len(frame.votes),
            simulated=sum(v.simulated for v in frame.votes),
            late=sum(v.late for v in frame.votes),
            too_fast=sum(v.too_fast for v in frame.votes),
            both_bad=sum(v.both_bad for v in frame.votes),
            annotators=len({v.annotator for v in frame.votes}),
        ),
        set_aside=frame.set_aside,
        contrasts=tuple(
            _contrast(row, by_contrast[row.pk], on, protocol=protocol) for row in frame.contrasts
        ),
        sides=_sides(frame.votes, confidence=protocol.confidence),
        annotators=_annotators(frame.votes, lead, on, confidence=protocol.confidence),
        arms=frame.arms,
    )


def _contrast(
    row: ContrastRow,
    items: Sequence[ItemRow],
    on: dict[int, list[VoteRow]],
    *,
    protocol: Protocol,
) -> ContrastReport:
    outcomes = Counter(item.outcome for item in items)
    reasons = Counter((item.outcome, item.reason) for item in items)
    wins, ties, losses = outcomes["a"], outcomes["tie"], outcomes["b"]
    confidence = protocol.confidence
    said = [
        [(vote, as_side(vote.choice, a_is_first=item.a_is_first)) for vote in on[item.comparison]]
        for item in items
    ]
    left, right = _arm_sides((pair for votes in said for pair in votes), confidence=confidence)
    return ContrastReport(
        a=row.a,
        b=row.b,
        a_label=row.a_label,
        b_label=row.b_label,
        primary=row.primary,
        items=len(items),
        prompts=len({item.prompt for item in items}),
        clusters=len({_cluster(item) for item in items}),
        wins=wins,
        ties=ties,
        losses=losses,
        undecided=outcomes[None],
        waiting=sum(
            item.outcome is None and len(on[item.comparison]) < protocol.overlap for item in items
        ),
        identical=reasons["tie", Verdict.Reason.IDENTICAL],
        split=reasons["tie", Verdict.Reason.SPLIT],
        unanimous_wins=reasons["a", Verdict.Reason.UNANIMOUS],
        unanimous_losses=reasons["b", Verdict.Reason.UNANIMOUS],
        conventions=three_conventions(wins, ties, losses, confidence=confidence),
        criteria=_criteria(items, confidence=confidence),
        share=_share(items, on, confidence=confidence),
        agreement=_agreement(
            said, categories=2 if protocol.ties == "forbid" else 3, overlap=protocol.overlap
        ),
        a_on_left=left,
        a_on_right=right,
    )


def _cluster(item: ItemRow) -> str | int:
    """Prompts of one group (captions of one photo) are not independent of each other."""
    return item.group or item.prompt


def _criteria(items: Iterable[ItemRow], *, confidence: float) -> tuple[CriterionRate, ...]:
    won = Counter((item.deciding, item.outcome) for item in items if item.deciding)
    return tuple(
        CriterionRate(
            str(criterion),
            win_rate(won[criterion, "a"], 0, won[criterion, "b"], confidence=confidence),
        )
        for criterion in PRIORITY
        if won[criterion, "a"] + won[criterion, "b"]
    )


def _share(
    items: Iterable[ItemRow],
    on: dict[int, list[VoteRow]],
    *,
    confidence: float,
    without: str | None = None,
) -> VoteShare:
    tallies: dict[str | int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for item in items:
        tally = tallies[_cluster(item)]
        for vote in on[item.comparison]:
            if vote.annotator != without:
                tally[_CODES[as_side(vote.choice, a_is_first=item.a_is_first)]] += 1
    rows = [(wins, ties, losses) for wins, losses, ties in tallies.values()]
    return vote_share(rows, confidence=confidence)


def _agreement(
    said: Sequence[Sequence[tuple[VoteRow, Side]]], *, categories: int, overlap: int
) -> Agreement:
    voted = [votes for votes in said if votes]
    counts = np.zeros((len(voted), categories), dtype=np.int64)
    places = {name: i for i, name in enumerate(sorted({v.annotator for u in voted for v, _ in u}))}
    ratings: NDArray[np.float64] = np.full((len(places), len(voted)), np.nan)
    for unit, votes in enumerate(voted):
        for vote, side in votes:
            counts[unit, _CODES[side]] += 1
            ratings[places[vote.annotator], unit] = _CODES[side]
    full = np.sort(counts[counts.sum(axis=1) == overlap], axis=1)
    unanimous = full[:, -1] == overlap
    level = full[:, -1] == full[:, -2]
    return Agreement(
        unanimous=int(unanimous.sum()),
        leading=int((~unanimous & ~level).sum()),
        level=int(level.sum()),
        units=int((counts.sum(axis=1) >= 2).sum()),
        categories=categories,
        alpha=krippendorff_alpha(ratings),
        percent=percent_agreement(counts),
        ac1=gwet_ac1(counts, categories),
        split=split_shares([side for _, side in votes] for votes in voted),
    )


def _arm_sides(
    votes: Iterable[tuple[VoteRow, Side]], *, confidence: float
) -> tuple[WinRate, WinRate]:
    """a's wins among votes with a on the left, and with a on the right."""
    # A vote for a on the left, or for b on the right: a stood on the left.
    tally = Counter((side, vote.side) for vote, side in votes if side != "tie")
    return (
        win_rate(tally["a", "left"], 0, tally["b", "right"], confidence=confidence),
        win_rate(tally["a", "right"], 0, tally["b", "left"], confidence=confidence),
    )


def _sides(votes: Iterable[VoteRow], *, confidence: float) -> SideBalance:
    chosen = Counter(vote.side for vote in votes)
    return side_balance(chosen["left"], chosen["right"], confidence=confidence)


def _annotators(
    votes: Sequence[VoteRow],
    lead: Sequence[ItemRow],
    on: dict[int, list[VoteRow]],
    *,
    confidence: float,
) -> tuple[AnnotatorReport, ...]:
    own: dict[str, list[VoteRow]] = defaultdict(list)
    for vote in votes:
        own[vote.annotator].append(vote)
    others = leave_one_out_agreement(
        ((v.comparison, v.annotator, Choice(v.choice)) for v in votes), confidence=confidence
    )
    for_a: Counter[tuple[str, Side]] = Counter(
        (vote.annotator, as_side(vote.choice, a_is_first=item.a_is_first))
        for item in lead
        for vote in on[item.comparison]
    )
    few = len(own) < FIXED_EFFECTS
    return tuple(
        AnnotatorReport(
            pseudonym=name,
            simulated=any(v.simulated for v in rows),
            votes=len(rows),
            median_seconds=median_seconds(v.active_ms / 1000 for v in rows),
            sides=_sides(rows, confidence=confidence),
            ties=_tie_rate(rows, confidence=confidence),
            others=others[name],
            for_a=win_rate(
                for_a[name, "a"], for_a[name, "tie"], for_a[name, "b"], confidence=confidence
            ),
            share_without=_share(lead, on, confidence=confidence, without=name) if few else None,
        )
        for name, rows in sorted(own.items())
    )


def _tie_rate(votes: Sequence[VoteRow], *, confidence: float) -> WinRate:
    ties = sum(v.choice == Choice.TIE for v in votes)
    return win_rate(ties, 0, len(votes) - ties, confidence=confidence)
