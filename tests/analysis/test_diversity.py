import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.analysis.diversity import (
    OVERALL,
    Attribute,
    DiversityVote,
    diversity_differences,
    diversity_scores,
    levels,
)


def rng():
    return np.random.default_rng(3)


def votes_of(method, table):
    """`table` has one row for each prompt with the scores of all votes on every attribute."""
    return [
        DiversityVote(method, prompt, attribute, score)
        for prompt, scores in enumerate(table)
        for attribute in Attribute
        for score in scores
    ]


def by_name(scores):
    return {(s.method, s.attribute): s for s in scores}


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_votes_that_all_say_the_same_give_that_score(value):
    found = diversity_scores(votes_of("m", [[value] * 3] * 5), rng=rng(), resamples=50)
    assert len(found) == 5
    assert {(s.estimate, s.low, s.high) for s in found} == {(value, value, value)}


def test_prompts_weigh_equally_whatever_their_vote_counts():
    found = by_name(diversity_scores(votes_of("m", [[1.0] * 9, [0.0]]), rng=rng(), resamples=50))
    assert found["m", "style"].estimate == 0.5
    assert found["m", OVERALL].estimate == 0.5


def test_what_cannot_be_judged_leaves_its_own_mean_only():
    votes = [
        DiversityVote("m", "p", Attribute.OBJECT, None),
        DiversityVote("m", "q", Attribute.OBJECT, 1.0),
        *(DiversityVote("m", p, a, 0.5) for p in "pq" for a in Attribute if a != "main_object"),
    ]
    found = by_name(diversity_scores(votes, rng=rng(), resamples=50))
    objects = found["m", "main_object"]
    assert (objects.estimate, objects.prompts, objects.cannot_judge) == (1.0, 1, 1)
    assert found["m", "background"].estimate == 0.5
    assert found["m", OVERALL].estimate == pytest.approx((1.0 + 3 * 0.5) / 4)


def test_an_attribute_nobody_could_judge_has_no_score_and_leaves_no_overall():
    votes = [DiversityVote("m", "p", a, None if a == "style" else 1.0) for a in Attribute]
    found = by_name(diversity_scores(votes, rng=rng(), resamples=50))
    assert found["m", "style"].estimate is None
    assert found["m", OVERALL].estimate is None
    assert found["m", "background"].estimate == 1.0


@given(
    st.lists(st.lists(st.sampled_from(levels(3)), min_size=1, max_size=3), min_size=1, max_size=8)
)
def test_turning_the_scale_around_mirrors_scores_and_intervals(table):
    plain = diversity_scores(votes_of("m", table), rng=rng(), resamples=30)
    turned = diversity_scores(
        votes_of("m", [[1 - score for score in row] for row in table]), rng=rng(), resamples=30
    )
    assert [1 - s.estimate for s in turned] == pytest.approx([s.estimate for s in plain])
    assert [1 - s.high for s in turned] == pytest.approx([s.low for s in plain])


def drawn(method, shares, *, n=100, seed=0):
    draw = np.random.default_rng(seed)
    return votes_of(method, draw.choice(levels(3), size=(n, 3), p=shares).tolist())


def test_a_collapsed_method_ranks_last_at_100_prompts():
    votes = drawn("teacher", (0.2, 0.4, 0.4)) + drawn("collapsed", (0.6, 0.3, 0.1), seed=1)
    scores = by_name(diversity_scores(votes, rng=rng(), resamples=200))
    assert scores["collapsed", OVERALL].high < scores["teacher", OVERALL].low
    differences = diversity_differences(votes, rng=rng(), resamples=200)
    assert [d.attribute for d in differences] == [str(a) for a in Attribute]
    assert all(d.adjusted_p < 0.01 and d.high < 0 for d in differences)


def test_two_equal_methods_differ_as_often_as_chance_allows():
    p = [
        difference.p_value
        for seed in range(25)
        for difference in diversity_differences(
            drawn("a", (0.3, 0.4, 0.3), n=30, seed=seed)
            + drawn("b", (0.3, 0.4, 0.3), n=30, seed=1000 + seed),
            rng=np.random.default_rng(seed),
            resamples=5,
        )
    ]
    assert len(p) == 100
    assert np.mean(np.array(p) < 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)
    assert np.mean(np.array(p) < 0.5) == pytest.approx(0.5, abs=3 * 0.05)


def test_few_prompts_are_tested_exactly():
    votes = votes_of("a", [[1.0]] * 3) + votes_of("b", [[0.0]] * 3)
    found = diversity_differences(votes, rng=rng(), resamples=20)
    assert {d.p_value for d in found} == {0.25}  # 2 of the 8 signs are as extreme
    assert {d.adjusted_p for d in found} == {1.0}


def test_only_common_prompts_are_paired():
    votes = votes_of("a", [[1.0], [1.0]]) + votes_of("b", [[0.5]])
    found = diversity_differences(votes, rng=rng(), resamples=5)
    assert {(d.prompts, d.n, d.unpaired) for d in found} == {(1, 1, 1)}


def test_swapping_the_methods_turns_the_difference():
    one, two = (0.2, 0.4, 0.4), (0.6, 0.3, 0.1)
    plain = diversity_differences(drawn("a", one) + drawn("b", two, seed=1), rng=rng())
    turned = diversity_differences(drawn("b", one) + drawn("a", two, seed=1), rng=rng())
    assert [d.estimate for d in turned] == pytest.approx([-d.estimate for d in plain])


@pytest.mark.parametrize("n", [2, 3, 5])
def test_scales_go_from_same_to_clearly_different(n):
    assert levels(n)[0] == 0
    assert levels(n)[-1] == 1
    assert len(levels(n)) == n


def test_a_scale_the_protocol_does_not_know_is_refused():
    with pytest.raises(ValueError, match="4 levels"):
        levels(4)


def test_a_score_outside_the_scale_is_refused():
    with pytest.raises(ValueError, match="outside"):
        diversity_scores([DiversityVote("m", "p", Attribute.STYLE, 2.0)], rng=rng())


def grouped(votes, *, size):
    """The same votes, with so many prompts in a row in one group."""
    return [vote._replace(group=f"g{vote.prompt // size}") for vote in votes]


def test_groups_of_one_prompt_are_prompts():
    votes = drawn("a", (0.6, 0.2, 0.2), n=30) + drawn("b", (0.2, 0.2, 0.6), n=30, seed=1)
    alone = grouped(votes, size=1)
    for count in (diversity_scores, diversity_differences):
        assert count(alone, rng=rng(), resamples=100) == count(votes, rng=rng(), resamples=100)


def test_prompts_of_one_group_are_drawn_together():
    # Ten photos with ten captions each that say the same: a hundred prompts worth ten.
    votes = votes_of("a", [[float(p // 10 % 2)] for p in range(100)])
    free, bound = (
        diversity_scores(votes, rng=rng()),
        diversity_scores(grouped(votes, size=10), rng=rng()),
    )
    for one, other in zip(free, bound, strict=True):
        assert one.estimate == other.estimate == 0.5
        assert other.high - other.low > 2.5 * (one.high - one.low)


def test_a_difference_within_one_group_is_one_difference():
    votes = votes_of("a", [[1.0]] * 8) + votes_of("b", [[0.0]] * 8)
    assert {d.p_value for d in diversity_differences(votes, rng=rng())} == {2 / 2**8}
    bound = diversity_differences(grouped(votes, size=4), rng=rng())
    assert {d.p_value for d in bound} == {2 / 2**2}
    assert {d.prompts for d in bound} == {8}
