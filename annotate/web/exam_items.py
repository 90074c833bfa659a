"""Training and exam as their researcher sees them: items, numbers with the pass table, who stands
where.

It must not decide what is right, or who passes.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from pydantic import ValidationError

from annotate.analysis.passing import PassLine, pass_table
from annotate.analysis.votes import PRIORITY, Choice, Criterion, VoteRecord
from annotate.judging.controls import KINDS, BadItem, KnownItem, add_item, drop_item
from annotate.judging.exams import shortages
from annotate.judging.models import Comparison
from annotate.judging.qualification import standing
from annotate.sampling.media import gallery_url
from annotate.studies.create import FrozenStudyError, update_draft
from annotate.studies.mistakes import lines
from annotate.studies.models import Membership, Study
from annotate.studies.protocol import Protocol
from annotate.studies.spec import StudySpec
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.example_names import ExampleMistake, read_names, suggestions
from annotate.web.pilots import sources
from annotate.web.study_pages import study_page

ANSWERS = [("", "not stated"), ("a", "A is better"), ("b", "B is better"), ("equal", "equal")]
_SAID = {Choice.FIRST: "Picture 1", Choice.SECOND: "Picture 2"}
_LABELS = dict(zip(PRIORITY, ("text match", "image quality", "aesthetics"), strict=True))
NUMBERS = (
    "training_pairs",
    "training_pass",
    "exam_items",
    "exam_pass",
    "exam_attempts",
    "exam_wait_hours",
    "qualification_version",
)


class ItemForm(forms.Form):
    """An item with a known answer, its pictures named as in the sample browser."""

    kind = forms.ChoiceField(
        choices=[(k.value, k.label) for k in KINDS], label="For", initial="exam"
    )
    a = forms.CharField(max_length=300, label="Picture A", help_text="as in p1 / teacher")
    b = forms.CharField(max_length=300, label="Picture B")
    prompt = forms.CharField(
        required=False,
        max_length=10_000,
        label="Prompt",
        help_text="Empty takes the prompt of picture A.",
    )
    alignment = forms.ChoiceField(choices=ANSWERS, required=False, label="Text match")
    quality = forms.ChoiceField(choices=ANSWERS, required=False, label="Image quality")
    aesthetics = forms.ChoiceField(choices=ANSWERS, required=False, label="Aesthetics")
    explanation = forms.CharField(
        max_length=2000,
        label="Explanation",
        help_text="The first sentence is shown in bold: name the rule, as in “Count comes before "
        "looks.”",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def read(self, study: Study) -> KnownItem:
        """The item with digests. Raises ExampleMistake for an unknown picture."""
        given = self.cleaned_data
        named = {"first": given["a"], "second": given["b"], "prompt": given["prompt"]}
        row = read_names(study, [named])[0]
        return KnownItem(
            kind=given["kind"],
            prompt=row["prompt"],
            a=row["first"],
            b=row["second"],
            answers={str(c): given[c] for c in PRIORITY if given[c]},
            explanation=given["explanation"],
        )


@dataclass(frozen=True)
class ItemLine:
    """One item as the page lists it."""

    row: Comparison
    pictures: tuple[str, str]
    answer: str


@researcher_required
@never_cache
@require_http_methods(["GET", "POST"])
def exam_items(request: PersonRequest, uid: UUID) -> HttpResponse:
    """The page; posting adds an item."""
    study = managed_study_or_404(request.user, uid)
    if request.method == "GET":
        return _page(request, study)
    form = ItemForm(request.POST, label_suffix="")
    if form.is_valid():
        try:
            add_item(study, form.read(study), actor=request.user)
        except ExampleMistake as error:
            form.add_error({"first": "a", "second": "b"}.get(error.column), str(error))
        except BadItem as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "The item is in. Add the next one.")
            return redirect("study-exam", uid)
    return _page(request, study, form=form, status=422)


@researcher_required
@require_POST
def drop(request: PersonRequest, uid: UUID, pk: int) -> HttpResponse:
    """Take an item out of use."""
    study = managed_study_or_404(request.user, uid)
    drop_item(
        get_object_or_404(study.comparisons.filter(kind__in=KINDS), pk=pk), actor=request.user
    )
    messages.success(request, "The item is out. Attempts that held it keep their result.")
    return redirect("study-exam", uid)


@researcher_required
@require_POST
def numbers(request: PersonRequest, uid: UUID) -> HttpResponse:
    """Try numbers in the pass table, or keep them in the draft."""
    study = managed_study_or_404(request.user, uid)
    given = {name: request.POST.get(name, "") for name in NUMBERS}
    given |= {"qualification": "1" if request.POST.get("qualification") else "0"}
    try:
        protocol = Protocol.model_validate(study.spec["protocol"] | given)
    except ValidationError as error:
        return _page(request, study, given=given, refused=lines(error, whole="numbers"), status=422)
    if request.POST.get("keep"):
        spec = study.read_spec().model_dump(mode="json") | {
            "protocol": protocol.model_dump(mode="json")
        }
        try:
            update_draft(study, StudySpec.model_validate(spec), actor=request.user)
        except FrozenStudyError as error:
            return _page(request, study, refused=[str(error)], status=409)
        messages.success(request, "These numbers are in the draft.")
        return redirect("study-exam", uid)
    return _page(request, study, tried=protocol)


def _page(
    request: PersonRequest,
    study: Study,
    *,
    form: ItemForm | None = None,
    tried: Protocol | None = None,
    given: dict[str, Any] | None = None,
    refused: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    protocol = tried or study.read_protocol()
    shown = given or protocol.model_dump(include={*NUMBERS, "qualification"})
    fields = Protocol.model_fields
    return study_page(
        request,
        study,
        "exam",
        tab="exam",
        status=status,
        form=form or ItemForm(label_suffix=""),
        names=suggestions(study),
        items=_lines(study),
        counts=[(kind.label, _count(study, kind)) for kind in KINDS],
        protocol=protocol,
        tried=tried is not None,
        numbers=[(name, fields[name].title, shown[name]) for name in NUMBERS],
        asked=str(shown["qualification"]) in {"1", "True"},
        refused=refused or [],
        shortages=shortages(study, protocol.model_copy(update={"qualification": True})),
        table=_table(protocol),
        people=_people(study),
        sources=sources(study, request),
    )


def _table(protocol: Protocol) -> list[PassLine]:
    return pass_table(
        protocol.exam_items, to_pass=protocol.exam_pass, attempts=protocol.exam_attempts
    )


def _count(study: Study, kind: str) -> int:
    return study.comparisons.filter(kind=kind, held=False).count()


def _lines(study: Study) -> list[ItemLine]:
    rows = study.comparisons.filter(kind__in=KINDS, held=False).order_by("-order")
    return [
        ItemLine(row, (gallery_url(row.first), gallery_url(row.second)), _answer(row))
        for row in rows.select_related("prompt", "first", "second")
    ]


def _answer(row: Comparison) -> str:
    """Which picture is right, and by which criterion."""
    record = VoteRecord({Criterion(k): Choice(v) for k, v in (row.expected or {}).items()})
    deciding = record.deciding()
    return f"{_SAID[record.derived()]}, by {_LABELS[deciding]}" if deciding else "About equal"


def _people(study: Study) -> list[tuple[Membership, str, int | None]]:
    """(member, stage, right answers of the last exam attempt) of every annotator here."""
    if not study.read_protocol().qualification or study.state == Study.State.DRAFT:
        return []
    found = []
    places = study.memberships.filter(role=Membership.Role.ANNOTATOR).order_by("pk")
    for place in places.select_related("study"):
        there = standing(place)
        found.append((place, there.stage.value, there.sitting.right if there.sitting else None))
    return found
