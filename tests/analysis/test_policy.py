import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.analysis.contrast import Result
from annotate.analysis.oracle_state import current_state, decisions
from annotate.analysis.oracle_table import Rule
from annotate.analysis.policy import choose, evaluate, pareto
from tests.analysis.branches import COST, REFINED, STUDENT

# The estimator ranks the ten prompts of the worked example as they stand.
SCORES = [0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
rows = st.lists(
    st.tuples(
        st.sampled_from(list(Result)),
        st.sampled_from(list(Result)),
        st.floats(-3, 3, allow_nan=False, width=32),
    ),
    min_size=3,
    max_size=30,
)


def policy(student=STUDENT, refined=REFINED, scores=SCORES, **given):
    settings = {"resamples": 200, "rng": np.random.default_rng(1), "percentiles": (0, 50, 100)}
    return evaluate(student, refined, scores, estimator="e", cost=COST, **settings | given)


def test_the_worked_example_at_the_median_keeps_the_first_five():
    found = policy()
    # Kept W W W W T, refined (of the last five) W W T L W.
    assert (found.win[1], found.tie[1], found.lose[1]) == pytest.approx((0.7, 0.2, 0.1))
    assert (found.score[1], found.kept[1], found.steps[1]) == pytest.approx((0.8, 0.5, 10))
    assert found.over_student[1] == pytest.approx(0.8 - 0.45)
    assert found.over_refined[1] == pytest.approx(0.8 - 0.7)
    assert not found.tuned_elsewhere


def test_percentile_0_keeps_all_and_100_all_but_the_best_refined():
    found = policy()
    assert found.kept[0] == 1
    assert found.kept[2] == pytest.approx(0.1)
    assert found.over_student[0] == 0


def test_thresholds_come_from_the_tuning_prompts_where_there_are_any():
    found = policy(tuning_scores=[0.0, 1.0], percentiles=(65,))
    assert found.thresholds[0] == pytest.approx(0.65)
    assert found.kept[0] == pytest.approx(0.4)
    assert found.tuned_elsewhere


@given(rows, st.integers(0, 100))
def test_a_percentile_gives_what_its_own_decisions_give(drawn, k):
    student, refined, scores = (list(column) for column in zip(*drawn, strict=True))
    found = policy(student, refined, scores, percentiles=(k,), resamples=5)
    state = current_state(
        student,
        refined,
        decisions(scores, float(found.thresholds[0])),
        estimator="e",
        rule=Rule.NOT_WORSE,
        cost=COST,
        rng=np.random.default_rng(1),
        resamples=5,
    )
    assert found.score[0] == pytest.approx(state.score.value)
    assert found.steps[0] == pytest.approx(state.steps)


@given(rows)
def test_relabelling_the_arms_mirrors_the_curve(drawn):
    student, refined, scores = (list(column) for column in zip(*drawn, strict=True))
    found = policy(student, refined, scores, resamples=20)
    mirror = policy(
        [r.mirrored() for r in student], [r.mirrored() for r in refined], scores, resamples=20
    )
    assert mirror.win == pytest.approx(found.lose)
    assert mirror.low == pytest.approx(1 - found.high)
    assert mirror.over_student == pytest.approx(-found.over_student)


def test_prompts_without_both_verdicts_are_counted_and_left_out():
    found = policy([*STUDENT, None], [*REFINED, Result.WIN], [*SCORES, 9.0])
    assert (found.n, found.excluded) == (10, 1)
    assert found.score[1] == pytest.approx(0.8)


def test_prompts_of_one_photo_are_drawn_together():
    rng = np.random.default_rng(7)
    student = [Result(r) for r in rng.choice(list(Result), 60).repeat(5)]
    refined = [r.mirrored() for r in student]
    scores = rng.random(300).tolist()
    groups = [i // 5 for i in range(300)]
    alone = policy(student, refined, scores, percentiles=(0,), resamples=2000)
    together = policy(student, refined, scores, percentiles=(0,), groups=groups, resamples=2000)
    assert (together.units, alone.units) == (60, 300)
    width = (together.high - together.low) / (alone.high - alone.low)
    assert width == pytest.approx(np.sqrt(5), rel=0.1)


def test_the_pareto_line_leaves_out_what_is_dearer_and_no_better():
    steps, score = np.array([5.0, 10, 10, 15, 20]), np.array([0.4, 0.5, 0.45, 0.5, 0.6])
    assert pareto(steps, score).tolist() == [True, True, False, False, True]


def test_a_percentile_chosen_on_noise_is_worth_less_than_it_claims():
    # Scores know nothing: the best in-sample percentile is luck, and cross-fitting shows it.
    optimism = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        student, refined = ([Result(r) for r in rng.choice(list(Result), 60)] for _ in range(2))
        found = choose(
            student,
            refined,
            rng.random(60).tolist(),
            estimator="e",
            cost=COST,
            rng=rng,
            resamples=5,
        )
        optimism.append(found.optimism)
    mean, error = np.mean(optimism), np.std(optimism) / np.sqrt(len(optimism))
    assert mean > 3 * error


def test_an_estimator_that_knows_the_verdict_is_found_and_kept():
    rng = np.random.default_rng(3)
    good = rng.random(400) < 0.5
    student = [Result.WIN if g else Result.LOSS for g in good]
    scores = (good + 0.1 * rng.random(400)).tolist()
    found = choose(
        [*student, None],
        [Result.TIE] * 401,
        [*scores, 0.0],
        estimator="e",
        cost=COST,
        rng=rng,
    )
    best = np.where(good, 1.0, 0.5).mean()  # a cut between two steps of the grid misses a few
    assert best - 0.03 < found.score <= best
    assert found.low < found.score < found.high
    assert all(abs(k - 50) <= 5 for k in found.choices)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scores": [float("nan"), *SCORES[1:]]}, "score 1 of 10 is nan"),
        ({"scores": SCORES[1:]}, "rows; give one row per prompt"),
        ({"percentiles": (50, 101)}, "each in"),
        ({"student": [None] * 10}, "no prompt has a verdict"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        policy(**given)


def test_more_folds_than_units_are_refused():
    with pytest.raises(ValueError, match="folds=11 with 10 units"):
        choose(
            STUDENT,
            REFINED,
            SCORES,
            estimator="e",
            cost=COST,
            rng=np.random.default_rng(1),
            folds=11,
        )
