"""Chooses the pairs a report shows, in serving order: drawn at random, so nothing is picked by eye.

It must not know addresses of pictures; the page asks the store for those.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from annotate.judging.models import Comparison, Report, Verdict
from annotate.reports.canvas import Svg
from annotate.reports.figures import Mark, vote_squares
from annotate.reports.frames import ItemRow, Side, StudyFrame, as_side
from annotate.reports.sentences import CRITERIA
from annotate.sampling.models import Image
from annotate.studies.models import Study

PAGE = 12
_MARKS: Mapping[Side, Mark] = {"a": "win", "tie": "tie", "b": "lose"}


@dataclass(frozen=True)
class Kind:
    """A filter of the gallery and how many pairs it holds."""

    name: str
    label: str
    count: int


@dataclass(frozen=True)
class Card:
    """One pair with its votes; picture a stands left, whatever side annotators saw it on."""

    prompt: str
    prompt_key: str
    a: Image
    b: Image
    squares: Svg
    voted: bool
    words: str
    reports: tuple[str, ...]


@dataclass(frozen=True)
class Gallery:
    """One page of pairs."""

    kinds: tuple[Kind, ...]
    kind: str
    cards: tuple[Card, ...]
    page: int
    pages: int


@dataclass(frozen=True)
class _Pair:
    item: ItemRow
    votes: tuple[Side, ...]
    reported: bool

    @property
    def disputed(self) -> bool:
        return "a" in self.votes and "b" in self.votes


_KINDS: Mapping[str, tuple[str, Callable[[_Pair], bool]]] = {
    "all": ("All", lambda _: True),
    "wins": ("Decisive wins", lambda pair: _decisive(pair, "a")),
    "losses": ("Decisive losses", lambda pair: _decisive(pair, "b")),
    "disputed": ("Most disputed", lambda pair: pair.disputed),
    "reported": ("Reported", lambda pair: pair.reported),
}


def _decisive(pair: _Pair, side: Side) -> bool:
    return pair.item.outcome == side and pair.item.reason == Verdict.Reason.UNANIMOUS


def gallery(
    study: Study, frame: StudyFrame, *, contrast: int, kind: str = "all", page: int = 1
) -> Gallery:
    """The pairs of one contrast (its key) that are of one kind; an unknown kind shows all."""
    kind = kind if kind in _KINDS else "all"
    items = [item for item in frame.items if item.contrast == contrast]
    reports = _reports(study)
    pairs = _pairs(frame, items, reported=set(reports))
    chosen = [pair for pair in pairs if _KINDS[kind][1](pair)]
    if kind == "disputed":
        # All answers different first: nothing is more disputed than that.
        chosen.sort(key=lambda pair: len(set(pair.votes)), reverse=True)
    pages = max(-(-len(chosen) // PAGE), 1)
    page = min(max(page, 1), pages)
    shown = chosen[(page - 1) * PAGE : page * PAGE]
    pictures = Comparison.objects.select_related("prompt", "first", "second").in_bulk(
        [pair.item.comparison for pair in shown]
    )
    return Gallery(
        kinds=tuple(
            Kind(name, label, sum(map(belongs, pairs))) for name, (label, belongs) in _KINDS.items()
        ),
        kind=kind,
        cards=tuple(
            _card(
                pair, pictures[pair.item.comparison], tuple(reports.get(pair.item.comparison, ()))
            )
            for pair in shown
        ),
        page=page,
        pages=pages,
    )


def _pairs(frame: StudyFrame, items: list[ItemRow], *, reported: set[int]) -> list[_Pair]:
    orientation = {item.comparison: item.a_is_first for item in items}
    votes: dict[int, list[Side]] = defaultdict(list)
    for vote in frame.votes:
        if vote.comparison in orientation:
            side = as_side(vote.choice, a_is_first=orientation[vote.comparison])
            votes[vote.comparison].append(side)
    order: list[Side] = ["a", "tie", "b"]
    return [
        _Pair(
            item,
            tuple(sorted(votes[item.comparison], key=order.index)),
            item.comparison in reported,
        )
        for item in items
    ]


def _reports(study: Study) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    rows = Report.objects.filter(comparison__study=study).order_by("at", "pk")
    for row in rows:
        reason = row.get_reason_display()
        found[row.comparison_id].append(f"{reason}: {row.comment}" if row.comment else reason)
    return found


def _card(pair: _Pair, comparison: Comparison, reports: tuple[str, ...]) -> Card:
    a, b = comparison.first, comparison.second
    if not pair.item.a_is_first:
        a, b = b, a
    return Card(
        prompt=comparison.prompt.text,
        prompt_key=comparison.prompt.key,
        a=a,
        b=b,
        squares=vote_squares([_MARKS[side] for side in pair.votes]),
        voted=bool(pair.votes),
        words=_words(pair),
        reports=reports,
    )


def _words(pair: _Pair) -> str:
    item, votes = pair.item, pair.votes
    score = f"{votes.count('a')} to {votes.count('b')}"
    if item.outcome is None:
        return f"Undecided, {score} so far" if votes else "No vote yet"
    if item.outcome == "tie":
        if item.reason == Verdict.Reason.IDENTICAL:
            return "Identical pictures, tie"
        return "All answers differ, tie" if item.reason == Verdict.Reason.SPLIT else f"Tie, {score}"
    name = "Win" if item.outcome == "a" else "Loss"
    criterion = CRITERIA.get(item.deciding, "")
    on = f" on {criterion}" if criterion and item.deciding != "overall" else ""
    return f"{name}, {score}{on}"
