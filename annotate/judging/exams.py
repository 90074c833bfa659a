"""Which items a training round or an exam attempt is made of: balanced, and none twice.

Pure of state: rows in, a drawing out; the generator is passed in. It must not know who passed.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from annotate.analysis.votes import Choice
from annotate.judging.controls import Kind, can_be_given, items, outcome
from annotate.judging.models import Comparison
from annotate.judging.rated import is_rated, top_level
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol


class TooFewItems(ValueError):
    """An attempt for which too few unseen items are left: `left` of the `wanted`."""

    def __init__(self, *, left: int, wanted: int) -> None:
        super().__init__(
            f"{left} exam items are left that this person has not seen; an attempt needs {wanted}. "
            "Add items."
        )
        self.left, self.wanted = left, wanted


@dataclass(frozen=True)
class Drawn:
    """An item at its place of a sitting. `flipped`: its second picture stands on the left."""

    comparison: Comparison
    flipped: bool


def ties_wanted(n_ties: int, protocol: Protocol) -> int:
    """How many items of one attempt are equal pairs: what is there, at most a third."""
    return min(n_ties // protocol.exam_attempts, protocol.exam_items // 3)


def usable(study: Study, kind: str, protocol: Protocol) -> list[Comparison]:
    """The items of a kind whose right answer the protocol lets people give."""
    found = items(study, kind).select_related("prompt", "first", "second")
    return [item for item in found if can_be_given(item.expected or {}, protocol)]


def shortages(study: Study, protocol: Protocol) -> list[str]:
    """Why training and exam cannot be held with the items there are; empty where they can."""
    if not protocol.qualification:
        return []
    said = []
    training = len(usable(study, Kind.TRAINING, protocol))
    if training < protocol.training_pairs:
        said.append(
            f"{training} training items of the {protocol.training_pairs} of one round. Add items "
            "under Training and exam, or ask for fewer training pairs."
        )
    ties, decided = _split(usable(study, Kind.EXAM, protocol))
    per_attempt = protocol.exam_items - ties_wanted(len(ties), protocol)
    needed = per_attempt * protocol.exam_attempts
    if len(decided) < needed and protocol.asks_diversity:
        said.append(
            f"{len(decided)} exam items; {protocol.exam_attempts} attempts of "
            f"{protocol.exam_items} items without a repetition need {needed}. Add items under "
            "Training and exam, or ask for fewer."
        )
    elif len(decided) < needed:
        said.append(
            f"{len(decided)} exam items in which one picture is better, and {len(ties)} equal "
            f"ones; {protocol.exam_attempts} attempts of {protocol.exam_items} items without a "
            f"repetition need {needed} of the former. Add items under Training and exam, or ask "
            "for fewer."
        )
    return said


def draw_exam(
    pool: Sequence[Comparison], protocol: Protocol, *, seen: Collection[int], rng: random.Random
) -> list[Drawn]:
    """One attempt: none of the items `seen` (by id) before; as many right answers left as right.

    Where levels are known instead, as many items of each as the pool allows.

    Raises:
        TooFewItems: too few unseen items are left (a launch checks that there are enough).
    """
    ties, decided = _split(pool)
    n_ties = _ties_left(ties, protocol, seen=seen)
    chosen = _sample(ties, n_ties, seen, rng)
    wanted = protocol.exam_items - n_ties
    if protocol.asks_diversity:
        chosen += _by_level(decided, wanted, seen, rng, attempts=protocol.exam_attempts)
    else:
        chosen += _sample(decided, wanted, seen, rng)
    return sides(chosen, rng=rng)


def missing(
    pool: Sequence[Comparison], protocol: Protocol, *, seen: Collection[int], attempts: int = 1
) -> int:
    """How many more items, in which one picture is better, attempts without `seen` ones need."""
    ties, decided = _split(pool)
    equal = _ties_left(ties, protocol, seen=seen, attempts=attempts)
    wanted = attempts * protocol.exam_items - equal
    return max(0, wanted - sum(item.pk not in seen for item in decided))


def _ties_left(
    ties: Sequence[Comparison], protocol: Protocol, *, seen: Collection[int], attempts: int = 1
) -> int:
    """Equal pairs of attempts: their share, or what those beyond the usual ones find."""
    wanted = attempts * ties_wanted(len(ties), protocol)
    return min(wanted, sum(item.pk not in seen for item in ties))


def draw_training(
    pool: Sequence[Comparison], protocol: Protocol, *, seen: Collection[int], rng: random.Random
) -> list[Drawn]:
    """One round: as many items of each sort (`lesson`) as there are, sides balanced like an exam's.

    Of each sort those not `seen` (by id) in earlier rounds come first. Equal pairs are at most a
    third, as in an exam, unless there is nothing else.
    """
    of_sort: dict[str, list[Comparison]] = defaultdict(list)
    for item in sorted(rng.sample(pool, len(pool)), key=lambda item: item.pk not in seen):
        of_sort[lesson(item)].append(item)
    all_of_it = {sort: len(those) for sort, those in of_sort.items()}
    few_ties = all_of_it | {EQUAL: protocol.training_pairs // 3}
    chosen = _evenly(of_sort, protocol.training_pairs, shares=(few_ties, all_of_it), rng=rng)
    return sides(chosen, rng=rng)


EQUAL, CONFLICT, PLAIN = "equal", "conflict", "plain"


def lesson(item: Comparison) -> str:
    """What an item teaches: its greatest known level; else an equal pair, a conflict, or neither.

    In a conflict a known criterion below the deciding one speaks for the other picture.
    """
    expected = item.expected or {}
    if is_rated(expected):
        return top_level(expected)
    winner = outcome(expected)
    if winner is Choice.TIE:
        return EQUAL
    other = Choice.FIRST if winner is Choice.SECOND else Choice.SECOND
    return CONFLICT if other in expected.values() else PLAIN


def sides(chosen: Sequence[Comparison], *, rng: random.Random) -> list[Drawn]:
    """Shuffle, and let the right answer stand left in half of the decided items, to within one."""
    ties, decided = _split(chosen)
    left = [n % 2 == 0 for n in range(len(decided))]
    if rng.random() < 0.5:
        left = [not one for one in left]
    rng.shuffle(left)
    drawn = [
        Drawn(item, flipped=on_left == (outcome(item.expected or {}) is Choice.SECOND))
        for item, on_left in zip(decided, left, strict=True)
    ]
    drawn += [Drawn(item, flipped=rng.random() < 0.5) for item in ties]
    rng.shuffle(drawn)
    return drawn


def _split(pool: Sequence[Comparison]) -> tuple[list[Comparison], list[Comparison]]:
    """Equal pairs, and those in which one picture is better, or whose levels are known."""
    ties: list[Comparison] = []
    decided: list[Comparison] = []
    for item in pool:
        expected = item.expected or {}
        equal = outcome(expected) is Choice.TIE and not is_rated(expected)
        (ties if equal else decided).append(item)
    return ties, decided


def _sample(
    pool: Sequence[Comparison], wanted: int, seen: Collection[int], rng: random.Random
) -> list[Comparison]:
    return rng.sample(_fresh(pool, wanted, seen), wanted)


def _by_level(
    pool: Sequence[Comparison],
    wanted: int,
    seen: Collection[int],
    rng: random.Random,
    *,
    attempts: int,
) -> list[Comparison]:
    """As many items of each known level, to within one: saying one level of all passes nobody.

    Of a level with few items each attempt takes its share only, so that a later one has some too;
    beyond the shares it takes what is left.
    """
    in_pool = Counter(top_level(item.expected or {}) for item in pool)
    left: dict[str, list[Comparison]] = defaultdict(list)
    fresh = _fresh(pool, wanted, seen)
    for item in rng.sample(fresh, len(fresh)):
        left[top_level(item.expected or {})].append(item)
    own_share = {level: in_pool[level] // attempts for level in left}
    return _evenly(left, wanted, shares=(own_share, in_pool), rng=rng)


def _evenly(
    left: Mapping[str, list[Comparison]],
    wanted: int,
    *,
    shares: Sequence[Mapping[str, int]],
    rng: random.Random,
) -> list[Comparison]:
    """Up to `wanted` items, as many of each sort to within one as the first shares allow.

    Beyond them what the next shares allow. Items are taken from the ends of the lists in `left`.
    """
    sorts = rng.sample(sorted(left), len(left))
    chosen: list[Comparison] = []
    taken = Counter(dict.fromkeys(sorts, 0))
    for share in shares:
        while len(chosen) < wanted:
            open_ones = [one for one in sorts if left[one] and taken[one] < share[one]]
            if not open_ones:
                break
            sort = min(open_ones, key=taken.__getitem__)
            chosen.append(left[sort].pop())
            taken[sort] += 1
    return chosen


def _fresh(pool: Sequence[Comparison], wanted: int, seen: Collection[int]) -> list[Comparison]:
    fresh = [item for item in pool if item.pk not in seen]
    if len(fresh) < wanted:
        raise TooFewItems(left=len(fresh), wanted=wanted)
    return fresh
