"""A round of training holds as many items of each sort as there are, of each unseen ones first."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.analysis.diversity import Attribute
from annotate.judging.exams import draw_training, lesson
from annotate.judging.models import Comparison
from annotate.studies.protocol import Protocol

SAME = dict.fromkeys(map(str, Attribute), "0")
OTHER = {"main_object": "2", "tolerance": "1"}
PLAIN = {"alignment": "first"}
CONFLICT = {"alignment": "second", "aesthetics": "first"}
EQUAL = dict.fromkeys(("alignment", "quality", "aesthetics"), "tie")
PAIRWISE, DIVERSITY = "pairwise", "diversity"


def protocol(kind: str, *, pairs: int) -> Protocol:
    return Protocol(kind=kind, training_pairs=pairs, training_pass=1)


def pool_of(*sorts: tuple[dict[str, str], int]) -> list[Comparison]:
    """Items that no database knows, so many of each known answer."""
    known = [expected for expected, count in sorts for _ in range(count)]
    return [Comparison(pk=n, expected=expected) for n, expected in enumerate(known, 1)]


def rounds_of(pool: list[Comparison], asked: Protocol, *, rounds: int, seed: int):
    """The items of each round of one person who passes none."""
    seen: set[int] = set()
    for n in range(rounds):
        drawn = draw_training(pool, asked, seen=seen, rng=random.Random(f"{seed} {n}"))
        items = [one.comparison for one in drawn]
        assert len({item.pk for item in items}) == len(items)
        yield items
        seen |= {item.pk for item in items}


@pytest.mark.parametrize(
    ("expected", "sort"),
    [
        (SAME, "0"),
        (OTHER, "2"),
        (PLAIN, "plain"),
        (EQUAL, "equal"),
        (CONFLICT, "conflict"),
        ({"alignment": "first", "quality": "tie", "aesthetics": "first"}, "plain"),
        ({"alignment": "tie", "quality": "second"}, "plain"),
        ({"alignment": "tie", "quality": "second", "aesthetics": "first"}, "conflict"),
    ],
)
def test_an_item_teaches_its_level_or_how_its_criteria_stand_to_each_other(expected, sort):
    assert lesson(Comparison(expected=expected)) == sort


@given(
    pairs=st.integers(2, 24),
    more=st.lists(st.integers(0, 20), min_size=2, max_size=4),
    seed=st.integers(0, 999),
)
def test_where_each_level_has_its_share_every_round_has_all_alike_to_within_one(pairs, more, seed):
    share = -(-pairs // len(more))
    known = ({"style": str(n)} for n in range(len(more)))
    pool = pool_of(*((one, share + extra) for one, extra in zip(known, more, strict=True)))
    for items in rounds_of(pool, protocol(DIVERSITY, pairs=pairs), rounds=3, seed=seed):
        counts = Counter(lesson(item) for item in items)
        asked = [counts[str(n)] for n in range(len(more))]
        assert sum(asked) == pairs
        assert max(asked) - min(asked) <= 1


@given(equal=st.integers(0, 30), conflict=st.integers(0, 30), seed=st.integers(0, 999))
def test_a_round_of_choices_has_its_conflicts_and_at_most_a_third_of_equal_pairs(
    equal, conflict, seed
):
    pool = pool_of((PLAIN, 30), (CONFLICT, conflict), (EQUAL, equal))
    [items] = rounds_of(pool, protocol(PAIRWISE, pairs=12), rounds=1, seed=seed)
    counts = Counter(lesson(item) for item in items)
    assert sum(counts.values()) == 12
    assert counts["equal"] == min(equal, 4)
    rest = 12 - counts["equal"]
    assert counts["conflict"] in {min(conflict, rest // 2), min(conflict, -(-rest // 2))}


def test_where_there_is_little_else_a_round_is_filled_with_equal_pairs():
    pool = pool_of((PLAIN, 1), (EQUAL, 5))
    [items] = rounds_of(pool, protocol(PAIRWISE, pairs=6), rounds=1, seed=0)
    assert len(items) == 6


@given(seed=st.integers(0, 999))
def test_of_each_sort_a_later_round_takes_what_was_not_seen_first(seed):
    pool = pool_of((SAME, 8), (OTHER, 3))
    first, second = rounds_of(pool, protocol(DIVERSITY, pairs=4), rounds=2, seed=seed)
    again = {item.pk for item in first} & {item.pk for item in second}
    by_level = Counter(lesson(item) for item in pool if item.pk in again)
    assert by_level == {"2": 1}
