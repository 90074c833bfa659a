"""The paper's human studies are shipped as it describes them: arms, opponents, replicas."""

import math
from typing import Any

import pytest

from annotate.sampling.needs import priced
from annotate.studies.recipes import NAMES, Recipe, published_for, recipe
from annotate.studies.spec import parse_spec
from generation.budget import planned
from generation.spec import Adaptive, Student, Teacher

# Challenger, baseline, and the mean steps of each (rounded up, as printed).
OPPONENTS: dict[str, list[tuple[str, int, str, int]]] = {
    "fig9a": [
        ("adaptive-10", 10, "ddim-50", 50),
        ("adaptive-10", 10, "dpm-25", 25),
        ("adaptive-15", 15, "dpm-25", 25),
    ],
    "fig9b": [
        ("cd-5", 5, "dpm-5", 5),
        ("adaptive-10", 10, "dpm-10", 10),
        ("adaptive-15", 15, "dpm-15", 15),
        ("adaptive-25", 25, "dpm-25", 25),
    ],
    "fig9c": [("adaptive-10", 10, "refine-10", 10), ("adaptive-15", 15, "refine-15", 15)],
    "fig11": [("adaptive-13", 13, "sdxl-ddim-50", 50), ("adaptive-4", 4, "add-xl-4", 4)],
    "fig16": [("cd-5", 5, "ddim-50", 50), ("refine-all", 15, "ddim-50", 50)],
    "fig17": [],
}


def arms(found: Recipe) -> dict[str, Any]:
    return {method.name: priced(method.read_arm()) for method in found.spec.methods}


def steps(found: Recipe, name: str) -> int:
    method = next(m for m in found.spec.methods if m.name == name)
    read = method.read_arm()
    arm = priced(read)
    share = None
    if isinstance(arm, Adaptive):
        assert read.rule is not None
        k = read.rule.percentile
        share = k / 100 if k is not None else (1.0 if math.isinf(arm.threshold) else arm.threshold)
    return planned(arm, rejected=share).ceiling


@pytest.mark.parametrize("name", NAMES)
def test_opponents_and_their_steps_are_those_of_the_figure(name: str) -> None:
    found = recipe(name)
    told = [(c.a, steps(found, c.a), c.b, steps(found, c.b)) for c in found.spec.contrasts]
    assert told == OPPONENTS[name]
    assert (found.prompts, found.spec.protocol.overlap) == (600, 3)


def test_figure_9_refines_with_the_values_of_table_4() -> None:
    for name in ("fig9a", "fig9b", "fig9c"):
        adaptive = arms(recipe(name))["adaptive-10"]
        assert isinstance(adaptive, Adaptive)
        assert (adaptive.rollback, adaptive.student.steps, adaptive.teacher.steps) == (0.7, 5, 10)
        assert adaptive.strategy == "refine"


def test_figure_9c_refines_every_sample_with_as_many_mean_steps() -> None:
    found = arms(recipe("fig9c"))
    for name, more in (("refine-10", 5), ("refine-15", 10)):
        assert (found[name].threshold, found[name].teacher.steps) == (math.inf, more)


def test_figure_16_improves_the_very_sample_that_its_student_arm_shows() -> None:
    found = arms(recipe("fig16"))
    assert found["refine-all"].student == found["cd-5"]
    assert found["refine-all"].threshold == math.inf


def test_figure_17_has_seven_arms_and_the_replicas_0_and_1() -> None:
    found = recipe("fig17")
    assert (len(found.spec.methods), found.spec.replicas, found.pairs) == (7, 2, "replicas")
    strategies = [a.strategy for a in arms(found).values() if isinstance(a, Adaptive)]
    assert strategies == ["refine", "regenerate"]
    refine, regenerate = (a for a in arms(found).values() if isinstance(a, Adaptive))
    assert refine.student == regenerate.student == arms(found)["cd-sdxl-4"]


@pytest.mark.parametrize("name", NAMES)
def test_one_switch_adds_the_null_the_equal_budget_and_the_lottery(name: str) -> None:
    plain, honest = recipe(name), recipe(name, controls=True)
    assert len(honest.spec.methods) == len(plain.spec.methods) + 3
    added = list(arms(honest).values())[len(plain.spec.methods) :]
    assert sum(isinstance(arm, Teacher) and arm.noise != "" for arm in added) == 1
    everybody = [a for a in added if isinstance(a, Teacher) and a.noise == ""]
    assert [a.scheduler for a in everybody] == ["unipc"]
    lots = [arm for arm in added if isinstance(arm, Adaptive)]
    assert [arm.estimator.name for arm in lots] == ["random"]
    assert not [arm for arm in added if isinstance(arm, Student)]
    null = next(arm for arm in added if isinstance(arm, Teacher) and arm.noise)
    twin = null.model_copy(update={"noise": ""})
    assert twin in arms(honest).values()


def test_an_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="fig9a, fig9b"):
        recipe("fig10")


def test_a_study_of_the_same_arms_finds_its_printed_bars_whatever_its_methods_are_called() -> None:
    found = recipe("fig9a")
    data = found.spec.model_dump(mode="json")
    names = {"adaptive-10": "ours", "ddim-50": "theirs"}
    elsewhere = {"arm": {"model": {"path": "somewhere"}}}
    data["methods"] = [
        m | {"name": names[m["name"]], "settings": m["settings"] | elsewhere}
        for m in data["methods"]
        if m["name"] in names
    ]
    # An adaptive arm has two models, whose files may lie anywhere too.
    data["methods"][0]["settings"] = found.spec.methods[0].settings
    data["contrasts"] = [{"a": "theirs", "b": "ours"}]
    bars = published_for(parse_spec(data))
    # Turned around, as the study names the teacher first; Figure 9a on both prompt sets.
    assert [(b.a, b.b, b.win, b.lose, b.tie) for b in bars] == [
        ("theirs", "ours", 41, 43, 16),
        ("theirs", "ours", 39, 39, 14),
    ]
    for method in data["methods"]:
        method |= {"kind": "imported", "settings": {}}
    assert published_for(parse_spec(data)) == ()


def test_every_printed_bar_is_of_one_of_the_recipe_s_own_contrasts() -> None:
    for name in NAMES:
        found = recipe(name)
        contrasts = {(c.a, c.b) for c in found.spec.contrasts}
        assert {(bar.a, bar.b) for bar in found.published} <= contrasts
        assert all(bar.prompts == 600 for bar in found.published)
