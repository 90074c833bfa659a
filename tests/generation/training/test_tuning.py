"""Guidance: what is chosen of what was tried on validation prompts."""

import json

import pytest

from generation.reference.s1.kept import PACKAGED, S1
from generation.training.tune import chosen

pytestmark = pytest.mark.torch


def test_a_sampler_has_one_guidance_for_all_its_step_counts_and_the_control_one_for_each() -> None:
    table = {
        "unipc": {"10": {"1.5": 0.7, "2.0": 0.8}, "20": {"1.5": 0.82, "2.0": 0.8}},
        "control": {"1": {"1.5": 0.2, "2.0": 0.1}, "2": {"1.5": 0.3, "2.0": 0.4}},
    }
    assert chosen(table) == {
        "unipc": {"10": 2.0, "20": 2.0},
        "control": {"1": 1.5, "2": 2.0},
    }


def test_of_equals_the_lower_guidance_is_chosen() -> None:
    table = {"ddim": {"50": {"1.5": 0.5, "2.0": 0.5}}}
    assert chosen(table) == {"ddim": {"50": 1.5}}


def test_the_shipped_guidance_is_what_the_shipped_table_gives() -> None:
    tried = json.loads((PACKAGED / S1.path / "training" / "guidance.json").read_text())
    assert S1.pinned["guidance"] == chosen(tried["tried"]) == tried["chosen"]
