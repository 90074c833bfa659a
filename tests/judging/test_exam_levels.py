"""An exam of diversity asks as often for each known level as its items allow."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.analysis.diversity import Attribute
from annotate.judging.exams import draw_exam
from annotate.judging.models import Comparison
from annotate.judging.rated import top_level
from annotate.studies.protocol import Protocol

SAME = dict.fromkeys(map(str, Attribute), "0")
OTHER = {"main_object": "2", "tolerance": "1"}


def protocol(*, items: int, attempts: int) -> Protocol:
    return Protocol(kind="diversity", exam_items=items, exam_pass=1, exam_attempts=attempts)


def pool_of(*levels: tuple[dict[str, str], int]) -> list[Comparison]:
    """Items that no database knows, so many of each known answer."""
    known = [expected for expected, count in levels for _ in range(count)]
    return [Comparison(pk=n, expected=expected) for n, expected in enumerate(known, 1)]


def attempts_of(pool: list[Comparison], asked: Protocol, seed: int) -> list[Counter[str]]:
    """How often each level comes in each attempt of one person; no item comes twice."""
    seen: set[int] = set()
    found = []
    for n in range(asked.exam_attempts):
        drawn = draw_exam(pool, asked, seen=seen, rng=random.Random(f"{seed} {n}"))
        items = {one.comparison.pk for one in drawn}
        assert len(items) == asked.exam_items
        assert not items & seen
        seen |= items
        found.append(Counter(top_level(one.comparison.expected) for one in drawn))
    return found


@pytest.mark.parametrize(
    ("expected", "level"),
    [
        (SAME, "0"),
        (OTHER, "2"),
        ({"style": "0", "background": "1"}, "1"),
        ({"style": "cannot", "background": "0"}, "0"),
        ({"style": "cannot"}, "cannot"),
    ],
)
def test_an_item_counts_as_the_greatest_level_that_is_known_of_it(expected, level):
    assert top_level(expected) == level


@given(
    items=st.integers(2, 24),
    attempts=st.integers(1, 3),
    more=st.lists(st.integers(0, 20), min_size=2, max_size=4),
    seed=st.integers(0, 999),
)
def test_where_each_level_has_its_share_for_every_attempt_counts_differ_by_one(
    items, attempts, more, seed
):
    share = -(-items // len(more)) * attempts
    known = ({"style": str(n)} for n in range(len(more)))
    pool = pool_of(*((one, share + extra) for one, extra in zip(known, more, strict=True)))
    for counts in attempts_of(pool, protocol(items=items, attempts=attempts), seed):
        asked = [counts[str(n)] for n in range(len(more))]
        assert max(asked) - min(asked) <= 1


@given(same=st.integers(0, 40), items=st.integers(2, 20), seed=st.integers(0, 999))
def test_where_one_level_is_scarce_all_attempts_have_as_much_of_it(same, items, seed):
    pool = pool_of((SAME, same), (OTHER, 2 * items))
    first, second = attempts_of(pool, protocol(items=items, attempts=2), seed)
    assert abs(first["0"] - second["0"]) <= 1
    assert min(first["0"], second["0"]) >= min(same // 2, items // 2)
