"""Methods in the form: presets with overrides, what they cost, whose choice they are, mistakes."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from annotate.people.models import Role
from annotate.studies.models import Study
from annotate.studies.spec import StudySpec, parse_spec, to_toml
from annotate.web.forms import StudyForm
from annotate.web.method_prices import choices, price_of
from annotate.web.method_text import read_lines, write_lines
from generation.presets import names, preset
from tests.factories import ADAPTIVE, STUDENT, TEACHER, make_user
from tests.web.test_researcher_form import posted

TUNED = {"tau": 0.25, "percentile": 50.0, "threshold": 3, "rule": {"percentile": 50.0}}
METHODS: list[dict[str, Any]] = [
    {"name": "teacher", "label": "DDIM, 50 steps", "kind": "teacher", "settings": TEACHER},
    {"name": "student", "kind": "student", "settings": STUDENT},
    {"name": "whole", "kind": "adaptive-refine", "settings": ADAPTIVE},
    {"name": "preset", "kind": "adaptive-refine", "settings": {"preset": "table4/adaptive-15"}},
    {
        "name": "own",
        "kind": "adaptive-regenerate",
        "settings": {
            "preset": "table4/adaptive-25-regenerate",
            "arm": {"student": {"model": {"path": 'a "quoted" path'}}, "teacher": {"steps": 30}},
            "threshold": {"budget": 12.5},
        },
    },
    {
        "name": "tuned",
        "kind": "adaptive-refine",
        "settings": {
            "preset": "table4/adaptive-10",
            "threshold": {"percentile": 50.0},
            "tuned": TUNED,
        },
    },
    {
        "name": "all",
        "kind": "adaptive-refine",
        "settings": {"preset": "table5/cd-sdxl", "threshold": {"tau": "Infinity"}},
    },
    {"name": "steps", "kind": "teacher", "settings": {"preset": "ddim-33"}},
    {"name": "mine", "settings": {"made with": "a camera", "notes": [1, {"x": True}], "none": {}}},
]


def spec_of(methods: list[dict[str, Any]]) -> StudySpec:
    return parse_spec({"name": "x", "methods": methods})


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m["name"])
def test_a_method_survives_the_form(method: dict[str, Any]) -> None:
    spec = spec_of([method])
    form = StudyForm(posted(StudyForm(spec=spec)))
    assert form.is_valid(), form.errors
    assert form.spec == spec
    assert to_toml(form.spec) == to_toml(spec)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN = st.recursive(
    TEXTS | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS, PLAIN, max_size=4))
def test_settings_written_as_lines_are_read_back(data: dict[str, Any]) -> None:
    (spec,) = spec_of([{"name": "m", "settings": data}]).methods
    assert read_lines(write_lines(spec.settings)) == spec.settings


def test_every_preset_is_offered_once_with_its_price() -> None:
    offered = [choice for _, listed in choices() for choice in listed]
    assert sorted(choice.value for choice in offered) == sorted(names())
    labels = {choice.value: choice.label for choice in offered}
    assert labels["table4/adaptive-15"] == "table4/adaptive-15: 15 steps, 30 forwards"
    assert labels["table5/add-xl"] == "table5/add-xl: 4 steps, 6 forwards"


def test_a_price_names_cost_rule_and_our_choice() -> None:
    price = price_of({"source": "table4/adaptive-15"})
    assert price.cost == "15 steps, 30 UNet forwards on average; improves 50 %"
    assert price.rule == "Cut-off: percentile 50, to be tuned before the launch"
    assert [field for field, _ in price.our_choice] == list(preset("table4/adaptive-15").our_choice)
    assert dict(price.our_choice)["student.guidance"] == "8.0"
    own = price_of({"source": "table4/adaptive-15", "own": "student.guidance = 7.5"})
    assert "student.guidance" not in dict(own.our_choice)


@pytest.mark.parametrize(
    ("row", "cost"),
    [
        ({"source": "ddim-50"}, "50 steps, 100 UNet forwards"),
        ({"source": "add-xl-4"}, "4 steps, 4 UNet forwards"),
        (
            {"source": "table4/adaptive-15", "way": "budget", "value": "10"},
            "10 steps, 20 UNet forwards on average; improves 25 %",
        ),
        (
            {"source": "table4/adaptive-15", "way": "target", "value": "0.4"},
            "at most 25 steps, 50 UNet forwards",
        ),
        (
            {"source": "table4/adaptive-15", "own": "teacher.steps = 10"},
            "10 steps, 20 UNet forwards on average; improves 50 %",
        ),
    ],
)
def test_a_price_follows_what_is_written(row: dict[str, str], cost: str) -> None:
    price = price_of(row)
    assert (price.mistakes, price.cost) == ((), cost)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"source": "nothing"}, "there is no preset 'nothing'"),
        ({"source": "ddim-50", "own": "steps = 0"}, "steps: 0 was given"),
        ({"source": "ddim-50", "own": "steps 5"}, "Write one setting a line"),
        (
            {"source": "table4/adaptive-15", "way": "percentile", "value": "many"},
            "cut-off, percentile: 'many' was given",
        ),
        ({"source": "table4/adaptive-15", "value": "50"}, "without saying what it is"),
        ({"source": "table4/adaptive-15", "way": "tau"}, "without a number"),
        ({"source": "adaptive-refine"}, "estimator: nothing was given and a value is needed"),
    ],
)
def test_a_mistake_is_said_in_words(row: dict[str, str], said: str) -> None:
    price = price_of(row)
    assert price.cost == ""
    assert said in "\n".join(price.mistakes)


def test_a_strategy_that_is_overridden_changes_the_kind_of_the_method() -> None:
    data = {
        "methods-0-name": "m",
        "methods-0-source": "table4/adaptive-15",
        "methods-0-own": "rollback = 1",
        "name": "x",
    }
    form = StudyForm(posted(StudyForm()).dict() | data)
    assert form.is_valid(), form.errors
    assert form.spec.methods[0].kind == "adaptive-regenerate"


def test_a_cut_off_in_a_hidden_field_says_nothing_of_a_teacher() -> None:
    data = {"methods-0-source": "ddim-50", "methods-0-way": "tau", "methods-0-value": "1"}
    form = StudyForm(posted(StudyForm()).dict() | data | {"name": "x", "methods-0-name": "m"})
    assert form.is_valid(), form.errors
    assert form.spec.methods[0].settings == {"preset": "ddim-50"}


@pytest.mark.django_db
def test_checking_the_methods_shows_each_price_and_mistake_and_saves_nothing() -> None:
    client = Client()
    client.force_login(make_user(Role.RESEARCHER), "django.contrib.auth.backends.ModelBackend")
    data = {
        "name": "x",
        "check": "1",
        "methods-0-name": "good",
        "methods-0-source": "ddim-50",
        "methods-1-name": "bad",
        "methods-1-source": "table4/adaptive-15",
        "methods-1-own": "teacher.steps = -1",
    }
    page = client.post(reverse("study-new"), data)
    html = page.content.decode()
    assert page.status_code == 422
    assert "50 steps, 100 UNet forwards" in html
    # In its card and in the list on top.
    assert html.count("teacher.steps: -1 was given") == 2
    del data["methods-1-own"]
    assert client.post(reverse("study-new"), data).status_code == 200
    assert not Study.objects.exists()


@pytest.mark.django_db
def test_the_script_gets_the_price_of_one_method() -> None:
    client = Client()
    client.force_login(make_user(Role.RESEARCHER), "django.contrib.auth.backends.ModelBackend")
    html = client.get(reverse("method-price"), {"source": "cd-5"}).content.decode()
    assert "5 steps, 10 UNet forwards" in html
    assert "<html" not in html
