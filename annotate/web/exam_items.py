"""Training and exam as their researcher sees them: items, numbers with the pass table, who stands
where.

It must not decide what is right, or who passes.
"""

from collections.abc import Mapping
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

from annotate.analysis.votes import PRIORITY, Choice, Criterion, VoteRecord
from annotate.judging.controls import KINDS, BadItem, KnownItem, add_item, drop_item
from annotate.judging.exams import shortages
from annotate.judging.extra_attempts import NoExtraAttempt, grant_extra_attempt
from annotate.judging.models import Comparison
from annotate.judging.qualification import Stage, has_extra, standing
from annotate.judging.rated import TOLERANCE, is_rated
from annotate.judging.rings import BadRing, read_lines
from annotate.sampling.media import gallery_url
from annotate.studies.create import FrozenStudyError, update_draft
from annotate.studies.mistakes import lines
from annotate.studies.models import Membership, Study
from annotate.studies.protocol import Protocol
from annotate.studies.spec import StudySpec
from annotate.web import rating
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.example_names import ExampleMistake, read_names, suggestions
from annotate.web.pass_tables import passing_of
from annotate.web.pilots import sources
from annotate.web.rated_words import known_levels
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

    rings = forms.CharField(
        required=False,
        max_length=500,
        label="Rings",
        help_text="Up to three places the explanation points at, one a line: picture, left, top, "
        "width and height as shares of that picture, as in “A 0.10 0.20 0.30 0.25”. They are drawn "
        "when a training answer is explained.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )

    def read(self, study: Study) -> KnownItem:
        """The item with digests.

        Raises:
            ExampleMistake: a picture is unknown.
            BadRing: a line of rings cannot be read.
        """
        given = self.cleaned_data
        named = {"first": given["a"], "second": given["b"], "prompt": given["prompt"]}
        row = read_names(study, [named])[0]
        return KnownItem(
            kind=given["kind"],
            prompt=row["prompt"],
            a=row["first"],
            b=row["second"],
            answers=self.known(),
            explanation=given["explanation"],
            rings=read_lines(given["rings"]),
        )

    def known(self) -> dict[str, str]:
        """What is stated to be right."""
        return {str(c): self.cleaned_data[c] for c in PRIORITY if self.cleaned_data[c]}


def _kinds(protocol: Protocol) -> list[tuple[str, str]]:
    """What an item may be for: a study of diversity draws its control tasks itself."""
    kinds = [k for k in KINDS if not (protocol.asks_diversity and k == Comparison.Kind.CONTROL)]
    return [(k.value, str(k.label)) for k in kinds]


class RatedItemForm(ItemForm):
    """An item of a study of diversity: levels by attribute instead of a better picture."""

    alignment = quality = aesthetics = None  # type: ignore[assignment]

    def __init__(self, *args: Any, protocol: Protocol, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said = [(level["value"], level["label"]) for level in rating.levels(protocol)]
        choices = _kinds(protocol)
        self.fields["kind"] = forms.ChoiceField(choices=choices, label="For", initial="exam")
        for row in rating.rows():
            self.fields[row["key"]] = forms.ChoiceField(
                choices=[("", "not stated"), *said], required=False, label=row["label"]
            )
        self.fields[TOLERANCE] = forms.ChoiceField(
            choices=[("0", "exactly this level"), ("1", "a level next to it is right too")],
            required=False,
            label="Right is",
        )

    @property
    def levels(self) -> list[forms.BoundField]:
        """The fields that say what is known, in the order of the screen."""
        return [self[row["key"]] for row in rating.rows()] + [self[TOLERANCE]]

    def known(self) -> dict[str, str]:
        names = [row["key"] for row in rating.rows()]
        told = {name: self.cleaned_data[name] for name in names if self.cleaned_data[name]}
        return told | {TOLERANCE: self.cleaned_data[TOLERANCE] or "0"}


def item_form(study: Study, data: Mapping[str, Any] | None = None) -> ItemForm:
    """The form in the terms of what the study asks."""
    protocol = study.read_protocol()
    if protocol.asks_diversity:
        return RatedItemForm(data, label_suffix="", protocol=protocol)
    return ItemForm(data, label_suffix="")


@dataclass(frozen=True)
class ItemLine:
    """One item as the page lists it."""

    row: Comparison
    pictures: tuple["PictureLine", "PictureLine"]
    answer: str


@dataclass(frozen=True)
class PictureLine:
    """One of its pictures with the rings on it: (middle, half extents) in the picture's pixels."""

    url: str
    width: int
    height: int
    rings: tuple[tuple[float, float, float, float], ...]

    @classmethod
    def of(cls, row: Comparison, name: str) -> "PictureLine":
        image = row.first if name == "first" else row.second
        wide, high = image.width, image.height
        rings = tuple(
            (
                round((ring["x"] + ring["w"] / 2) * wide, 2),
                round((ring["y"] + ring["h"] / 2) * high, 2),
                round(ring["w"] / 2 * wide, 2),
                round(ring["h"] / 2 * high, 2),
            )
            for ring in row.rings
            if ring["of"] == name
        )
        return cls(gallery_url(image), wide, high, rings)


@researcher_required
@never_cache
@require_http_methods(["GET", "POST"])
def exam_items(request: PersonRequest, uid: UUID) -> HttpResponse:
    """The page; posting adds an item."""
    study = managed_study_or_404(request.user, uid)
    if request.method == "GET":
        return _page(request, study)
    form = item_form(study, request.POST)
    if form.is_valid():
        try:
            add_item(study, form.read(study), actor=request.user)
        except ExampleMistake as error:
            form.add_error({"first": "a", "second": "b"}.get(error.column), str(error))
        except BadRing as error:
            form.add_error("rings", str(error))
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
def extra(request: PersonRequest, uid: UUID, pk: int) -> HttpResponse:
    """Grant somebody who has failed the exam one more attempt."""
    study = managed_study_or_404(request.user, uid)
    places = study.memberships.filter(role=Membership.Role.ANNOTATOR).select_related("study")
    place = get_object_or_404(places, pk=pk)
    reason = request.POST.get("reason", "")
    try:
        there = grant_extra_attempt(place, reason=reason, actor=request.user)
    except NoExtraAttempt as error:
        return _page(request, study, refused=[str(error)], reasons={pk: reason}, status=422)
    opens = there.opens_at if there.stage is Stage.WAIT else None
    when = f"; it opens on {opens:%-d %B, %H:%M} UTC" if opens else " and may begin it now"
    messages.success(request, f"{place.pseudonym} has one more attempt{when}.")
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
    reasons: dict[int, str] | None = None,
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
        form=form or item_form(study),
        diversity=protocol.asks_diversity,
        names=suggestions(study),
        items=_lines(study),
        counts=[(kind.label, _count(study, kind)) for kind in KINDS],
        protocol=protocol,
        tried=tried is not None,
        numbers=[(name, fields[name].title, shown[name]) for name in NUMBERS],
        asked=str(shown["qualification"]) in {"1", "True"},
        refused=refused or [],
        shortages=shortages(study, protocol.model_copy(update={"qualification": True})),
        passing=passing_of(protocol),
        people=_people(study, reasons or {}),
        sources=sources(study, request),
        kinds=_kinds(protocol),
    )


def _count(study: Study, kind: str) -> int:
    return study.comparisons.filter(kind=kind, held=False).count()


def _lines(study: Study) -> list[ItemLine]:
    rows = study.comparisons.filter(kind__in=KINDS, held=False).order_by("-order")
    protocol = study.read_protocol()
    if protocol.asks_diversity:
        rows = rows.exclude(kind=Comparison.Kind.CONTROL)  # drawn by the study itself
    return [
        ItemLine(
            row,
            (PictureLine.of(row, "first"), PictureLine.of(row, "second")),
            _answer(row, protocol),
        )
        for row in rows.select_related("prompt", "first", "second")
    ]


def _answer(row: Comparison, protocol: Protocol) -> str:
    """Which picture is right, and by which criterion; or which levels."""
    if is_rated(row.expected or {}):
        return known_levels(row.expected or {}, protocol)
    record = VoteRecord({Criterion(k): Choice(v) for k, v in (row.expected or {}).items()})
    deciding = record.deciding()
    if deciding is None:
        return "About equal"
    by = f"by {_LABELS[deciding]}" if deciding in _LABELS else "overall"
    return f"{_SAID[record.derived()]}, {by}"


@dataclass(frozen=True)
class PersonLine:
    """An annotator's way so far: the stage, and right answers of the last round or attempt."""

    member: Membership
    stage: str
    right: int | None
    extra: bool
    # Whether one more attempt can be granted, and the reason written for it just now.
    may_grant: bool
    reason: str


def _people(study: Study, reasons: dict[int, str]) -> list[PersonLine]:
    """Every annotator here."""
    if not study.read_protocol().qualification or study.state == Study.State.DRAFT:
        return []
    found = []
    places = study.memberships.filter(role=Membership.Role.ANNOTATOR).order_by("pk")
    for place in places.select_related("study"):
        there = standing(place)
        extra = there.qualification is not None and has_extra(there.qualification)
        found.append(
            PersonLine(
                place,
                there.stage.value,
                there.sitting.right if there.sitting else None,
                extra=extra,
                may_grant=there.stage is Stage.FAILED and not extra,
                reason=reasons.get(place.pk, ""),
            )
        )
    return found
