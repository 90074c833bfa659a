"""A name of the paper gives the arm of the paper, says what is ours, and yields to a study."""

import json
import math
from fractions import Fraction

import pytest
from pydantic import ValidationError

from generation.presets import arm_of, names, preset, resolve
from generation.published import ROWS
from generation.spec import Adaptive, Student, Teacher, read_arm

CELLS = [(row, *cells) for row, cells in ROWS.items()]


@pytest.mark.parametrize(("row", "sigma", "k", "student", "steps", "printed"), CELLS)
def test_a_row_is_the_recipe_that_the_table_prints(row, sigma, k, student, steps, printed):
    found = preset(row)
    assert (found.arm.rollback, found.percentile) == (sigma, k)
    assert (found.arm.student.steps, found.arm.teacher.steps) == (student, steps)
    assert found.budget.ceiling == printed == found.printed
    assert found.budget.steps == student + Fraction(k * steps, 100)


def test_the_tables_have_nineteen_rows():
    assert len(ROWS) == 19


@pytest.mark.parametrize("row", ROWS)
def test_regeneration_takes_the_threshold_and_the_steps_of_refinement(row):
    refined, regenerated = preset(row), preset(f"{row}-regenerate")
    assert (regenerated.arm.strategy, regenerated.arm.rollback) == ("regenerate", 1)
    assert regenerated.percentile == refined.percentile
    assert regenerated.budget == refined.budget
    assert regenerated.arm.student == refined.arm.student


@pytest.mark.parametrize("row", ROWS)
def test_the_lot_improves_as_many_as_the_estimator(row):
    by_lot = preset(f"{row}-random")
    assert by_lot.budget == preset(row).budget
    assert by_lot.arm.threshold == ROWS[row][1] / 100
    assert by_lot.arm.estimator.name == "random"


@pytest.mark.parametrize("row", ROWS)
def test_refine_all_improves_every_sample(row):
    every = preset(f"{row}-all")
    assert every.arm.threshold == math.inf
    assert every.budget.steps == ROWS[row][2] + ROWS[row][3]


@pytest.mark.parametrize("name", names())
def test_every_listed_name_is_an_arm_with_a_budget_that_says_what_is_ours(name):
    found = preset(name)
    assert found.name == name
    assert found.budget.steps > 0
    assert found.our_choice
    assert "UNet forwards" in str(found)
    for field in found.our_choice:
        value = found.arm.model_dump()
        for part in field.split("."):
            value = value[part]
    for opponent in found.opponents:
        assert preset(opponent).budget.steps > 0


def test_opponents_are_the_solvers_they_are_called_by():
    assert preset("ddim-50").arm == Teacher(
        model=preset("dpm-25").arm.model, scheduler="ddim", steps=50, guidance=8.0
    )
    assert preset("dpm-25").arm.scheduler == "dpm++"
    assert preset("unipc-7").arm.steps == 7
    assert "xl" in preset("sdxl-ddim-50").arm.model.path
    assert preset("add-xl-4").arm.sampler == "add"
    assert preset("cd-5").arm == preset("table4/adaptive-10").arm.student


def test_refining_all_at_an_equal_budget_costs_what_the_adaptive_arm_costs():
    for steps in (10, 15, 25):
        assert preset(f"table4/refine-{steps}").budget.steps == steps
        assert preset(f"table4/adaptive-{steps}").budget.steps == steps


def test_the_null_arm_differs_in_its_noise_alone():
    null, teacher = preset("ddim-50-null").arm, preset("ddim-50").arm
    assert null.digest() != teacher.digest()
    assert null.model_copy(update={"noise": ""}) == teacher


def test_guided_steps_are_two_forwards_and_lcm_steps_one():
    assert preset("table4/adaptive-15").budget.forwards == 30
    assert preset("table5/cd-sdxl").budget.forwards == Fraction(208, 10)
    assert preset("table5/add-xl").budget.forwards == 6


def test_a_wrong_name_is_told_what_there_is():
    with pytest.raises(ValueError, match="table4/adaptive-15"):
        preset("table4/adaptive-11")
    with pytest.raises(ValueError, match="no preset"):
        preset("ddim-50-regenerate")


def test_overrides_win_field_by_field_and_stop_being_ours_to_choose():
    settings = resolve(
        "table4/adaptive-10",
        {"student": {"steps": 4, "model": {"dtype": "float32"}}, "rollback_kind": "strength"},
    )
    arm = arm_of(settings, threshold=0.5)
    assert (arm.student.steps, arm.student.model.dtype) == (4, "float32")
    assert arm.student.model.path == preset("cd-5").arm.model.path
    assert (arm.rollback_kind, arm.threshold) == ("strength", 0.5)
    assert "student.model.dtype" not in settings["our_choice"]
    assert "rollback_kind" not in settings["our_choice"]
    assert "teacher.model.dtype" in settings["our_choice"]


def test_settings_hold_the_whole_arm_but_a_threshold_that_is_yet_to_be_tuned():
    settings = resolve("table4/adaptive-10")
    assert "threshold" not in settings["arm"]
    assert settings["threshold"] == {"percentile": 50}
    with pytest.raises(ValueError, match="Calibrate it first"):
        arm_of(settings)
    assert arm_of(settings, threshold=0.25) == read_arm(settings["arm"] | {"threshold": 0.25})


@pytest.mark.parametrize("wanted", [0.4, {"tau": 0.4}])
def test_tau_set_directly_needs_no_tuning(wanted):
    settings = resolve("table4/adaptive-10", {"threshold": wanted})
    assert arm_of(settings).threshold == 0.4
    with pytest.raises(ValueError, match="needs none"):
        arm_of(settings, threshold=0.5)


@pytest.mark.parametrize("tau", [math.inf, -math.inf, "Infinity", "-Infinity"])
def test_an_infinite_tau_is_a_number_or_a_word(tau):
    settings = resolve("table4/adaptive-10", {"threshold": {"tau": tau}})
    assert settings["threshold"] == {"tau": settings["arm"]["threshold"]}
    assert arm_of(settings).threshold == float(tau)


@pytest.mark.parametrize("rule", [{"budget": 12}, {"target": 0.8}, {"percentile": 30}])
def test_a_threshold_is_found_by_budget_target_or_percentile(rule):
    settings = resolve("table4/adaptive-10", {"threshold": rule})
    assert settings["threshold"] == rule
    assert "threshold" not in settings["arm"]


@pytest.mark.parametrize(
    "wrong", [{"percentile": 120}, {"steps": 3}, {"tau": 1, "budget": 2}, "a", True, math.nan]
)
def test_a_threshold_that_says_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="cannot be read"):
        resolve("table4/adaptive-10", {"threshold": wrong})


def test_what_is_no_field_is_refused():
    with pytest.raises(ValidationError, match="stepps"):
        resolve("cd-5", {"stepps": 3})
    with pytest.raises(ValueError, match="no threshold"):
        resolve("cd-5", {"threshold": 3})


@pytest.mark.parametrize("name", ["table4/adaptive-10-all", "ddim-50", "table5/add-xl-random"])
def test_settings_survive_json_and_keep_their_digest(name):

    settings = json.dumps(resolve(name), allow_nan=False)
    read = arm_of(json.loads(settings))
    assert isinstance(read, Teacher | Student | Adaptive)
    assert read.digest() == preset(name).arm.digest()
