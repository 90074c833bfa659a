"""Chooses the pairs a report shows, in serving order: drawn at random, so nothing is picked by eye.

It must not know addresses of pictures; the page asks the store for those.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from annotate.judging.models import Comparison, Report, Verdict
from annotate.reports.canvas import Svg
from annotate.reports.figures import Mark, vote_squares
from annotate.reports.frames import ItemRow, Side, StudyFrame, as_side
from annotate.reports.prompt_analyses import PromptSlice, prompt_slices
from annotate.reports.sentences import CRITERIA
from annotate.sampling.models import Image, Sample
from annotate.sampling.samples import sample_prompt_digest, sample_seed
from annotate.studies.models import Contrast, Method, Study

PAGE = 12
_MARKS: Mapping[Side, Mark] = {"a": "win", "tie": "tie", "b": "lose"}


@dataclass(frozen=True)
class Kind:
    """A filter of the gallery and how many pairs it holds."""

    name: str
    label: str
    count: int


@dataclass(frozen=True)
class Part:
    """A slice of prompts, under the name it has in the report, and how many pairs it holds."""

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
    # The pictures' samples, with seeds and recipe; None where nobody asked for them.
    a_sample: int | None = None
    b_sample: int | None = None


@dataclass(frozen=True)
class Gallery:
    """One page of pairs."""

    kinds: tuple[Kind, ...]
    kind: str
    cards: tuple[Card, ...]
    page: int
    pages: int
    # The slices that the report has, by property; `part` is the chosen one's name, "" for all.
    axes: tuple[tuple[str, tuple[Part, ...]], ...] = ()
    part: str = ""


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
    study: Study,
    frame: StudyFrame,
    *,
    contrast: int,
    kind: str = "all",
    part: str = "",
    page: int = 1,
    samples: bool = False,
) -> Gallery:
    """The pairs of one contrast (its key) that are of one kind and one slice of prompts.

    An unknown kind shows all, an unknown slice too.

    Args:
        part: the name of a slice of the contrast, as the report's tables have it.
        samples: also name each picture's sample, for those who may open its record.
    """
    kind = kind if kind in _KINDS else "all"
    items = [item for item in frame.items if item.contrast == contrast]
    reports = _reports(study)
    slices = prompt_slices(items, frame.prompts)
    inside = next((found.prompts for found in slices if found.name == part), None)
    axes = _parts(slices, items)
    pairs = _pairs(
        frame,
        [item for item in items if inside is None or item.prompt in inside],
        reported=set(reports),
    )
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
    made = _samples(study, contrast, list(pictures.values())) if samples else {}
    return Gallery(
        kinds=tuple(
            Kind(name, label, sum(map(belongs, pairs))) for name, (label, belongs) in _KINDS.items()
        ),
        kind=kind,
        cards=tuple(
            _card(
                pair,
                pictures[pair.item.comparison],
                tuple(reports.get(pair.item.comparison, ())),
                made,
            )
            for pair in shown
        ),
        page=page,
        pages=pages,
        axes=axes,
        part="" if inside is None else part,
    )


def _parts(
    slices: Sequence[PromptSlice], items: Sequence[ItemRow]
) -> tuple[tuple[str, tuple[Part, ...]], ...]:
    pairs = Counter(item.prompt for item in items)
    found: dict[str, list[Part]] = defaultdict(list)
    for each in slices:
        count = sum(pairs[prompt] for prompt in each.prompts)
        found[each.axis].append(Part(each.name, each.label, count))
    return tuple((axis, tuple(parts)) for axis, parts in found.items())


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


# A sample's key by the side of its method, its prompt, replica and picture.
_Samples = Mapping[tuple[Side, int, int, int], int]


def _samples(study: Study, contrast: int, shown: Sequence[Comparison]) -> _Samples:
    """The samples of either method whose pictures these comparisons show."""
    row = Contrast.objects.select_related("a", "b").get(pk=contrast)
    seed = study.read_protocol().seed
    prompts = {comparison.prompt_id: comparison.prompt for comparison in shown}.values()
    places: dict[tuple[str, str, int], list[tuple[Side, int]]] = defaultdict(list)
    sides: tuple[tuple[Side, Method], ...] = (("a", row.a), ("b", row.b))
    for side, method in sides:
        for prompt in prompts:
            key = (
                method.digest,
                sample_prompt_digest(method, prompt),
                sample_seed(method, seed=seed),
            )
            places[key].append((side, prompt.pk))
    images = {image for c in shown for image in (c.first_id, c.second_id)}
    rows = Sample.objects.filter(
        method_digest__in={row.a.digest, row.b.digest},
        prompt_digest__in={digest for _, digest, _ in places},
        image__in=images,
    ).values_list("method_digest", "prompt_digest", "seed", "replica", "image_id", "pk")
    return {
        (side, prompt, replica, image): pk
        for method_digest, digest, own, replica, image, pk in rows
        for side, prompt in places.get((method_digest, digest, own), ())
    }


def _card(pair: _Pair, comparison: Comparison, reports: tuple[str, ...], samples: _Samples) -> Card:
    a, b = comparison.first, comparison.second
    if not pair.item.a_is_first:
        a, b = b, a
    prompt, replica = comparison.prompt_id, pair.item.replica
    return Card(
        prompt=comparison.prompt.text,
        prompt_key=comparison.prompt.key,
        a=a,
        b=b,
        squares=vote_squares([_MARKS[side] for side in pair.votes]),
        voted=bool(pair.votes),
        words=_words(pair),
        reports=reports,
        a_sample=samples.get(("a", prompt, replica, a.pk)),
        b_sample=samples.get(("b", prompt, replica, b.pk)),
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
