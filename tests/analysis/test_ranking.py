import csv

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from annotate.analysis.contrast import Result
from annotate.analysis.ranking import PSEUDO_WINS, DisconnectedError, Match, _solve, rank
from annotate.analysis.ranking_bootstrap import solve_many

NAMES = ("A", "B", "C", "D")
BASEBALL = {
    "Mil": (0, 7, 9, 7, 7, 9, 11),
    "Det": (6, 0, 7, 5, 11, 9, 9),
    "Tor": (4, 6, 0, 7, 7, 8, 12),
    "NY": (6, 8, 6, 0, 6, 7, 10),
    "Bos": (6, 2, 6, 7, 0, 7, 12),
    "Cle": (4, 4, 5, 6, 6, 0, 6),
    "Bal": (2, 4, 1, 3, 1, 7, 0),
}


def played(challenger, opponent, wins=0, ties=0, losses=0):
    counts = ((Result.WIN, wins), (Result.TIE, ties), (Result.LOSS, losses))
    drawn = [result for result, count in counts for _ in range(count)]
    return [
        Match(challenger, opponent, r, f"{challenger}{opponent}{i}") for i, r in enumerate(drawn)
    ]


def ranked(matches, **given):
    return rank(matches, **{"rng": np.random.default_rng(2), "resamples": 20} | given)


def logs(ranking):
    return {s.method: s.log_strength for s in ranking.strengths}


def test_30_wins_to_10_are_a_log_odds_of_ln_3():
    found = logs(ranked(played("A", "B", wins=30, losses=10)))
    assert found["A"] - found["B"] == pytest.approx(1.098612, abs=1e-6)


def test_the_baseball_season_gives_the_textbook_strengths():
    teams = list(BASEBALL)
    matches = [
        match
        for team, row in BASEBALL.items()
        for other, wins in zip(teams, row, strict=True)
        for match in played(team, other, wins=wins)
    ]
    found = logs(ranked(matches, resamples=2))
    above = [found[team] - found["Bal"] for team in teams]
    assert above == pytest.approx([1.581, 1.436, 1.294, 1.248, 1.108, 0.684, 0], abs=5e-4)
    # An independent second opinion: Bradley and Terry's model is a logit without an intercept.
    wins = np.array(list(BASEBALL.values()))
    i, j = np.triu_indices(len(teams), 1)
    design = (np.eye(len(teams))[i] - np.eye(len(teams))[j])[:, :-1]
    counts = np.column_stack([wins[i, j], wins[j, i]])
    logit = sm.GLM(counts, design, family=sm.families.Binomial()).fit(tol=1e-12)
    assert above[:-1] == pytest.approx(logit.params, abs=1e-6)


@pytest.mark.realdata
def test_the_food_set_gives_its_golden_strengths(real_data):
    folder = real_data / "bt_food_toy"
    result = {"left": Result.WIN, "right": Result.LOSS, "tie": Result.TIE}
    with (folder / "food.csv").open() as file:
        matches = [
            Match(row["left"], row["right"], result[row["winner"]], i)
            for i, row in enumerate(csv.DictReader(file))
        ]
    for model, name in (("bradley-terry", "bradley_terry"), ("newman", "newman")):
        with (folder / "food-golden.csv").open() as file:
            golden = {
                row["item"]: float(row["score"])
                for row in csv.DictReader(file)
                if row["algorithm"] == name
            }
        found = logs(ranked(matches, model=model, resamples=2))
        assert golden
        wanted = {item: np.log(score) for item, score in golden.items()}
        centre = np.mean(list(wanted.values()))
        assert found == pytest.approx({k: v - centre for k, v in wanted.items()}, abs=1e-4)


matches_of_four = st.lists(
    st.tuples(st.permutations(NAMES), st.sampled_from(list(Result))), min_size=8, max_size=40
)


@given(matches_of_four)
@settings(max_examples=25)
def test_who_is_named_first_changes_nothing(drawn):
    ring = [Match(a, b, Result.TIE, f"{a}{b}") for a, b in zip(NAMES, "BCDA", strict=True)]
    matches = ring + [Match(p[0], p[1], r, i) for i, (p, r) in enumerate(drawn)]
    turned = [Match(m.opponent, m.challenger, m.result.mirrored(), m.group) for m in matches]
    assert logs(ranked(turned, resamples=2)) == pytest.approx(logs(ranked(matches, resamples=2)))


def test_newman_is_the_maximum_of_its_likelihood():
    matches = (
        played("A", "B", wins=9, ties=4, losses=3)
        + played("B", "C", wins=5, ties=6, losses=5)
        + played("C", "A", wins=2, ties=3, losses=8)
    )
    found = ranked(matches, model="newman", resamples=2)

    def cost(free):
        log_s = dict(zip("ABC", [*free[:2], -free[0] - free[1]], strict=True))
        total = 0.0
        for m in matches:
            a, b = np.exp(log_s[m.challenger]), np.exp(log_s[m.opponent])
            tie = 2 * np.exp(free[2]) * np.sqrt(a * b)
            share = {Result.WIN: a, Result.LOSS: b, Result.TIE: tie}[m.result]
            total -= np.log(share / (a + b + tie))
        return total

    best = minimize(cost, np.zeros(3), method="BFGS", options={"gtol": 1e-9})
    assert [logs(found)["A"], logs(found)["B"]] == pytest.approx(best.x[:2], abs=1e-6)
    assert found.tie_strength == pytest.approx(np.exp(best.x[2]), abs=1e-6)


def test_prompts_of_one_group_are_drawn_together():
    rng = np.random.default_rng(4)
    outcomes = rng.choice([Result.WIN, Result.LOSS], 80, p=(0.6, 0.4)).tolist()
    alone = [Match("A", "B", r, (i, k)) for i, r in enumerate(outcomes) for k in range(4)]
    together = [Match(m.challenger, m.opponent, m.result, m.group[0]) for m in alone]

    def width(matches):
        first = ranked(matches, resamples=600).strengths[0]
        return first.high - first.low

    assert width(together) / width(alone) == pytest.approx(2, rel=0.15)


def test_an_unbeaten_method_is_warned_about_and_stays_finite():
    found = ranked(played("A", "B", wins=5) + played("B", "C", wins=3, losses=3))
    assert found.regularised
    assert "A never lost" in found.warning
    assert all(np.isfinite([s.log_strength, s.low, s.high]).all() for s in found.strengths)
    assert found.strengths[0].method == "A"


def test_a_beaten_method_needs_no_pseudo_wins():
    found = ranked(played("A", "B", wins=50, losses=30))
    assert (found.regularised, found.warning) == (False, "")


def test_islands_have_no_common_scale():
    with pytest.raises(DisconnectedError, match="no comparison joins A, B with C, D"):
        ranked(played("A", "B", wins=2, losses=1) + played("C", "D", wins=1, losses=1))


def test_ties_pull_strengths_together_under_bradley_terry_and_are_modelled_by_newman():
    decided = played("A", "B", wins=30, losses=10)
    tied = decided + played("A", "B", ties=40)
    bt, newman = (ranked(tied, model=m) for m in ("bradley-terry", "newman"))
    gap = {r.model: logs(r)["A"] - logs(r)["B"] for r in (bt, newman)}
    assert gap["bradley-terry"] == pytest.approx(np.log(50 / 30), abs=1e-6)
    assert gap["newman"] == pytest.approx(np.log(3), abs=1e-5)
    assert newman.tie_strength == pytest.approx(40 / (2 * np.sqrt(300)), rel=1e-4)


@pytest.mark.parametrize(
    ("matches", "given", "message"),
    [
        ([], {}, "no decided prompt"),
        ([Match("A", "A", Result.WIN, 0)], {}, "meets itself"),
        (played("A", "B", wins=1), {"model": "elo"}, "model='elo' is unknown"),
    ],
)
def test_what_cannot_be_ranked_is_refused(matches, given, message):
    with pytest.raises(ValueError, match=message):
        ranked(matches, **given)


@pytest.mark.parametrize("star", [False, True])
def test_many_resamples_at_once_are_what_another_library_gives_each(star: bool) -> None:
    rng = np.random.default_rng(0)
    wins, ties = rng.integers(0, 30, (12, 4, 4)) * 1.0, rng.integers(0, 20, (12, 4, 4)) * 1.0
    # Few comparisons, so that some tables have no finite answer without pseudo wins.
    wins[:4] = rng.integers(0, 2, (4, 4, 4))
    ties = np.triu(ties, 1) + np.triu(ties, 1).transpose(0, 2, 1)
    met = np.zeros((4, 4)) if star else np.ones((4, 4))
    met[0] = met[:, 0] = 1
    np.fill_diagonal(met, 0)
    wins, ties = wins * met, ties * met
    found = solve_many(wins, ties, newman=False, pseudo_wins=PSEUDO_WINS)
    for row, (own_wins, own_ties) in enumerate(zip(wins, ties, strict=True)):
        alone, _, helped = _solve(np.stack([own_wins, own_ties]), "bradley-terry")
        assert helped == found.pseudo[row]
        assert found.logs[row] == pytest.approx(alone, abs=1e-8)


def test_arms_that_only_met_one_opponent_and_never_tied_have_the_log_odds_of_their_wins() -> None:
    matches = [*played("B", "A", wins=9, losses=3), *played("C", "A", wins=2, losses=8)]
    found = rank(matches, rng=np.random.default_rng(1), model="newman", resamples=20)
    logs = {s.method: s.log_strength for s in found.strengths}
    assert logs["B"] - logs["A"] == pytest.approx(np.log(3))
    assert logs["C"] - logs["A"] == pytest.approx(-np.log(4))
    assert found.tie_strength == 0


@pytest.mark.parametrize("model", ["bradley-terry", "newman"])
def test_nothing_but_ties_leaves_all_methods_level(model: str) -> None:
    matches = [*played("B", "A", ties=4), *played("C", "A", ties=4)]
    found = rank(matches, rng=np.random.default_rng(1), model=model, resamples=20)
    for strength in found.strengths:
        assert (strength.low, strength.log_strength, strength.high) == pytest.approx((0, 0, 0))
