import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, t

from annotate.analysis.contrast import Result
from annotate.analysis.effects import vote_effects
from annotate.analysis.sides import SidedVote, adjusted_share, side_bias
from annotate.analysis.winrate import TieConvention
from tests.examples import examples

WIN, TIE, LOSS = Result.WIN, Result.TIE, Result.LOSS


def study(seed, *, prompts=300, pool=30, share=0.5, bias=0.0, on_left=0.5, spread=0.15, ties=0.0):
    """Three annotators a prompt; `spread` is the standard deviation of prompts' own shares."""
    rng = np.random.default_rng(seed)
    votes = []
    for prompt in range(prompts):
        own = np.clip(share + spread * rng.choice((-1.0, 1.0)), 0, 1)
        for annotator in rng.choice(pool, 3, replace=False):
            left = bool(rng.random() < on_left)
            wins = rng.random() < own + (bias if left else -bias)
            result = TIE if rng.random() < ties else (WIN if wins else LOSS)
            votes.append(SidedVote(prompt, int(annotator), result, left))
    return votes


def mirrored(votes):
    """The same votes read from the other method's side."""
    return [SidedVote(v.group, v.annotator, v.result.mirrored(), not v.left) for v in votes]


def block(left_wins, left_losses, right_wins, right_losses, *, pool=15):
    """Votes with these counts, each on a prompt of its own."""
    cells = ((WIN, True), (LOSS, True), (WIN, False), (LOSS, False))
    counts = (left_wins, left_losses, right_wins, right_losses)
    drawn = [cell for cell, count in zip(cells, counts, strict=True) for _ in range(count)]
    return [SidedVote(i, i % pool, result, left) for i, (result, left) in enumerate(drawn)]


def test_bias_and_adjusted_share_by_hand():
    votes = block(70, 10, 8, 12)  # .875 on the left, .4 on the right
    assert side_bias(votes).estimate == pytest.approx(0.2375)
    found = adjusted_share(votes)
    assert (found.on_left, found.on_right) == pytest.approx((0.875, 0.4))
    assert found.estimate == pytest.approx(0.6375)
    assert found.raw == pytest.approx(0.78)
    assert (side_bias(votes).left_picks, side_bias(votes).right_picks) == (82, 18)


def test_a_left_bias_of_ten_points_is_found_and_the_adjusted_share_is_unbiased():
    # Seven times of ten on the left: raw shares are .04 too high.
    runs = [study(seed, share=0.55, bias=0.1, on_left=0.7) for seed in range(40)]
    biases = [side_bias(votes) for votes in runs]
    shares = [adjusted_share(votes) for votes in runs]
    for got, wanted in (
        ([b.estimate for b in biases], 0.10),
        ([s.estimate for s in shares], 0.55),
        ([s.raw for s in shares], 0.59),
    ):
        assert abs(np.mean(got) - wanted) < 4 * np.std(got) / np.sqrt(len(got))
    assert sum(b.p_value < 0.01 for b in biases) >= 38
    assert sum(b.low <= 0.10 <= b.high for b in biases) >= 34
    assert sum(s.low <= 0.55 <= s.high for s in shares) >= 34
    assert sum(s.low <= s.raw <= s.high for s in shares) < 40


def test_p_is_uniform_once_sides_are_drawn_again():
    votes = study(1, prompts=150, share=0.6, bias=0.1)
    assert side_bias(votes).p_value < 0.01
    rng = np.random.default_rng(11)
    again = []
    for _ in range(300):
        sides = rng.random(len(votes)) < 0.5
        redrawn = [v._replace(left=bool(left)) for v, left in zip(votes, sides, strict=True)]
        again.append(side_bias(redrawn).p_value)
    assert kstest(again, "uniform").pvalue > 0.01
    assert 0.02 < np.mean(np.array(again) < 0.05) < 0.09


vote_rows = st.lists(
    st.builds(
        SidedVote,
        st.integers(0, 5),
        st.integers(0, 14),
        st.sampled_from(list(Result)),
        st.booleans(),
    ),
    max_size=40,
)


@given(vote_rows, st.sampled_from(list(TieConvention)))
@settings(max_examples=examples(25))
def test_the_other_methods_view_mirrors_the_share_and_keeps_the_bias(votes, convention):
    here, there = side_bias(votes), side_bias(mirrored(votes))
    for name in ("estimate", "low", "high", "p_value", "left_picks", "right_picks", "n", "ties"):
        assert getattr(here, name) == pytest.approx(getattr(there, name), abs=1e-9)
    if convention is TieConvention.LOSSES:
        return  # a tie is a loss for whoever challenges
    one, other = (adjusted_share(v, convention=convention) for v in (votes, mirrored(votes)))
    assert (one.n, one.left_out) == (other.n, other.left_out)
    assert (one.estimate is None) == (other.estimate is None)
    if one.estimate is not None:
        assert one.estimate == pytest.approx(1 - other.estimate)
    if one.low is not None:
        assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)


def test_ties_count_as_the_convention_says():
    votes = [*block(3, 1, 1, 1), SidedVote(20, 0, TIE, True), SidedVote(21, 1, TIE, False)]
    shares = {c: adjusted_share(votes, convention=c) for c in TieConvention}
    assert shares[TieConvention.DROPPED].estimate == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert shares[TieConvention.HALF].estimate == pytest.approx((3.5 / 5 + 1.5 / 3) / 2)
    assert shares[TieConvention.LOSSES].estimate == pytest.approx((3 / 5 + 1 / 3) / 2)
    assert [s.left_out for s in shares.values()] == [2, 0, 0]
    assert (side_bias(votes).n, side_bias(votes).ties) == (6, 2)


def test_votes_of_one_prompt_and_of_one_annotator_count_less():
    def width(votes):
        found = side_bias(votes)
        return found.high - found.low

    votes = [v for v in block(60, 40, 40, 60, pool=50) for _ in range(4)]
    alone = [v._replace(group=i, annotator=i) for i, v in enumerate(votes)]
    same_prompt = [v._replace(annotator=i) for i, v in enumerate(votes)]
    same_annotator = [v._replace(group=i, annotator=i // 4) for i, v in enumerate(votes)]
    assert width(same_prompt) / width(alone) == pytest.approx(2, rel=0.05)
    assert width(same_annotator) / width(alone) == pytest.approx(2, rel=0.05)


def test_two_way_errors_are_those_of_the_formula():
    votes = study(3, prompts=120, pool=25, bias=0.05)
    frame = pd.DataFrame(votes)
    win = (frame.result == WIN).to_numpy(dtype=float)
    side = np.where(frame.left, 1.0, -1.0)
    groups = frame[["group", "annotator"]].to_numpy()
    fit = sm.OLS(win, sm.add_constant(side)).fit(cov_type="cluster", cov_kwds={"groups": groups})
    found = side_bias(votes)
    assert found.estimate == pytest.approx(fit.params[1])
    reach = t.ppf(0.975, frame.annotator.nunique() - 1) * fit.bse[1]
    assert (found.low, found.high) == pytest.approx((fit.params[1] - reach, fit.params[1] + reach))


def test_few_annotators_are_said_to_speak_for_themselves_only():
    few, many = (side_bias(study(4, pool=pool)) for pool in (6, 30))
    assert "fewer than 12 annotators" in few.warning
    assert few.method == "least squares, clustered by group, t"
    assert many.warning == ""
    assert many.method == "least squares, clustered by group and annotator, t"


def test_what_cannot_be_told_is_none_and_says_why():
    one_side = block(10, 5, 0, 0)
    for found in (side_bias(one_side), adjusted_share(one_side)):
        assert found.estimate is None
        assert "one side only" in found.warning
    assert adjusted_share(one_side).raw == pytest.approx(2 / 3)
    assert "one side only" in vote_effects(one_side).warning
    assert side_bias([]).estimate is None
    assert adjusted_share([]).raw is None
    assert vote_effects([]).warning == "no decided vote was given"
    one_prompt = [v._replace(group=0) for v in block(3, 2, 2, 3)]
    assert side_bias(one_prompt).estimate == pytest.approx(0.1)
    assert side_bias(one_prompt).p_value is None


def test_votes_without_spread_do_not_prove_always():
    always_left = block(10, 0, 0, 10)
    found = side_bias(always_left)
    assert found.estimate == 0.5
    assert 0 < found.low < 0.45
    assert 0 < found.p_value < 0.01
    always_wins = adjusted_share(block(10, 0, 10, 0))
    assert (always_wins.estimate, always_wins.high) == (1.0, 1.0)
    assert 0.6 < always_wins.low < 0.9
    # Twenty votes on two prompts are two.
    two = [v._replace(group=i % 2) for i, v in enumerate(always_left)]
    assert side_bias(two).p_value > 0.05


def test_side_and_challenger_are_those_of_the_formula():
    votes = study(5, prompts=250, pool=4, share=0.58, bias=0.08, ties=0.1)
    frame = pd.DataFrame([v for v in votes if v.result is not TIE])
    frame["win"] = (frame.result == WIN).astype(float)
    frame["left"] = frame.left.astype(float)
    fit = smf.gee(
        "win ~ left + C(annotator)",
        "group",
        frame,
        family=sm.families.Binomial(),
        cov_struct=sm.cov_struct.Exchangeable(),
    ).fit()
    found = vote_effects(votes)
    assert found.side.estimate == pytest.approx(fit.params["left"], abs=1e-6)
    assert found.side.standard_error == pytest.approx(fit.bse["left"], rel=1e-4)
    assert found.correlation == pytest.approx(fit.cov_struct.dep_params, abs=1e-5)
    own = [fit.params["Intercept"]] + [
        fit.params["Intercept"] + fit.params[f"C(annotator)[T.{i}]"] for i in (1, 2, 3)
    ]
    overall = np.mean(own) + fit.params["left"] / 2
    assert found.challenger.estimate == pytest.approx(overall, abs=1e-6)
    assert {e.name: e.estimate for e in found.annotators} == pytest.approx(
        {str(i): own[i] - np.mean(own) for i in range(4)}, abs=1e-6
    )
    names = list(fit.params.index)
    rows = np.eye(5)[[i for i, name in enumerate(names) if name.startswith("C(annotator)")]]
    joint = fit.wald_test(rows, scalar=True)
    assert found.annotators_p == pytest.approx(float(joint.pvalue), abs=1e-6)
    assert (found.n, found.ties) == (len(frame), len(votes) - len(frame))


def test_an_annotator_who_sees_it_otherwise_is_found():
    votes = [
        v._replace(result=WIN) if v.annotator == 2 and i % 3 else v
        for i, v in enumerate(study(6, pool=6, spread=0.0))
    ]
    found = vote_effects(votes)
    by_name = {effect.name: effect for effect in found.annotators}
    assert by_name["2"].low > 0
    assert found.annotators_p < 1e-4
    assert vote_effects(study(6, pool=6, spread=0.0)).annotators_p > 0.01


def test_annotators_with_little_or_one_sided_votes_share_one_effect():
    votes = study(7, prompts=120, pool=6)
    votes += [SidedVote(i, "few", WIN if i % 2 else LOSS, i % 4 < 2) for i in range(8)]
    votes += [SidedVote(i, "always", WIN, i % 2 == 0) for i in range(40)]
    found = vote_effects(votes)
    assert found.pooled == 2
    assert {e.name for e in found.annotators} == {*"012345", "pooled"}
    assert all(np.isfinite([e.estimate, e.low, e.high]).all() for e in found.annotators)
    # Alone, "always" would have no finite effect: the smallest of the others joins it.
    without_few = vote_effects([v for v in votes if v.annotator != "few"])
    assert without_few.pooled == 2
    assert len(without_few.annotators) == 6


def test_the_effects_mirror_when_methods_change_places():
    votes = study(8, prompts=150, pool=5, share=0.6, bias=0.1)
    here, there = vote_effects(votes), vote_effects(mirrored(votes))
    assert here.challenger.estimate == pytest.approx(-there.challenger.estimate, abs=1e-6)
    assert here.side.estimate == pytest.approx(there.side.estimate, abs=1e-6)
    assert here.annotators_p == pytest.approx(there.annotators_p, abs=1e-6)


def test_prompts_with_one_vote_have_no_correlation():
    votes = block(60, 30, 50, 40, pool=1)
    found = vote_effects(votes)
    assert found.correlation == 0
    assert found.annotators == ()
    assert found.annotators_p is None
    odds = np.log([60 / 30, 50 / 40])
    assert found.side.estimate == pytest.approx(odds[0] - odds[1], abs=1e-6)
    assert found.challenger.estimate == pytest.approx(odds.mean(), abs=1e-6)


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        (block(20, 0, 20, 20), "every vote went one way"),
        (
            [v._replace(group=v.group % 2) for v in block(30, 20, 20, 30, pool=2)],
            "groups are too few",
        ),
    ],
)
def test_a_fit_that_does_not_exist_is_named(votes, message):
    found = vote_effects(votes)
    assert (found.challenger, found.side, found.annotators, found.annotators_p) == (
        None,
        None,
        (),
        None,
    )
    assert message in found.warning


@pytest.mark.parametrize("function", [side_bias, adjusted_share, vote_effects])
def test_a_confidence_outside_0_and_1_is_refused(function):
    with pytest.raises(ValueError, match=r"confidence=1.0 lies outside \(0, 1\)"):
        function([], confidence=1.0)


def test_annotators_who_each_saw_one_side_only_leave_no_effect_of_the_side():
    # Even annotators saw the challenger on the left, odd ones on the right; each chose both ways.
    votes = [
        SidedVote(i, i % 12, WIN if (i // 12) % 3 else LOSS, i % 2 == 0) for i in range(12 * 30)
    ]
    found = vote_effects(votes)
    assert found.challenger is None
    assert "sides cannot be told from annotators" in found.warning
