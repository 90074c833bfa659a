"""Bands that draw votes, or annotators, again: what they must be where the answer is known."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from annotate.analysis.contrast import Result
from annotate.analysis.oracle import OracleCurve, curve
from annotate.analysis.oracle_bands import Over, Redrawn, draw_crossed, draw_votes
from annotate.analysis.oracle_models import SymmetricOracle
from annotate.analysis.oracle_table import Rule, tabulate
from tests.analysis.branches import COST, LETTERS, random_branches, results

GRID = tuple(p / 20 for p in range(10, 21))
Votes = list[list[Result]]
Names = list[list[str]]


def plurality(votes: Sequence[Result]) -> Result:
    (leader, most), *others = Counter(votes).most_common()
    return Result.TIE if others and others[0][1] == most else leader


def judged(n: int, people: int, *, taste: float, seed: int) -> tuple[Votes, Names, Votes, Names]:
    """Three votes on both branches of every prompt; `taste` is the spread of annotators' leans."""
    rng = np.random.default_rng(seed)
    lean, quality = taste * rng.normal(size=people), rng.normal(size=n)
    columns = []
    for shift in (-0.1, 0.3):
        votes, names = [], []
        for worth in quality:
            who = rng.choice(people, 3, replace=False)
            seen = worth + shift + lean[who] + rng.normal(size=3)
            votes.append([LETTERS["W" if v > 0.3 else "L" if v < -0.3 else "T"] for v in seen])
            names.append([f"a{w}" for w in who])
        columns += [votes, names]
    return tuple(columns)  # type: ignore[return-value]


def banded(
    student: Votes,
    refined: Votes,
    redrawn: Redrawn | None,
    *,
    groups: Sequence[int] | None = None,
    resamples: int = 400,
) -> OracleCurve:
    verdicts = ([plurality(v) for v in column] for column in (student, refined))
    return curve(
        tabulate(*verdicts, rule=Rule.NOT_WORSE, groups=groups),
        SymmetricOracle(GRID),
        cost=COST,
        rng=np.random.default_rng(7),
        resamples=resamples,
        redrawn=redrawn,
    )


def width(found: OracleCurve, name: str = "win") -> float:
    assert found.band is not None
    return float((getattr(found.band.high, name) - getattr(found.band.low, name)).mean())


def votes_of(student: Votes, refined: Votes, **given: object) -> Redrawn:
    return draw_votes(student, refined, rule=Rule.NOT_WORSE, **given)  # type: ignore[arg-type]


def crossed(
    student: Votes, by: Names, refined: Votes, by_refined: Names, *, units: Sequence[object] = ()
) -> Redrawn:
    return draw_crossed(
        student,
        refined,
        student_by=by,
        refined_by=by_refined,
        units=list(units) or range(len(student)),
        rule=Rule.NOT_WORSE,
    )


def test_votes_that_are_all_alike_leave_the_band_over_prompts() -> None:
    student, refined = ([[r] * 3 for r in column] for column in random_branches(80))
    plain = banded(student, refined, None, resamples=20_000)
    drawn = banded(student, refined, votes_of(student, refined), resamples=20_000)
    assert plain.band is not None
    assert drawn.band is not None
    assert (plain.band.over, drawn.band.over) == (Over.PROMPTS, Over.VOTES)
    for name in ("win", "tie", "lose", "score"):
        for end in ("low", "high"):
            one, other = (getattr(getattr(c.band, end), name) for c in (plain, drawn))
            # Two sets of draws; the step between two quantiles is one prompt of 80.
            assert np.abs(one - other).max() <= 1 / 80 + 1e-9


def test_prompts_and_votes_that_are_all_alike_leave_no_band_at_all() -> None:
    student, refined = [results("LLL")] * 12, [results("WWW")] * 12
    names = [[f"a{i}", f"b{i}", "c"] for i in range(12)]
    for redrawn in (
        votes_of(student, refined),
        votes_of(student, refined, groups=[i // 3 for i in range(12)]),
        crossed(student, names, refined, names),
    ):
        found = banded(student, refined, redrawn)
        assert found.band is not None
        for name in ("win", "tie", "lose"):
            for end in (found.band.low, found.band.high):
                assert np.allclose(getattr(end, name), getattr(found.rates, name))


@pytest.mark.parametrize("votes", ["WWT", "WTL", "WWWLL", "WL", "T", "WWTL"])
def test_chances_of_verdicts_are_those_of_all_ways_to_draw_the_votes(votes: str) -> None:
    cast = results(votes)
    drawn = Counter(plurality(way) for way in itertools.product(cast, repeat=len(cast)))
    total = sum(drawn.values())
    found = draw_votes([cast], [results("W")], rule=Rule.NOT_WORSE)
    expected = [drawn[result] / total for result in LETTERS.values()]
    assert found.chances.reshape(3, 3)[:, 0] == pytest.approx(expected)


def test_drawn_votes_lean_towards_ties() -> None:
    """Drawn from two wins and a tie, two of three are wins 20 of 27 times; from one each, 7."""
    student, refined = [results("WTL")] * 50 + [results("WWT")] * 50, [results("TTT")] * 100
    found = banded(student, refined, votes_of(student, refined))
    assert found.band is not None
    # Decided right the student's are kept: 50 wins of 100 by their verdicts.
    assert found.rates.win[-1] == 0.5
    shares = votes_of(student, refined).resampled(4000, rng=np.random.default_rng(1))
    assert shares.sum(axis=(1, 3))[:, 0].mean() == pytest.approx(
        0.5 * (7 / 27) + 0.5 * (20 / 27), abs=0.005
    )


@pytest.mark.parametrize("grouped", [False, True])
def test_draws_of_votes_have_the_mean_and_spread_of_prompts_drawn_one_by_one(grouped: bool) -> None:
    """The same by hand: draw a group, then in each of its prompts its votes."""
    student, _, refined, _ = judged(24, 6, taste=0.0, seed=3)
    groups = [i // 3 for i in range(24)] if grouped else list(range(24))
    rng = np.random.default_rng(4)
    by_hand = []
    for _ in range(3000):
        wins, total = 0, 0
        for group in rng.integers(len(set(groups)), size=len(set(groups))):
            for i in (i for i, g in enumerate(groups) if g == group):
                again = [student[i][j] for j in rng.integers(3, size=3)]
                wins += plurality(again) is Result.WIN
                total += 1
        by_hand.append(wins / total)
    redrawn = votes_of(student, refined, groups=groups if grouped else None)
    drawn = redrawn.resampled(3000, rng=rng).sum(axis=(1, 3))[:, 0]
    assert drawn.mean() == pytest.approx(np.mean(by_hand), abs=0.01)
    assert drawn.std() == pytest.approx(np.std(by_hand), rel=0.1)


def test_draws_of_annotators_are_those_of_weights_by_hand() -> None:
    """Two annotators, one prompt: both drawn once, or one of them twice."""
    student, refined = [results("WL")], [results("TT")]
    names = [["a", "b"]]
    shares = crossed(student, names, refined, names).resampled(8000, rng=np.random.default_rng(2))
    rates = shares.sum(axis=(1, 3)).mean(axis=0)
    assert rates == pytest.approx([0.25, 0.5, 0.25], abs=0.02)


def test_a_prompt_whose_annotators_were_not_drawn_is_left_out_of_the_draw() -> None:
    student, refined = [results("W"), results("L")], [results("T")] * 2
    names = [["a"], ["b"]]
    shares = crossed(student, names, refined, names).resampled(500, rng=np.random.default_rng(2))
    # Prompts drawn (1, 1) and annotators (2, 0) leave the first alone; (2, 0) and (0, 2) nothing.
    assert len(shares) < 500
    assert np.allclose(shares.sum(axis=(1, 2, 3)), 1)
    assert set(np.unique(shares.sum(axis=(1, 3))[:, 0])) == {0.0, 0.5, 1.0}


def test_what_nobody_cast_stays_in_every_draw() -> None:
    """Identical pictures tie without asking."""
    student, refined = [results("TTT")] * 5, [results("TTT")] * 5
    names = [[None] * 3 for _ in range(5)]
    drawn = draw_crossed(
        student, refined, student_by=names, refined_by=names, units=range(5), rule=Rule.NOT_WORSE
    )
    shares = drawn.resampled(50, rng=np.random.default_rng(1))
    assert len(shares) == 50
    assert np.allclose(shares[:, 1, 1, 1], 1)


@pytest.mark.parametrize("taste", [0.0, 1.0])
def test_on_average_the_crossed_band_is_at_least_as_wide_as_either_other(taste: float) -> None:
    widths = []
    for seed in range(8):
        student, by, refined, by_refined = judged(60, 6, taste=taste, seed=seed)
        bands = (
            None,
            votes_of(student, refined),
            crossed(student, by, refined, by_refined),
        )
        widths.append([width(banded(student, refined, drawn)) for drawn in bands])
    prompts, votes, both = np.mean(widths, axis=0)
    assert both >= prompts
    assert both >= votes
    # Drawn with one verdict each, prompts hold the noise of their votes already.
    assert votes == pytest.approx(prompts, rel=0.1)
    # Six annotators with tastes of their own are what the others cannot see.
    assert taste == 0 or both > 1.8 * max(prompts, votes)


def test_rows_in_another_order_do_not_move_a_crossed_band() -> None:
    student, by, refined, by_refined = judged(30, 8, taste=0.5, seed=1)
    one = banded(student, refined, crossed(student, by, refined, by_refined))
    order = np.random.default_rng(5).permutation(30).tolist()
    turned = [[column[i] for i in order] for column in (student, by, refined, by_refined)]
    other = banded(turned[0], turned[2], crossed(*turned, units=order))
    assert one.band is not None
    assert other.band is not None
    assert np.array_equal(one.band.low.win, other.band.low.win)
    assert np.array_equal(one.band.high.lose, other.band.high.lose)


def test_prompts_of_one_group_are_drawn_together() -> None:
    student, by, refined, by_refined = judged(60, 30, taste=0.0, seed=2)
    twice = [[*column, *column] for column in (student, by, refined, by_refined)]
    groups = [*range(60), *range(60)]
    for alone, together in (
        (votes_of(twice[0], twice[2]), votes_of(twice[0], twice[2], groups=groups)),
        (crossed(*twice), crossed(*twice, units=groups)),
    ):
        spread = [
            drawn.resampled(800, rng=np.random.default_rng(3)).sum(axis=(1, 3))[:, 0].std()
            for drawn in (alone, together)
        ]
        assert spread[1] > 1.1 * spread[0]


def test_votes_that_cannot_be_drawn_are_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="1 of 2 prompts have no votes on a branch"):
        votes_of([results("W"), []], [results("W"), results("W")])
    with pytest.raises(ValueError, match="there is no prompt"):
        votes_of([], [])
    with pytest.raises(ValueError, match="prompt 1 has 2 votes and 1 annotators"):
        crossed([results("WL")], [["a"]], [results("W")], [["a"]])
