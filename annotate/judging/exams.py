"""Which items a training round or an exam attempt is made of: balanced, and none twice.

Pure of state: rows in, a drawing out; the generator is passed in. It must not know who passed.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
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
    """One round: items not `seen` in earlier rounds first, sides balanced like an exam's."""
    fresh = [item for item in pool if item.pk not in seen]
    known = [item for item in pool if item.pk in seen]
    rng.shuffle(fresh)
    rng.shuffle(known)
    return sides((fresh + known)[: protocol.training_pairs], rng=rng)


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
    levels = rng.sample(sorted(left), len(left))
    chosen: list[Comparison] = []
    taken = Counter(dict.fromkeys(levels, 0))
    for share in ({level: in_pool[level] // attempts for level in levels}, in_pool):
        while len(chosen) < wanted:
            open_ones = [one for one in levels if left[one] and taken[one] < share[one]]
            if not open_ones:
                break
            level = min(open_ones, key=taken.__getitem__)
            chosen.append(left[level].pop())
            taken[level] += 1
    return chosen


def _fresh(pool: Sequence[Comparison], wanted: int, seen: Collection[int]) -> list[Comparison]:
    fresh = [item for item in pool if item.pk not in seen]
    if len(fresh) < wanted:
        raise TooFewItems(left=len(fresh), wanted=wanted)
    return fresh
