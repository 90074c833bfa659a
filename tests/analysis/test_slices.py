import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.analysis.significance import benjamini_hochberg, sign_test
from annotate.analysis.slices import corrected_together, slice_members, slice_table, words
from annotate.analysis.winrate import TieConvention
from tests.analysis.crowds import results, swapped

letters = st.text("WTL-", min_size=4, max_size=60)


def by_label(table):
    return {(row.axis, row.label): row for row in table.slices}


def two_sources():
    return results("W" * 40 + "L" * 20 + "T" * 5 + "W" * 18 + "L" * 22 + "-"), (
        ["coco"] * 65 + ["laion"] * 41
    )


def test_words_are_slices_as_they_are():
    given_, sources = two_sources()
    rows = by_label(slice_table(given_, {"source": sources}))
    coco, laion = rows["source", "coco"], rows["source", "laion"]
    assert (coco.rate.wins, coco.rate.ties, coco.rate.losses) == (40, 5, 20)
    assert (coco.prompts, coco.undecided, laion.prompts, laion.undecided) == (65, 0, 41, 1)
    raw = [sign_test(40, 20).p_value, sign_test(18, 22).p_value]
    assert [coco.rate.p_value, laion.rate.p_value] == pytest.approx(raw)
    assert [coco.adjusted_p, laion.adjusted_p] == pytest.approx(benjamini_hochberg(raw))


def test_whether_slices_differ_is_tested_by_axis():
    given_, sources = two_sources()
    axis = slice_table(given_, {"source": sources}).axes[0]
    # Pearson's chi-squared of [[40, 20], [18, 22]] by hand.
    assert axis.statistic == pytest.approx(100 * (40 * 22 - 20 * 18) ** 2 / (60 * 40 * 58 * 42))
    assert (axis.df, axis.n, axis.slices, axis.unknown) == (1, 100, 2, 0)
    assert axis.adjusted_p == axis.p_value


def test_numbers_are_cut_at_quantiles():
    values = list(range(1, 101))
    table = slice_table(results("WL" * 50), {"complexity": values}, bins=4)
    assert [row.label for row in table.slices] == ["1 to 25", "26 to 50", "51 to 75", "76 to 100"]
    assert [row.prompts for row in table.slices] == [25, 25, 25, 25]


def test_numbers_are_cut_at_given_edges_and_an_edge_belongs_below():
    lengths = [3, 7, 8, 12, 13, 40]
    table = slice_table(results("WWWLLL"), {"length": lengths}, edges={"length": (7, 12)})
    assert [(row.label, row.prompts) for row in table.slices] == [
        ("up to 7", 2),
        ("over 7, up to 12", 2),
        ("over 12", 2),
    ]


def test_values_that_repeat_make_fewer_bins_and_lose_nobody():
    table = slice_table(results("W" * 90 + "L" * 10), {"objects": [1] * 90 + [2] * 10}, bins=4)
    assert [(row.label, row.prompts) for row in table.slices] == [("1", 90), ("2", 10)]


def test_a_slice_too_small_is_shown_and_not_tested():
    table = slice_table(results("W" * 30 + "W" * 19), {"source": ["a"] * 30 + ["b"] * 19})
    large, small = table.slices
    assert (large.too_small, small.too_small) == (False, True)
    assert small.adjusted_p is None
    assert small.rate.wins == 19
    assert large.adjusted_p == pytest.approx(large.rate.p_value)
    assert (table.tested, table.too_small, table.minimum) == (1, 1, 20)
    assert table.axes[0].p_value is None


def test_prompts_without_the_property_are_counted():
    axes = {"distance": [0.1, None, 0.3, None], "source": ["a", "a", None, "a"]}
    table = slice_table(results("WLW-"), axes)
    assert [axis.unknown for axis in table.axes] == [2, 1]
    assert (table.n, table.undecided) == (3, 1)
    assert sum(row.prompts for row in table.slices if row.axis == "distance") == 2


@given(letters, st.lists(st.integers(0, 6), min_size=60, max_size=60))
def test_every_prompt_falls_into_exactly_one_slice(text, values):
    table = slice_table(results(text), {"n": values[: len(text)]}, minimum=3)
    assert sum(row.prompts for row in table.slices) == len(text)
    assert sum(row.rate.wins for row in table.slices) == text.count("W")
    assert sum(row.undecided for row in table.slices) == text.count("-")


@given(letters, st.lists(st.sampled_from("abc"), min_size=60, max_size=60))
def test_swapping_the_methods_mirrors_every_slice(text, values):
    axes = {"source": values[: len(text)]}
    plain = slice_table(results(text), axes, minimum=3)
    turned = slice_table(swapped(results(text)), axes, minimum=3)
    for one, other in zip(plain.slices, turned.slices, strict=True):
        assert (one.label, one.rate.wins) == (other.label, other.rate.losses)
        assert one.adjusted_p == pytest.approx(other.adjusted_p)
        if one.rate.low is not None:
            assert one.rate.low == pytest.approx(1 - other.rate.high)
    assert plain.axes[0].p_value == pytest.approx(turned.axes[0].p_value)


@given(st.randoms(use_true_random=False))
def test_the_order_of_prompts_changes_nothing(random):
    draw = np.random.default_rng(2)
    rows = list(
        zip(draw.choice(list("WTL-"), 80).tolist(), draw.normal(size=80).tolist(), strict=True)
    )

    def table():
        return slice_table(results(r[0] for r in rows), {"x": [r[1] for r in rows]}, minimum=5)

    plain = table()
    random.shuffle(rows)
    assert table() == plain


def test_many_null_slices_stay_quiet():
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(30):
        axes = {f"axis {i}": rng.normal(size=400).tolist() for i in range(4)}
        table = slice_table(results(rng.choice(["W", "L"], 400)), axes)
        alarms += any(row.adjusted_p < 0.05 for row in table.slices)
    assert alarms / 30 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 30)


def test_a_real_difference_is_found_in_its_axis_only():
    rng = np.random.default_rng(4)
    length = rng.integers(3, 30, 600)
    won = rng.random(600) < np.where(length > 15, 0.7, 0.45)
    axes = {"length": length.tolist(), "noise": rng.normal(size=600).tolist()}
    table = slice_table(results(np.where(won, "W", "L")), axes, edges={"length": (15,)})
    found = {axis.axis: axis.adjusted_p for axis in table.axes}
    assert found["length"] < 0.001 < 0.05 < found["noise"]


def test_the_convention_is_that_of_the_rates():
    table = slice_table(results("WTTL"), {"s": ["a"] * 4}, convention=TieConvention.HALF)
    assert (table.slices[0].rate.n, table.slices[0].rate.estimate) == (4, 0.5)


@pytest.mark.parametrize(
    ("axes", "options", "message"),
    [
        ({"x": ["a", 1]}, {}, "mixes words and numbers"),
        ({"x": [1.0, float("nan")]}, {}, "None if unknown"),
        ({"x": [1.0]}, {}, "one row per prompt"),
        ({"x": [1, 2]}, {"edges": {"x": (5, 5)}}, "ascending"),
        ({"x": [1, 2]}, {"edges": {"y": (5,)}}, "no axes"),
        ({"x": ["a", "b"]}, {"edges": {"x": (5,)}}, "edges are for numbers"),
        ({"x": [1, 2]}, {"bins": 1}, "bins=1"),
    ],
)
def test_what_cannot_be_sliced_is_refused(axes, options, message):
    with pytest.raises(ValueError, match=message):
        slice_table(results("WL"), axes, **options)


def test_the_length_of_a_prompt_is_its_words():
    assert words("a cat,  sitting\non a mat") == 6
    assert words("") == 0


def test_rows_beside_the_table_fall_into_its_slices_by_their_own_property():
    axes = {"words": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, None], "set": ["a"] * 4 + ["b"] * 4}
    others = {"words": [0.0, 2.1, 2.6, 99.0, None], "set": ["b", "a", "c", None, "b"]}
    found = {(s.axis, s.label): s.rows for s in slice_members(axes, others)}
    # Cuts lie at 2.5, 4 and 5.5.
    assert found == {
        ("words", "1 to 2"): (0, 1),
        ("words", "3 to 4"): (2,),
        ("words", "5"): (),
        ("words", "6 to 7"): (3,),
        ("set", "a"): (1,),
        ("set", "b"): (0, 4),
    }


@given(st.lists(st.one_of(st.none(), st.integers(-9, 9).map(float)), min_size=1, max_size=60))
def test_the_rows_of_a_table_are_the_members_of_its_slices(values):
    table = slice_table(results("W" * len(values)), {"x": values})
    members = slice_members({"x": values}, {"x": values})
    assert [(s.label, s.prompts) for s in table.slices] == [(m.label, len(m.rows)) for m in members]
    placed = [row for m in members for row in m.rows]
    assert sorted(placed) == [row for row, value in enumerate(values) if value is not None]


def test_tables_corrected_together_are_one_family_of_slices_and_one_of_axes():
    one = slice_table(results("W" * 40 + "L" * 40), {"x": ["a"] * 40 + ["b"] * 40})
    two = slice_table(results("WL" * 40), {"x": ["a"] * 40 + ["b"] * 40})
    together = corrected_together([one, two])
    slices = [row for table in together for row in table.slices]
    raw = [row.rate.p_value for row in slices]
    assert [row.adjusted_p for row in slices] == list(benjamini_hochberg(raw))
    assert [t.axes[0].adjusted_p for t in together] == list(
        benjamini_hochberg([t.axes[0].p_value for t in together])
    )
    assert together[0].slices[0].adjusted_p > one.slices[0].adjusted_p
    assert corrected_together(together) == together
    assert corrected_together([one]) == (one,)
