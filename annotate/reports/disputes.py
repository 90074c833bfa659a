"""The pairs on which annotators differ, with all that was said of them, for a study's reviewers.

By pseudonym, and without a method's name: a mark must not lean. It must not change anything, nor
enter any published number.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min

from annotate.analysis.diversity import Attribute
from annotate.judging.answers import CANNOT
from annotate.judging.models import (
    Answer,
    Assignment,
    Comparison,
    Outcome,
    Report,
    ReviewMark,
    Verdict,
    Vote,
    VoteRevision,
)
from annotate.judging.reserve import withdrawn
from annotate.reports.diversity_page import WORDS as ATTRIBUTES
from annotate.reports.frames import LIVE, pseudonyms
from annotate.reports.rows import ADMIN
from annotate.reports.sentences import CRITERIA
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol

PAGE = 10
_PICTURES = {Outcome.FIRST: "picture 1", Outcome.SECOND: "picture 2", Outcome.TIE: "equal"}


@dataclass(frozen=True)
class Pair:
    """What decides under which filters a pair stands."""

    comparison: int
    order: int
    # Current votes for the first picture, the second, and equal.
    votes: tuple[int, int, int]
    escalated: bool
    reported: bool
    marked: bool
    # Of a diversity study: an attribute has answers at both ends of its scale.
    apart: bool

    @property
    def split(self) -> bool:
        """Nobody leads: as many votes for one answer as for another, and for no third more."""
        most = max(self.votes)
        return most > 0 and self.votes.count(most) > 1

    @property
    def three_ways(self) -> bool:
        """Each of the three answers was given."""
        return min(self.votes) > 0

    @property
    def agreement(self) -> float:
        """Share of equal ones among all pairs of votes, in [0, 1]; 1 below two votes."""
        n = sum(self.votes)
        return sum(k * (k - 1) for k in self.votes) / (n * (n - 1)) if n > 1 else 1.0

    @property
    def low(self) -> bool:
        """Both pictures were chosen, and fewer than half of the pairs of votes are equal."""
        first, second, _ = self.votes
        return first > 0 and second > 0 and self.agreement < 0.5

    @property
    def disputed(self) -> bool:
        return any(
            (self.split, self.three_ways, self.escalated, self.low, self.reported, self.apart)
        )


Filter = tuple[str, Callable[[Pair], bool]]
_SHARED: Mapping[str, Filter] = {
    "reported": ("Reported", lambda pair: pair.reported),
    "unmarked": ("Not marked yet", lambda pair: pair.disputed and not pair.marked),
    # Also those that are no longer disputed: a mark stays in sight.
    "marked": ("Marked", lambda pair: pair.marked),
}
PREFERENCE: Mapping[str, Filter] = {
    "all": ("All disputed", lambda pair: pair.disputed),
    "split": ("Splits", lambda pair: pair.split),
    "three": ("Three-way splits", lambda pair: pair.three_ways),
    "escalated": ("Escalated", lambda pair: pair.escalated),
    "low": ("Low agreement", lambda pair: pair.low),
    **_SHARED,
}
DIVERSITY: Mapping[str, Filter] = {
    "all": ("All disputed", lambda pair: pair.disputed),
    "apart": ("Both ends of a scale", lambda pair: pair.apart),
    **_SHARED,
}


@dataclass(frozen=True)
class Kind:
    """A filter and how many pairs it holds."""

    name: str
    label: str
    count: int


@dataclass(frozen=True)
class Said:
    """One vote: current, or taken back or voided (`gone` then says which, and when)."""

    who: str
    answers: tuple[tuple[str, str], ...]
    choice: str
    seconds: float
    at: datetime
    flags: tuple[str, ...]
    simulated: bool
    gone: str = ""
    gone_at: datetime | None = None


@dataclass(frozen=True)
class Marked:
    """One mark, by pseudonym."""

    who: str
    says: str
    label: str
    comment: str
    at: datetime


@dataclass(frozen=True)
class Card:
    """One pair with everything that was said of it, each list the oldest first."""

    row: Comparison
    verdict: str
    reasons: tuple[str, ...]
    votes: tuple[Said, ...]
    gone: tuple[Said, ...]
    reports: tuple[tuple[str, str, str, datetime], ...]  # pseudonym, reason, comment, when
    marks: tuple[Marked, ...]


@dataclass(frozen=True)
class Disputes:
    """One page of disputed pairs."""

    kinds: tuple[Kind, ...]
    kind: str
    cards: tuple[Card, ...]
    page: int
    pages: int


def disputes(study: Study, *, kind: str = "all", page: int = 1) -> Disputes:
    """The live pairs under a filter (an unknown one shows all disputed), least agreement first."""
    protocol = study.read_protocol()
    filters = DIVERSITY if protocol.asks_diversity else PREFERENCE
    kind = kind if kind in filters else "all"
    found = pairs(study, protocol)
    chosen = [pair for pair in found if filters[kind][1](pair)]
    # Ties in the order in which pairs were served, which was drawn: nothing is picked by eye.
    chosen.sort(key=lambda pair: (pair.agreement, pair.order))
    pages = max(-(-len(chosen) // PAGE), 1)
    page = min(max(page, 1), pages)
    shown = chosen[(page - 1) * PAGE : page * PAGE]
    return Disputes(
        kinds=tuple(
            Kind(name, label, sum(map(belongs, found)))
            for name, (label, belongs) in filters.items()
        ),
        kind=kind,
        cards=tuple(_cards(study, shown, filters)),
        page=page,
        pages=pages,
    )


def pairs(study: Study, protocol: Protocol) -> list[Pair]:
    """Every live pair that has a vote, a report or a mark; six queries however many there are."""
    live = {"comparison__study": study, "comparison__kind": LIVE}
    votes: dict[int, dict[str, int]] = defaultdict(dict)
    tallies = Vote.objects.filter(**live).order_by().values_list("comparison", "choice")
    for comparison, choice, n in tallies.annotate(n=Count("pk")):
        votes[comparison][choice] = n

    def those(rows: Any) -> set[int]:
        return set(rows.filter(**live).order_by().values_list("comparison", flat=True))

    reported, marked = those(Report.objects), those(ReviewMark.objects)
    escalated: set[int] = set()
    if protocol.split == "escalate":
        above = Assignment.objects.filter(slot__gt=protocol.overlap)
        escalated = those(above.exclude(withdrawn(protocol)))
    apart = _apart(study, protocol) if protocol.asks_diversity else set()
    kinds = [Outcome.FIRST, Outcome.SECOND, Outcome.TIE]
    rows = Comparison.objects.filter(study=study, kind=LIVE).order_by("order")
    known = votes.keys() | reported | marked
    return [
        Pair(
            comparison=pk,
            order=order,
            # Under diversity every vote is "tie": nobody wins, so nothing is split.
            votes=(0, 0, 0)
            if protocol.asks_diversity
            else tuple(votes[pk].get(one, 0) for one in kinds),  # type: ignore[arg-type]  # three
            escalated=pk in escalated,
            reported=pk in reported,
            marked=pk in marked,
            apart=pk in apart,
        )
        for pk, order in rows.values_list("pk", "order")
        if pk in known
    ]


def _apart(study: Study, protocol: Protocol) -> set[int]:
    """Pairs that somebody calls the same and somebody else clearly different, on one attribute."""
    rows = (
        Answer.objects.filter(vote__comparison__study=study, vote__comparison__kind=LIVE)
        .exclude(choice=CANNOT)
        .order_by()
        .values_list("vote__comparison", "criterion")
        .annotate(low=Min("choice"), high=Max("choice"))
    )
    # Levels are single digits, so the order of text is theirs.
    ends = ("0", str(protocol.attribute_levels - 1))
    return {comparison for comparison, _, low, high in rows if (low, high) == ends}


def _cards(study: Study, shown: list[Pair], filters: Mapping[str, Filter]) -> Iterator[Card]:
    ids = [pair.comparison for pair in shown]
    people = pseudonyms(study)
    rows = Comparison.objects.select_related("prompt", "first", "second", "verdict").in_bulk(ids)
    votes = _by_pair(
        Vote.objects.filter(comparison__in=ids)
        .prefetch_related("answers")
        .order_by("created_at", "pk")
    )
    gone = _by_pair(VoteRevision.objects.filter(comparison__in=ids).order_by("at", "pk"))
    reports = _by_pair(Report.objects.filter(comparison__in=ids).order_by("at", "pk"))
    marks = _by_pair(ReviewMark.objects.filter(comparison__in=ids).order_by("at", "pk"))
    levels = study.read_protocol().attribute_levels
    # What a pair is here for; the last two filters say nothing of the pair itself.
    telling = [one for name, one in filters.items() if name not in {"all", "unmarked", "marked"}]
    for pair in shown:
        pk = pair.comparison
        yield Card(
            row=rows[pk],
            verdict=_verdict(rows[pk]),
            reasons=tuple(label for label, belongs in telling if belongs(pair)),
            votes=tuple(_current(v, people.get(v.annotator_id, "?"), levels) for v in votes[pk]),
            gone=tuple(_gone(r, people.get(r.annotator_id, "?"), levels) for r in gone[pk]),
            reports=tuple(
                (people.get(r.annotator_id, "?"), r.get_reason_display(), r.comment, r.at)
                for r in reports[pk]
            ),
            marks=tuple(
                Marked(
                    people.get(m.author_id, ADMIN), m.says, m.get_says_display(), m.comment, m.at
                )
                for m in marks[pk]
            ),
        )


def _by_pair(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.comparison_id].append(row)
    return found


def _verdict(row: Comparison) -> str:
    verdict = getattr(row, "verdict", None)
    if verdict is None:
        return "undecided"
    reason = {Verdict.Reason.SPLIT: "no answer leads", Verdict.Reason.IDENTICAL: "same pictures"}
    said = _PICTURES[Outcome(verdict.outcome)]
    return f"{said}, {reason.get(verdict.reason, verdict.reason)}"


def _current(vote: Vote, who: str, levels: int) -> Said:
    flags = [words for words, on in (("late", vote.late), ("too fast", vote.too_fast)) if on]
    given = {answer.criterion: answer.choice for answer in vote.answers.all()}
    return Said(
        who=who,
        answers=_answers(given, both_bad=vote.both_bad, levels=levels),
        choice=vote.choice,
        seconds=vote.active_ms / 1000,
        at=vote.created_at,
        flags=tuple(flags),
        simulated=vote.simulated,
    )


def _gone(revision: VoteRevision, who: str, levels: int) -> Said:
    was = revision.snapshot
    return Said(
        who=who,
        answers=_answers(was["answers"], both_bad=was["both_bad"], levels=levels),
        choice=was["choice"],
        seconds=was["active_ms"] / 1000,
        at=datetime.fromisoformat(was["created_at"]),
        flags=("late",) if was["late"] else (),
        simulated=was["simulated"],
        gone="voided" if revision.reason == VoteRevision.Reason.INVALIDATED else "taken back",
        gone_at=revision.at,
    )


def _answers(
    given: Mapping[str, str], *, both_bad: bool, levels: int
) -> tuple[tuple[str, str], ...]:
    """(question, answer) in the order of the screen."""
    said = [(CRITERIA[name], _PICTURES[Outcome(given[name])]) for name in CRITERIA if name in given]
    if both_bad and said:
        said[-1] = (said[-1][0], "both bad")
    ends = {"0": "same", str(levels - 1): "clearly different", CANNOT: "cannot judge"}
    return tuple(
        said
        + [
            (ATTRIBUTES[one].lower(), ends.get(given[one], f"level {given[one]} of {levels - 1}"))
            for one in Attribute
            if one in given
        ]
    )


def marks_count(study: Study) -> tuple[int, list[tuple[str, int]]]:
    """(marked pairs, [(mark, how many of them)]) of a study: what other pages say of its review."""
    rows = ReviewMark.objects.filter(comparison__study=study)
    told = dict(rows.order_by().values_list("says").annotate(n=Count("pk")))
    said = [(says.label, told[says.value]) for says in ReviewMark.Says if says.value in told]
    return rows.values("comparison").distinct().count(), said
