"""A hub id's commit is given once and stands in every arm that names the id."""

from typing import Any

import pytest

from annotate.studies.arms import read_settings
from annotate.studies.recipes import published_for, recipe
from annotate.studies.spec import SpecError, parse_spec, parse_toml, to_toml
from annotate.web.method_text import plain_method, shown_method
from generation.spec import Adaptive, Weights

SDXL, LCM = "stabilityai/stable-diffusion-xl-base-1.0", "latent-consistency/lcm-sdxl"
REWARD = "THUDM/ImageReward"
A, B, C = "a" * 40, "b" * 40, "c" * 40
STUDY = f"""
name = "Pinned"
[pins]
"{SDXL}" = "{A}"
"{LCM}" = "{B}"
[[methods]]
name = "adaptive"
kind = "adaptive-refine"
settings.preset = "table5/cd-sdxl"
settings.threshold = {{ tau = 0.5 }}
[[methods]]
name = "teacher"
kind = "teacher"
settings.preset = "sdxl-ddim-50"
[[methods]]
name = "ours"
"""


def test_pins_reach_pipeline_unet_and_estimator() -> None:
    pins = {SDXL: A, LCM: B, REWARD: C}
    read = read_settings(
        "adaptive-refine",
        {"preset": "table5/cd-sdxl", "threshold": {"tau": 0.5}, "pins": pins},
    )
    assert isinstance(read.arm, Adaptive)
    student, teacher = read.arm.student.model, read.arm.teacher.model
    assert (student.path, student.revision, student.unet) == (SDXL, A, f"{LCM}@{B}")
    assert (teacher.path, teacher.revision) == (SDXL, A)
    assert read.arm.estimator.revision == C
    # What somebody has pinned is not our choice any more.
    assert "student.model.revision" not in read.our_choice
    assert "student.model.sha256" in read.our_choice


def test_a_revision_of_a_models_own_stays() -> None:
    own = {"model": {"revision": B}}
    read = read_settings("teacher", {"preset": "sdxl-ddim-50", "arm": own, "pins": {SDXL: A}})
    assert read.recipe["model"]["revision"] == B


def test_a_studys_pins_go_to_the_methods_that_name_them_and_are_kept_there() -> None:
    spec = parse_toml(STUDY)
    kept = {method.name: method.settings.get("pins") for method in spec.methods}
    assert kept == {"adaptive": {SDXL: A, LCM: B}, "teacher": {SDXL: A}, "ours": None}
    assert parse_toml(to_toml(spec)) == spec
    for method in spec.methods[:2]:
        recipe = method.read_arm().recipe
        model = Weights.model_validate(recipe.get("teacher", recipe)["model"])
        assert model.revision == A


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (LCM, "owner/other", "no method names 'owner/other'. The models here are"),
        (A, "main", "is pinned to 'main'; a commit is 40 hexadecimal digits"),
        (f'"{B}"', "7", "pins: give a commit for each hub id"),
        (
            'settings.preset = "sdxl-ddim-50"',
            f'settings = {{ preset = "sdxl-ddim-50", pins = {{ "{SDXL}" = "{B}" }} }}',
            f"and method 'teacher' pins {B}. Keep one.",
        ),
    ],
)
def test_a_wrong_pin_is_refused_in_words(old: str, new: str, said: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_toml(STUDY.replace(old, new))
    assert said in str(refused.value)


def test_the_forms_lines_hold_pins_and_give_them_back() -> None:
    written: dict[str, Any] = {
        "name": "t",
        "label": "",
        "kind": "teacher",
        "settings": {"preset": "sdxl-ddim-50", "arm": {"steps": 25}, "pins": {SDXL: A}},
    }
    shown = shown_method(written)
    assert f'pins."{SDXL}" = "{A}"' in shown["own"]
    assert plain_method(0, shown) == written


def test_a_pinned_recipe_is_still_the_papers_comparison() -> None:
    spec = recipe("fig9a").spec
    sd15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    pinned = parse_spec(spec.model_dump(mode="json") | {"pins": {sd15: A, REWARD: C}})
    assert pinned != spec
    assert len(published_for(spec)) == 6
    assert published_for(pinned) == published_for(spec)
