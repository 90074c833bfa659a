"""What a report says of each annotator, and of how many there are. Pseudonyms only.

It must not write words for people or draw, nor read rows from the database.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from annotate.analysis.annotators import (
    FIXED_EFFECTS,
    LeaveOneOut,
    SideBalance,
    leave_one_out_agreement,
    median_seconds,
    side_balance,
)
from annotate.analysis.votes import Choice
from annotate.analysis.winrate import VoteShare, WinRate, win_rate
from annotate.reports.contrast_report import share_of
from annotate.reports.frames import ItemRow, Side, VoteRow, as_side


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


def sides_of(votes: Iterable[VoteRow], *, confidence: float) -> SideBalance:
    """How often the left and the right picture were chosen, ties left out."""
    chosen = Counter(vote.side for vote in votes)
    return side_balance(chosen["left"], chosen["right"], confidence=confidence)


def annotator_reports(
    votes: Sequence[VoteRow],
    lead: Sequence[ItemRow],
    on: dict[int, list[VoteRow]],
    *,
    compared: Sequence[VoteRow],
    confidence: float,
) -> tuple[AnnotatorReport, ...]:
    """One report for everybody who voted, by pseudonym. `lead` are the first contrast's items.

    Agreement with the others counts the votes `compared` only.
    """
    own: dict[str, list[VoteRow]] = defaultdict(list)
    for vote in votes:
        own[vote.annotator].append(vote)
    others = leave_one_out_agreement(
        ((v.comparison, v.annotator, Choice(v.choice)) for v in compared),
        annotators=own,
        confidence=confidence,
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
            sides=sides_of(rows, confidence=confidence),
            ties=_tie_rate(rows, confidence=confidence),
            others=others[name],
            for_a=win_rate(
                for_a[name, "a"], for_a[name, "tie"], for_a[name, "b"], confidence=confidence
            ),
            share_without=share_of(lead, on, confidence=confidence, without=name) if few else None,
        )
        for name, rows in sorted(own.items())
    )


def _tie_rate(votes: Sequence[VoteRow], *, confidence: float) -> WinRate:
    ties = sum(v.choice == Choice.TIE for v in votes)
    return win_rate(ties, 0, len(votes) - ties, confidence=confidence)
