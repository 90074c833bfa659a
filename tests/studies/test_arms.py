"""A generated method's settings become one arm, or a sentence that says what is wrong."""

import json
import math
from typing import Any

import pytest

from annotate.studies.arms import read_settings
from annotate.studies.spec import SpecError, parse_spec, parse_toml, to_toml
from generation.presets import preset
from generation.spec import Adaptive, read_arm
from tests.factories import ADAPTIVE, STUDENT, TEACHER


def changed(settings: dict[str, Any], **arm: Any) -> dict[str, Any]:
    return settings | {"arm": settings["arm"] | arm}


def test_a_preset_and_its_overrides_are_one_arm() -> None:
    read = read_settings("teacher", {"preset": "ddim-50", "arm": {"model": {"path": "/m"}}})
    assert read.arm is not None
    assert read.arm.model_dump()["model"]["path"] == "/m"
    assert read.arm.model_dump()["guidance"] == preset("ddim-50").recipe["guidance"]
    assert "guidance" in read.our_choice


def test_a_whole_recipe_need_not_repeat_its_kind() -> None:
    read = read_settings("adaptive-regenerate", ADAPTIVE)
    assert isinstance(read.arm, Adaptive)
    assert (read.arm.strategy, read.arm.rollback, read.arm.threshold) == ("regenerate", 1, 0.5)


def test_equal_arms_have_one_digest_however_they_were_written() -> None:
    short = read_settings("teacher", {"preset": "ddim-50"})
    full = read_settings("teacher", {"arm": short.settings["arm"]})
    assert short.digest == full.digest == preset("ddim-50").arm.digest()


def test_an_arm_that_waits_for_its_threshold_says_so_and_keeps_its_recipe() -> None:
    read = read_settings("adaptive-refine", {"preset": "table4/adaptive-15"})
    assert read.arm is None
    assert read.rule is not None
    assert read.rule.written() == {"percentile": 50}
    assert read.at(0.25).digest() != read.at(0.5).digest()
    other = read_settings("adaptive-refine", {"preset": "table4/adaptive-10"})
    assert read.digest != other.digest


def tuned(**rule: float) -> dict[str, Any]:
    return {"tau": 0.31, "percentile": 50, "threshold": 1, "rule": rule}


def test_a_tuned_threshold_makes_the_arm() -> None:
    settings = {"preset": "table4/adaptive-15", "tuned": tuned(percentile=50)}
    read = read_settings("adaptive-refine", settings)
    assert isinstance(read.arm, Adaptive)
    assert read.arm.threshold == 0.31


def test_a_threshold_tuned_for_another_rule_is_forgotten() -> None:
    settings = {
        "preset": "table4/adaptive-15",
        "threshold": {"budget": 12},
        "tuned": tuned(percentile=50),
    }
    assert read_settings("adaptive-refine", settings).arm is None


@pytest.mark.parametrize("tau", [math.inf, -math.inf, 0.125])
def test_every_threshold_survives_json_and_toml(tau: float) -> None:
    method = {
        "name": "m",
        "kind": "adaptive-refine",
        "settings": ADAPTIVE | {"threshold": {"tau": tau}},
    }
    spec = parse_spec({"name": "x", "methods": [method]})
    assert parse_toml(to_toml(spec)) == spec
    kept = json.loads(json.dumps(spec.methods[0].read_arm().settings, allow_nan=False))
    assert read_arm(kept["arm"]) == spec.methods[0].read_arm().arm
    assert spec.methods[0].read_arm().arm.threshold == tau  # type: ignore[union-attr]


def test_an_infinite_threshold_written_in_toml_is_read() -> None:
    text = """
name = "x"
[[methods]]
name = "all"
kind = "adaptive-refine"
[methods.settings]
preset = "table4/adaptive-10"
threshold = { tau = inf }
arm.student.model.path = "/models/cd"
"""
    arm = parse_toml(text).methods[0].read_arm().arm
    assert isinstance(arm, Adaptive)
    assert (arm.threshold, arm.student.model.path) == (math.inf, "/models/cd")


@pytest.mark.parametrize(
    ("kind", "written", "said"),
    [
        ("teacher", {}, "settings.arm.model: nothing was given and a value is needed"),
        ("teacher", {"steps": 50}, "settings.steps: there is no such field"),
        ("teacher", {"preset": "ddim50"}, "there is no preset 'ddim50'"),
        ("student", changed(STUDENT, steps=0), "settings.arm.steps: 0 was given"),
        ("student", STUDENT | {"threshold": {"tau": 1}}, "a student has none"),
        ("teacher", {"preset": "cd-5"}, "Set kind = 'student'"),
        ("adaptive-refine", changed(ADAPTIVE, rollback=1), "leaves nothing to refine"),
        (
            "adaptive-regenerate",
            {"preset": "table4/adaptive-15"},
            "with or without -regenerate behind it",
        ),
        ("adaptive-refine", {"arm": ADAPTIVE["arm"]}, "an adaptive arm needs a cut-off"),
        (
            "adaptive-refine",
            ADAPTIVE | {"threshold": {"tau": 1, "percentile": 2}},
            "exactly one of percentile",
        ),
        ("adaptive-refine", ADAPTIVE | {"threshold": {"percentile": 101}}, "101 was given"),
        ("adaptive-refine", ADAPTIVE | {"threshold": {"tau": math.nan}}, "exactly one"),
        (
            "adaptive-refine",
            {"preset": "table4/adaptive-15", "threshold": {"budget": 3}},
            "3 was given, but this arm takes 5 steps when it keeps every student sample and 25",
        ),
        (
            "adaptive-refine",
            {"preset": "table4/adaptive-15", "threshold": {"budget": 25.5}},
            "settings.threshold.budget: 25.5 was given",
        ),
        (
            "adaptive-refine",
            changed(ADAPTIVE, student={"model": {"path": "s"}, "steps": 9999}),
            "settings.arm.student.steps: 9999 was given",
        ),
    ],
)
def test_a_wrong_recipe_is_refused_in_words(kind: str, written: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec({"name": "x", "methods": [{"name": "m", "kind": kind, "settings": written}]})
    assert said in str(caught.value)
    assert str(caught.value).startswith("methods.0: ")


def test_two_ways_to_the_same_teacher_are_no_two_methods() -> None:
    one = read_settings("teacher", TEACHER)
    assert one.digest == read_settings("teacher", changed(TEACHER, guidance=8.0)).digest
