"""What a report says of one contrast: method a against method b, and how far people agree on it.

It must not write words for people or draw, nor read rows from the database.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotate.analysis.agreement import (
    SplitShares,
    gwet_ac1,
    krippendorff_alpha,
    percent_agreement,
    split_shares,
)
from annotate.analysis.sequential import Monitoring
from annotate.analysis.votes import PRIORITY
from annotate.analysis.winrate import VoteShare, WinRate, three_conventions, vote_share, win_rate
from annotate.judging.models import Verdict
from annotate.reports.frames import ContrastRow, ItemRow, Side, VoteRow, as_side
from annotate.studies.protocol import Protocol

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
    # Of the primary contrast where the protocol declares early stopping.
    monitoring: Monitoring | None = None

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
        _, low, high, _ = self.shown
        return low is not None and high is not None and not low <= 0.5 <= high

    @property
    def p_value(self) -> float | None:
        """Of the test that is claimed: under early stopping the anytime p, which peeking leaves.

        None before the first win or loss that counts. Every correction is over these.
        """
        seen = self.monitoring
        if seen is not None:
            return seen.p_value if seen.n else None
        return self.headline.p_value if self.headline.n else None

    @property
    def shown(self) -> tuple[float | None, float | None, float | None, int]:
        """Win rate, interval and n that are claimed: under early stopping those of the sequence."""
        seen = self.monitoring
        if seen is not None and seen.estimate is not None:
            return seen.estimate, seen.low, seen.high, seen.n
        if seen is not None:
            return None, None, None, 0
        rate = self.headline
        return rate.estimate, rate.low, rate.high, rate.n


def contrast_report(
    row: ContrastRow,
    items: Sequence[ItemRow],
    on: dict[int, list[VoteRow]],
    *,
    protocol: Protocol,
    missing: Collection[int] = (),
) -> ContrastReport:
    """The report of one contrast.

    Args:
        on: the current votes by comparison.
        missing: comparisons whose votes are not all there.
    """
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
        waiting=sum(item.comparison in missing for item in items),
        identical=reasons["tie", Verdict.Reason.IDENTICAL],
        split=reasons["tie", Verdict.Reason.SPLIT],
        unanimous_wins=reasons["a", Verdict.Reason.UNANIMOUS],
        unanimous_losses=reasons["b", Verdict.Reason.UNANIMOUS],
        conventions=three_conventions(wins, ties, losses, confidence=confidence),
        criteria=_criteria(items, confidence=confidence),
        share=share_of(items, on, confidence=confidence),
        agreement=_agreement(
            said,
            categories=2 if protocol.ties == "forbid" else 3,
            overlap=protocol.votes_compared,
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


def share_of(
    items: Iterable[ItemRow],
    on: dict[int, list[VoteRow]],
    *,
    confidence: float,
    without: str | None = None,
) -> VoteShare:
    """a's share of the votes on these items, clustered by prompt; `without` leaves somebody out."""
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
        alpha=krippendorff_alpha(ratings).estimate,
        percent=percent_agreement(counts).estimate,
        ac1=gwet_ac1(counts, categories).estimate,
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
