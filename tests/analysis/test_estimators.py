import json
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.analysis.auc import auc, auc_difference, ranking_quality, resampled_aucs
from annotate.analysis.contrast import Result
from annotate.analysis.decisions import (
    best_percentile,
    cross_validated_decisions,
    decision_accuracy,
    reliability,
)
from annotate.analysis.estimators import human_ceiling, pair_agreement
from tests.analysis.branches import results

KNOWN_LABELS = np.array([1, 1, 0, 1, 0, 0], dtype=bool)
KNOWN_SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.4, 0.2])
scored = st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=40)


def rng():
    return np.random.default_rng(11)


def test_the_auc_of_six_prompts_is_eight_ninths():
    assert auc(KNOWN_SCORES, KNOWN_LABELS) == pytest.approx(8 / 9)


def test_constant_scores_rank_no_better_than_chance():
    assert auc(np.ones(6), KNOWN_LABELS) == 0.5


@given(scored)
def test_the_auc_does_not_change_under_a_monotone_map(rows):
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    assert auc(scores.astype(float), labels) == auc(np.exp(scores / 3), labels)


@given(scored)
def test_resampled_aucs_are_those_of_the_drawn_prompts(rows):
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    drawn = rng().integers(len(rows), size=(5, len(rows)))
    wanted = [auc(scores[places].astype(float), labels[places]) for places in drawn]
    found = resampled_aucs(scores.astype(float), labels, drawn)
    assert [None if np.isnan(a) else a for a in found] == pytest.approx(wanted)


@given(scored)
def test_the_auc_is_the_area_under_the_roc_points(rows):
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    found = ranking_quality(scores, labels, estimator="e", rng=rng(), resamples=3)
    if found.auc is None:
        assert found.roc == ()
        return
    x, y = zip(*found.roc, strict=True)
    assert np.trapezoid(y, x) == pytest.approx(found.auc)


def test_one_kind_of_label_has_no_auc():
    found = ranking_quality([1.0, 2.0], [True, True], estimator="e", rng=rng())
    assert (found.auc, found.low, found.roc) == (None, None, ())


def test_prompts_of_one_group_are_drawn_and_folded_together():
    """Five prompts for each one, of one group: nothing more is known, so no interval is shorter."""
    draw = rng()
    scores, other = draw.normal(size=(2, 40))
    labels = scores + draw.normal(size=40) > 0
    five = [np.repeat(column, 5) for column in (scores, other, labels)]
    groups = [str(i // 5) for i in range(200)]
    one = ranking_quality(scores, labels, estimator="e", rng=rng(), resamples=99)
    same = ranking_quality(five[0], five[2], estimator="e", rng=rng(), groups=groups, resamples=99)
    alone = ranking_quality(five[0], five[2], estimator="e", rng=rng(), resamples=99)
    assert (same.auc, same.low, same.high) == pytest.approx((one.auc, one.low, one.high))
    assert alone.high - alone.low < 0.7 * (one.high - one.low)
    difference = auc_difference(*five, rng=rng(), groups=groups, resamples=99)
    single = auc_difference(scores, other, labels, rng=rng(), resamples=99)
    for end in ("estimate", "low", "high"):
        assert getattr(difference, end) == pytest.approx(getattr(single, end))
    assert (difference.n, single.n) == (200, 40)
    grid = range(0, 101, 10)
    right, _ = cross_validated_decisions(
        five[0], five[2], percentiles=grid, rng=rng(), groups=groups, folds=40
    )
    assert (right.reshape(40, 5) == right[::5, None]).all()
    with pytest.raises(ValueError, match="40 groups of prompts"):
        best_percentile(five[0], five[2], percentiles=grid, rng=rng(), groups=groups, folds=41)
    unseen = ranking_quality(scores, labels, estimator="e", rng=rng(), groups=["g"] * 40)
    assert (unseen.auc, unseen.low) == (one.auc, None)


def test_an_estimator_equals_itself():
    scores, labels = list(range(50)), [i % 3 == 0 for i in range(50)]
    found = auc_difference(scores, scores, labels, rng=rng(), resamples=50)
    assert (found.estimate, found.low, found.high) == (0, 0, 0)


@pytest.mark.parametrize(
    ("agreed", "n", "low", "high"), [(390, 600, 0.611, 0.687), (195, 300, 0.594, 0.702)]
)
def test_65_percent_agreement_has_the_known_interval(agreed, n, low, high):
    verdicts = [Result.WIN] * n
    first = [1.0] * agreed + [0.0] * (n - agreed)
    found = pair_agreement(first, [0.5] * n, verdicts, estimator="ir")
    assert (found.estimate, found.method) == (0.65, "wilson")
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4)


def test_human_ties_are_dropped_and_equal_scores_count_half():
    found = pair_agreement(
        [2, 1, 1, 3, 4], [1, 2, 1, 1, 1], [*results("WLWT"), None], estimator="e"
    )
    assert (found.agreed, found.n, found.score_ties) == (2.5, 3, 1)
    assert (found.human_ties, found.undecided) == (1, 1)


def test_pairs_that_share_prompts_are_drawn_by_prompt():
    first, verdicts = [1.0, 0.0] * 100, [Result.WIN] * 200
    prompts = [i // 20 for i in range(200)]
    with pytest.raises(ValueError, match="give an rng"):
        pair_agreement(first, [0.5] * 200, verdicts, estimator="e", prompts=prompts)
    found = pair_agreement(first, [0.5] * 200, verdicts, estimator="e", prompts=prompts, rng=rng())
    assert found.method == "bootstrap over prompts"
    assert (found.low, found.high) == (0.5, 0.5)  # every prompt agrees on exactly half


def test_pairs_without_any_winner_have_no_agreement():
    with pytest.raises(ValueError, match="no pair has a winner"):
        pair_agreement([1.0], [0.0], [Result.TIE], estimator="e")


def test_decisions_at_the_median_by_hand():
    found = decision_accuracy(KNOWN_SCORES, KNOWN_LABELS, percentile=50)
    # tau = .65 keeps .9, .8, .7: two rightly; .6 is wrongly improved.
    assert found.threshold == pytest.approx(0.65)
    assert (found.accuracy, found.kept) == pytest.approx((4 / 6, 0.5))
    assert (found.true_keep, found.false_keep) == pytest.approx((2 / 3, 1 / 3))
    assert found.balanced == pytest.approx(2 / 3)
    assert (found.best, found.skill) == pytest.approx((1.0, 1 / 3))


def test_a_threshold_may_come_from_other_prompts():
    found = decision_accuracy(KNOWN_SCORES, KNOWN_LABELS, percentile=50, tuning_scores=[0.0, 0.6])
    assert found.threshold == pytest.approx(0.3)
    assert found.kept == pytest.approx(5 / 6)


def in_fives():
    """Forty prompts, and the same with five captions of each: no more is known of these."""
    draw = rng()
    scores = draw.normal(size=40)
    labels = scores + draw.normal(size=40) > 0
    return scores, labels, np.repeat(scores, 5), np.repeat(labels, 5), [i // 5 for i in range(200)]


def test_prompts_of_one_group_are_drawn_together_for_the_accuracy_of_decisions():
    scores, labels, many, known, groups = in_fives()
    one = decision_accuracy(scores, labels, percentile=50)
    alone = decision_accuracy(many, known, percentile=50)
    together = decision_accuracy(many, known, percentile=50, groups=groups, rng=rng())
    assert (one.method, alone.method) == ("wilson", "wilson")
    assert together.method == "bootstrap over groups of prompts"
    assert (together.accuracy, together.n, together.units) == (alone.accuracy, 200, 40)
    assert together.high - together.low == pytest.approx(one.high - one.low, rel=0.15)
    assert alone.high - alone.low < 0.6 * (together.high - together.low)
    with pytest.raises(ValueError, match="prompts share groups; give an rng"):
        decision_accuracy(many, known, percentile=50, groups=groups)


def test_groups_of_one_prompt_each_change_no_interval_of_decisions():
    scores, labels, *_ = in_fives()
    names = [f"photo {i}" for i in range(40)]
    plain, named = (
        decision_accuracy(scores, labels, percentile=30, groups=groups) for groups in (None, names)
    )
    assert plain == named


def test_groups_that_never_differ_leave_wilsons_interval_on_their_number():
    found = decision_accuracy(
        [1.0] * 20, [True] * 20, percentile=50, groups=[i // 2 for i in range(20)], rng=rng()
    )
    assert (found.accuracy, found.high) == (1, 1)
    assert found.low == pytest.approx(0.7225, abs=1e-4)  # Wilson's of ten in ten
    assert found.method == "wilson on the number of groups, as these do not differ"


def test_a_bin_of_reliability_draws_the_groups_that_it_holds():
    scores, labels, many, known, groups = in_fives()
    lone = reliability(scores, labels, bins=2)
    bins = reliability(many, known, bins=2, groups=groups, rng=rng())
    assert [(b.n, b.units, b.method) for b in bins] == [
        (100, 20, "bootstrap over groups of prompts")
    ] * 2
    for few, grouped in zip(lone, bins, strict=True):
        assert few.method == "wilson"
        assert grouped.high - grouped.low == pytest.approx(few.high - few.low, rel=0.25)


def test_choosing_the_percentile_on_noise_gains_nothing_when_validated():
    gains = []
    for seed in range(60):
        draw = np.random.default_rng(seed)
        labels = draw.random(100) < 0.5
        scores = draw.random(100)
        honest = best_percentile(scores, labels, percentiles=range(0, 101, 10), rng=draw)
        gains.append(honest.accuracy - 0.5)
    assert abs(np.mean(gains)) < 3 * np.std(gains) / np.sqrt(len(gains))


def test_reliability_bins_hold_all_samples_and_keep_equal_scores_together():
    bins = reliability([0, 0, 0, 0, 1, 2, 3, 4], [False] * 4 + [True] * 4, bins=4)
    assert sum(b.n for b in bins) == 8
    assert bins[0].keep_rate == 0
    assert bins[-1].keep_rate == 1
    assert all(a.highest < b.lowest for a, b in pairwise(bins))


def test_the_human_ceiling_of_a_split_is_left_out():
    found = human_ceiling([results("WWL"), results("WWW"), results("WTL")])
    # WWL: each W meets {W, L} (no leader), L meets WW (disagrees). WWW: three agree.
    # WTL: W meets {T, L} (no leader), T is a tie, L meets {W, T}.
    assert (found.agreed, found.n, found.left_out) == (3, 4, 5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: decision_accuracy([float("nan")], [True], percentile=50),
        lambda: pair_agreement([float("inf")], [1.0], [Result.WIN], estimator="e"),
    ],
)
def test_a_score_that_is_no_number_is_refused(call):
    with pytest.raises(ValueError, match="score the sample again"):
        call()


@pytest.fixture(scope="module")
def tifa(real_data):
    path = real_data / "tifa_human" / "human_annotations_with_scores.json"
    rows = json.loads(path.read_text())
    images = {}
    for row in rows.values():
        model = row["image_path"].removeprefix(row["text_id"] + "_").removesuffix(".jpg")
        images[row["text_id"], model] = row
    return images


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("score", "agreed", "estimate"),
    [("clipscore_vitb32", 720, 0.695), ("tifa_mplug-large", 705.5, 0.681)],
)
def test_the_known_agreement_of_two_metrics_with_real_ratings(tifa, score, agreed, estimate):
    prompts = sorted({prompt for prompt, _ in tifa})
    models = sorted({model for _, model in tifa})
    first, second, verdicts, names = [], [], [], []
    for prompt in prompts:
        for a, b in combinations(models, 2):
            one, two = tifa[prompt, a], tifa[prompt, b]
            difference = one["human_avg"] - two["human_avg"]
            first.append(one[score])
            second.append(two[score])
            names.append(prompt)
            verdicts.append([Result.TIE, Result.WIN, Result.LOSS][int(np.sign(difference))])
    found = pair_agreement(first, second, verdicts, estimator=score, prompts=names, rng=rng())
    assert (found.n, found.agreed) == (1036, agreed)
    assert found.estimate == pytest.approx(estimate, abs=5e-4)


@pytest.mark.realdata
def test_agreement_on_pairs_does_not_carry_over_to_decisions_without_a_reference(tifa):
    prompts = sorted({prompt for prompt, _ in tifa})
    student = [tifa[p, "stable_diffusion_v1_1"] for p in prompts]
    teacher = [tifa[p, "stable_diffusion_v2_1"] for p in prompts]
    labels = [s["human_avg"] >= t["human_avg"] for s, t in zip(student, teacher, strict=True)]
    scores = [s["clipscore_vitb32"] for s in student]
    found = decision_accuracy(scores, labels, percentile=50)
    assert (found.accuracy, found.low, found.high) == pytest.approx((0.544, 0.466, 0.619), abs=5e-4)
    ranked = ranking_quality(scores, labels, estimator="clip", rng=rng(), resamples=200)
    assert ranked.auc == pytest.approx(0.598, abs=5e-4)
