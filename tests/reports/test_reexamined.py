"""What is said of the paper's claims follows from the numbers alone."""

import pytest

from annotate.analysis.ceiling import Ceiling
from annotate.analysis.oracle_state import Estimate
from annotate.analysis.winrate import TieConvention, win_rate
from annotate.reports.reexamined.claims import Claim, above_zero, beats, claims_text
from annotate.reports.reexamined.findings import Preference
from annotate.reports.reexamined.names import label
from annotate.reports.reexamined.tables import ceilings_table, tables_text
from generation.errors import SceneError
from generation.reference.s1.arms import Design


def preference(wins: int, losses: int, *, p: float | None = None) -> Preference:
    rate = win_rate(wins, 20, losses)
    half = win_rate(wins, 20, losses, convention=TieConvention.HALF)
    assert rate.p_value is not None
    adjusted = rate.p_value if p is None else p
    return Preference("refine-10", "teacher", rate, half, adjusted, rate)


@pytest.mark.parametrize(
    ("wins", "losses", "adjusted", "verdict"),
    [
        (120, 60, None, "holds"),
        (60, 120, None, "the contrary holds"),
        (95, 85, None, "not shown"),
        # Alone it would count; among many tests it does not.
        (120, 60, 0.2, "not shown"),
    ],
)
def test_a_preference_is_claimed_only_beyond_chance_and_beyond_the_family(
    wins, losses, adjusted, verdict
):
    claim = beats("Figure 9a", "it wins", preference(wins, losses, p=adjusted))
    assert claim.verdict == verdict
    assert f"wins {wins}, ties 20, loses {losses}" in claim.numbers


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.01, 0.2, "holds"), (-0.2, -0.01, "the contrary holds"), (-0.01, 0.2, "not shown")],
)
def test_a_difference_is_claimed_only_with_its_whole_interval(low, high, verdict):
    claim = above_zero("D.4", "it gains", Estimate((low + high) / 2, low, high), of="score")
    assert claim.verdict == verdict


def test_claims_are_told_by_what_became_of_them_with_what_was_tried():
    found = [
        Claim("Figure 9a", "it wins", "not shown", "win rate 52 % [48, 56]."),
        Claim("Figure 9b", "it wins too", "the contrary holds", "win rate 40 % [36, 44]."),
    ]
    text = claims_text(found, ["guidance 1 to 2.5"])
    holds, contrary, open_, tried = (
        text.index(words)
        for words in ("Holds in", "it wins too", "Figure 9a: it wins.", "guidance 1 to 2.5")
    )
    assert holds < contrary < open_ < tried
    assert "Holds in this world (0 of 2)\n\n- none" in text


def test_the_area_of_a_score_is_told_with_its_interval():
    score = Estimate(0.6, 0.55, 0.65)
    found = Ceiling(
        "S1 | estimator",
        0,
        0,
        score,
        50,
        score,
        score,
        95,
        Estimate(0.69, 0.63, 0.74),
        0.7,
        0.8,
        1,
        9,
    )
    text = tables_text([ceilings_table([found])])
    row = text.splitlines()[-1]
    assert row.startswith("| S1 / estimator | ")
    assert ".69 [0.63, 0.74]" in row
    assert row.count("|") == text.splitlines()[2].count("|")


def test_every_arm_has_a_name_and_a_digest_of_its_own_within_its_budget():
    design = Design(prompts=40)
    arms = design.arms(0.5)
    assert len({label(name) for name in arms}) == len(arms)
    assert len({arm.digest() for arm in arms.values()}) == len(arms)
    for budget in design.budgets:
        steps = design.improvement_steps(budget)
        assert design.student_steps + design.percentile / 100 * steps == budget
        refined = arms[f"refine-all-{budget}"]
        assert refined.student.steps + refined.teacher.steps == budget
    assert not set(design.test_prompts()) & set(design.tuning_prompts())


def test_a_budget_that_no_whole_steps_meet_is_refused():
    with pytest.raises(SceneError, match="a mean budget of 2 steps"):
        Design(budgets=(2,))
