"""The study form: made from StudySpec's own fields, so that form, TOML file and API are one thing.

It must hold no rule of its own: pydantic checks everything.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from annotate.judging.controls import items
from annotate.judging.models import Comparison
from annotate.studies.mistakes import explain
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol
from annotate.studies.spec import StudySpec
from annotate.studies.templates import USUAL
from annotate.web.example_names import (
    SIDES,
    ExampleMistake,
    read_names,
    shown_names,
    suggestions,
)
from annotate.web.method_fields import MethodsField
from annotate.web.method_text import MethodMistake, in_the_form, plain_method, shown_method
from annotate.web.spec_fields import RowsWidget, Shape, field_for
from annotate.web.spec_values import plain_value, shown_row

# Where each field stands on the page. A field that is named nowhere is shown under "More", so a
# new one can be forgotten here without being lost.
GROUPS: dict[str, tuple[str, ...]] = {
    "Study": ("name", "public_name", "description"),
    "What is compared": ("methods", "contrasts", "prompt_sets", "replicas"),
    "Questions and verdicts": (
        "protocol-kind",
        "protocol-attribute_levels",
        "protocol-judgement",
        "protocol-ties",
        "protocol-deciding_factor",
        "protocol-rule",
        "protocol-overlap",
        "protocol-overlap_mode",
        "protocol-min_votes",
        "protocol-split",
        "protocol-escalate_to",
    ),
    "Pairs and pictures": (
        "protocol-display",
        "protocol-side_balance",
        "protocol-identical",
        "protocol-reuse",
        "protocol-one_per_group",
    ),
    "At the screen": (
        "protocol-min_view_ms",
        "protocol-undo_seconds",
        "protocol-lease_minutes",
        "protocol-prefetch",
        "protocol-hold_after_reports",
        "protocol-break_minutes",
        "protocol-break_pairs",
        "protocol-votes_per_annotator",
        "protocol-daily_minutes",
        "protocol-phone",
    ),
    "Instructions": ("protocol-instructions", "protocol-examples", "protocol-rated_examples"),
    "Training and exam": (
        "protocol-qualification",
        "protocol-qualification_version",
        "protocol-training_pairs",
        "protocol-training_pass",
        "protocol-exam_items",
        "protocol-exam_pass",
        "protocol-exam_attempts",
        "protocol-exam_wait_hours",
        "protocol-consent",
    ),
    "Watching live work": (
        "protocol-control_rate",
        "protocol-repeat_rate",
        "protocol-watch_accuracy",
        "protocol-watch_consistency",
        "protocol-watch_seconds",
        "protocol-watch_run",
        "protocol-watch_action",
    ),
    "Numbers": (
        "protocol-confidence",
        "protocol-stopping",
        "protocol-stopping_alpha",
        "protocol-stopping_prior",
        "protocol-seed",
        "protocol-revision",
    ),
}
# Counted by the program, and part of the protocol's hash: shown, and nothing sent for it is read.
COUNTED = "protocol-revision"
EXAMPLES = ("protocol-examples", "protocol-rated_examples")
NO_CONTROLS = (
    ". This study has no known answers yet: until you add some for controls under Training and "
    "exam, before or after the launch, none are given (a study of diversity draws its own)"
)


class StudyForm(forms.Form):
    """Draws and collects a whole StudySpec. `spec` holds the result once the form is valid."""

    spec: StudySpec

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        spec: StudySpec | None = None,
        study: Study | None = None,
    ) -> None:
        super().__init__(data, initial=initial_of(spec) if spec else {})
        self.study = study
        self.example_pictures: list[str] = []
        # By row: what is wrong with a method stands in its card.
        self.method_mistakes: dict[int, list[str]] = {}
        for name, info in _all_fields():
            self.fields[name] = (
                MethodsField(label=info.title, help_text=info.description)
                if name == "methods"
                else field_for(name.removeprefix("protocol-"), info)
            )
            if not spec and not info.is_required():
                self.initial.setdefault(name, info.get_default(call_default_factory=True))

        self.fields[COUNTED].disabled = True
        if spec is None and study is not None:
            self.initial[COUNTED] = study.read_protocol().revision
        if spec is None and study is None:
            self.initial.update({f"protocol-{name}": share for name, share in USUAL.items()})
        if study is None or not items(study, Comparison.Kind.CONTROL).exists():
            self.fields["protocol-control_rate"].help_text += NO_CONTROLS
        if study is not None:
            self._name_examples(study)

    def _name_examples(self, study: Study) -> None:
        """Worked pairs are chosen among the study's pictures, by prompt id and method."""
        self.example_pictures = suggestions(study)
        for name in EXAMPLES:
            if rows := self.initial.get(name):
                self.initial[name] = shown_names(study, rows)
            widget = self.fields[name].widget
            assert isinstance(widget, RowsWidget)
            widget.suggested = dict.fromkeys(SIDES, "example-pictures")

    @property
    def groups(self) -> Iterator[tuple[str, list[forms.BoundField]]]:
        """Fields by heading; what no heading claims comes last."""
        claimed = {name for names in GROUPS.values() for name in names}
        for heading, names in GROUPS.items():
            yield heading, [self[name] for name in names if name in self.fields]
        if rest := [self[name] for name in self.fields if name not in claimed]:
            yield "More", rest

    def clean(self) -> dict[str, Any]:
        super().clean()
        try:
            self.spec = StudySpec.model_validate(self.plain())
        except ValidationError as error:
            for mistake in error.errors():
                self._blame([str(part) for part in mistake["loc"]], explain(mistake))
        except MethodMistake as error:
            self._blame(["methods", str(error.row)], str(error))
        except ExampleMistake as error:
            self._blame([*error.field.split("-"), str(error.row), error.column], str(error))
        except ValueError as error:
            self.add_error(None, str(error))
        return self.cleaned_data

    def plain(self) -> dict[str, Any]:
        """What was entered as plain data, in the shape of the TOML file; empty means default."""
        data: dict[str, Any] = {"protocol": {}}
        for name, info in _all_fields():
            shape = Shape.of(info.annotation)
            given = self.cleaned_data.get(name)
            if name == "methods":
                value: Any = [plain_method(number, row) for number, row in enumerate(given or [])]
            else:
                if name in EXAMPLES:
                    given = read_names(self.study, given or [], field=name)
                value = plain_value(shape, given)
            where = data["protocol"] if name.startswith("protocol-") else data
            # An emptied text is a choice; an emptied number means its default.
            if value not in ("", None) or (value == "" and shape.base is str):
                where[name.removeprefix("protocol-")] = value
        return data

    def _blame(self, path: list[str], said: str) -> None:
        """Put a mistake next to its field; inside a table it names row and column."""
        if path == ["protocol"] and f"protocol-{said.split()[0]}" in self.fields:
            # Checks across fields begin with the name of the field to change.
            path = ["protocol", said.split()[0]]
        if path[:1] == ["methods"] and len(path) > 1:
            self._blame_method(int(path[1]), path[2:], said)
            return
        for length in (2, 1):
            name = "-".join(path[:length])
            if name in self.fields:
                rest = path[length:]
                row = f"Row {int(rest[0]) + 1}: " if rest and rest[0].isdigit() else ""
                column = f"{', '.join(rest[1:])}: " if len(rest) > 1 else ""
                self.add_error(name, f"{row}{column}{said}")
                return
        self.add_error(None, said)

    def _blame_method(self, row: int, path: list[str], said: str) -> None:
        """A method's mistakes, a line each, in its card and in the list on top."""
        place = f"{', '.join(path)}: " if path else ""
        for line in map(in_the_form, said.splitlines()):
            self.method_mistakes.setdefault(row, []).append(f"{place}{line}")
            self.add_error("methods", f"Method {row + 1}: {place}{line}")


def _all_fields() -> Iterator[tuple[str, FieldInfo]]:
    """Every field of a study by the name of its input; the protocol's are lifted to one level."""
    for name, info in StudySpec.model_fields.items():
        if name != "protocol":
            yield name, info
    for name, info in Protocol.model_fields.items():
        yield f"protocol-{name}", info


def initial_of(spec: StudySpec) -> dict[str, Any]:
    """A spec as the form shows it."""
    data = spec.model_dump(mode="json")
    protocol = data.pop("protocol")
    flat = data | {f"protocol-{name}": value for name, value in protocol.items()}
    flat["methods"] = [shown_method(method) for method in flat["methods"]]
    for name, info in _all_fields():
        if name == "methods":
            continue
        if (model := Shape.of(info.annotation).row) is not None:
            # What is left out where it is empty has no rows.
            flat[name] = [shown_row(model, row) for row in flat.get(name, ())]
    return flat
