"""Form, TOML file and StudySpec are one definition."""

from typing import Any

import pytest
from django.http import QueryDict

from annotate.studies.protocol import Protocol
from annotate.studies.spec import StudySpec, parse_spec, parse_toml, to_toml
from annotate.web.forms import StudyForm

RICH = parse_spec(
    {
        "name": "Cats & dogs",
        "description": "two\nlines",
        "public_name": "Pairs",
        "methods": [
            {"name": "student", "label": "Student, 5 steps"},
            {
                "name": "teacher",
                "kind": "teacher",
                "settings": {"preset": "ddim-50", "arm": {"guidance": 7.5}},
            },
        ],
        "contrasts": [{"a": "student", "b": "teacher", "primary": True, "prompt_set": "masked"}],
        "prompt_sets": [
            {
                "name": "pets",
                "role": "tune",
                "prompts": [
                    {"id": "1", "text": 'a cat, a "hat"', "group": "g"},
                    {"id": "2", "text": "two\nlines"},
                ],
            },
            {
                "name": "masked",
                "prompts": [
                    {"id": "3", "text": "a dog", "context": "c" * 64, "context_role": "mask"}
                ],
            },
        ],
        "protocol": {
            "judgement": "full",
            "ties": "split",
            "rule": "majority-then-priority",
            "split": "escalate",
            "escalate_to": 5,
            "min_votes": 2,
            "lease_minutes": 2.5,
            "display": "native",
            "one_per_group": False,
            "phone": True,
            "instructions": "# Read me\n\n* carefully",
            "confidence": 0.9,
            "seed": 7,
            "examples": [
                {
                    "prompt": "x",
                    "first": "a" * 64,
                    "second": "b" * 64,
                    "answer": "equal",
                    "explanation": "so",
                }
            ],
        },
    }
)


def posted(form: StudyForm) -> QueryDict:
    """What a browser sends for this form as it is drawn."""
    data = QueryDict(mutable=True)
    for bound in form:
        if hasattr(bound, "rows"):
            for row in bound.rows:
                for cell in row:
                    if cell.kind != "check" or cell.value:
                        data[cell.name] = "on" if cell.kind == "check" else str(cell.value)
        elif bound.widget_type == "checkbox":
            if bound.value():
                data[bound.html_name] = "on"
        else:
            data[bound.html_name] = "" if bound.value() is None else str(bound.value())
    return data


def filled(**changes: str) -> StudyForm:
    data = posted(StudyForm(spec=StudySpec(name="x")))
    data.update(changes)
    return StudyForm(data)


@pytest.mark.parametrize("spec", [RICH, StudySpec(name="plain")])
def test_a_spec_survives_the_form(spec: StudySpec) -> None:
    form = StudyForm(posted(StudyForm(spec=spec)))
    assert form.is_valid(), form.errors
    assert form.spec == spec


def test_toml_spec_and_form_are_one_round() -> None:
    form = StudyForm(posted(StudyForm(spec=parse_toml(to_toml(RICH)))))
    assert form.is_valid(), form.errors
    assert to_toml(form.spec) == to_toml(RICH)


def test_a_new_study_begins_with_the_definition_and_the_usual_share_of_controls() -> None:
    data = posted(StudyForm())
    data["name"] = "x"
    form = StudyForm(data)
    assert form.is_valid(), form.errors
    usual = {"control_rate": 0.08, "repeat_rate": 0.03}
    assert form.spec == StudySpec(name="x", protocol=Protocol(**usual))
    # Old hashes stand, and so do files that say nothing of controls.
    assert (Protocol().control_rate, Protocol().repeat_rate) == (0, 0)
    said = str(form.fields["protocol-control_rate"].help_text)
    assert "no known answers yet" in said
    data["protocol-kind"] = "diversity"
    form = StudyForm(data)
    assert form.is_valid(), form.errors
    assert (form.spec.protocol.control_rate, form.spec.protocol.repeat_rate) == (0.08, 0.03)


def test_every_field_of_the_definition_stands_on_the_page_once() -> None:
    shown = [field.html_name for _, fields in StudyForm().groups for field in fields]
    expected = {name for name in StudySpec.model_fields if name != "protocol"} | {
        f"protocol-{name}" for name in Protocol.model_fields
    }
    assert set(shown) == expected
    assert len(shown) == len(expected)


def test_every_field_has_words_of_its_own() -> None:
    for field in StudyForm():
        assert field.label
        assert field.help_text or field.html_name == "protocol-deciding_factor"


def test_bounds_and_choices_come_from_the_definition() -> None:
    form = StudyForm()
    overlap = form.fields["protocol-overlap"].widget
    assert (overlap.attrs["min"], overlap.attrs["max"]) == (1, 9)
    judgement: Any = form.fields["protocol-judgement"].widget
    assert [value for value, _ in judgement.choices] == ["cascade", "single", "full"]


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        (
            {"protocol-overlap": "12"},
            "protocol-overlap",
            "'12' was given; input should be less than or equal to 9. Change it.",
        ),
        (
            {"protocol-display": "big"},
            "protocol-display",
            "'big' was given; input should be 'equal-box' or 'native'. Change it.",
        ),
        (
            {"protocol-min_votes": "4"},
            "protocol-min_votes",
            "min_votes 4 is more than overlap 3: no pair could be decided. "
            "Lower min_votes or raise overlap.",
        ),
        (
            {"protocol-rule": "majority-then-priority"},
            "protocol-rule",
            "rule majority-then-priority with judgement 'cascade': it needs every criterion of "
            "every vote. Use judgement full, or rule priority-then-majority.",
        ),
        (
            {"name": ""},
            "name",
            "nothing was given and a value is needed. Add it.",
        ),
        (
            {"methods-0-name": "m" * 121},
            "methods",
            f"Method 1: name: '{'m' * 76}… was given; string should have at most 120 characters. "
            "Change it.",
        ),
        (
            {"methods-0-name": "m", "methods-0-own": "steps: 50"},
            "methods",
            "Method 1: these lines cannot be read: Expected '=' after a key in a key/value pair "
            "(at line 1, column 6). Write one setting a line, as teacher.steps = 25 or "
            'student.model.path = "/models/cd"; texts stand in double quotes.',
        ),
        (
            {"contrasts-0-a": "m", "contrasts-0-b": "m"},
            "__all__",
            "contrast of 'm' with itself. Name two different methods as a and b.",
        ),
    ],
)
def test_a_mistake_stands_next_to_its_field(changes: dict[str, str], field: str, said: str) -> None:
    form = filled(**changes)
    assert not form.is_valid()
    assert form.errors == {field: [said]}


def test_blank_rows_are_left_out_and_untouched_selects_make_no_row() -> None:
    form = filled(**{"methods-5-name": "late", "methods-1-source": "imported"})
    assert form.is_valid(), form.errors
    assert [m.name for m in form.spec.methods] == ["late"]


def test_rows_read_as_lines_where_they_cannot_be_changed() -> None:
    form = StudyForm(spec=RICH)
    assert form["contrasts"].filled == ["student against teacher, primary, over masked"]
    assert form["methods"].filled[0] == "student; Student, 5 steps; Imported pictures"
