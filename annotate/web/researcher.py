"""Studies: the list, the form, copies, templates and moves. Each view reads, calls a verb, answers.

It must not hold rules of a study: spec, create and lifecycle do.
"""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotate.judging.queue import release_study
from annotate.reports.progress import overview
from annotate.studies.create import FrozenStudyError, clone_study, create_study, update_draft
from annotate.studies.lifecycle import IllegalMove, move
from annotate.studies.models import Study
from annotate.studies.spec import SpecError, StudySpec, parse_toml, to_toml
from annotate.studies.templates import (
    TemplateError,
    find_template,
    list_templates,
    save_template,
)
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.examples import examples
from annotate.web.forms import StudyForm
from annotate.web.home import reviewed
from annotate.web.markdown import instructions_html
from annotate.web.pass_tables import NUMBERS, passing_for
from annotate.web.study_pages import study_page

TOML_LIMIT = 1024 * 1024
# Buttons that show the form again with more to see, and save nothing.
LOOKS = {"preview", "check"}


@researcher_required
@require_GET
def studies(request: PersonRequest) -> HttpResponse:
    """All studies this person manages, the newest first."""
    rows = overview(Study.objects.managed_by(request.user), viewer=request.user)
    context = {"nav": "studies", "studies": rows, "now": timezone.now()}
    context["reviewed"] = reviewed(request.user)
    return render(request, "studies/list.html", context)


@researcher_required
@require_http_methods(["GET", "POST"])
def new(request: PersonRequest) -> HttpResponse:
    """An empty form, one from a protocol template or a TOML file, or the study it makes."""
    if request.method == "GET":
        return _blank_form(request)
    if "toml" in request.FILES:
        return _from_file(request, None)
    form = StudyForm(request.POST)
    if form.is_valid() and not LOOKS & request.POST.keys():
        try:
            study = create_study(form.spec, owner=request.user)
        except SpecError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"The draft is saved. {_next(study)}")
            return redirect("study", study.uid)
    return _form_page(request, form, status=200 if form.is_valid() else 422)


@researcher_required
@require_http_methods(["GET", "POST"])
def edit(request: PersonRequest, uid: UUID) -> HttpResponse:
    """The same form for a draft. A launched study shows its spec and cannot be changed."""
    study = managed_study_or_404(request.user, uid)
    if request.method == "GET" or study.state != Study.State.DRAFT:
        return _form_page(request, StudyForm(spec=study.read_spec(), study=study), study=study)
    if "toml" in request.FILES:
        return _from_file(request, study)
    form = StudyForm(request.POST, study=study)
    if form.is_valid() and not LOOKS & request.POST.keys():
        try:
            update_draft(study, form.spec, actor=request.user)
        except (SpecError, FrozenStudyError) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Saved.")
            return redirect("study", study.uid)
    return _form_page(request, form, study=study, status=200 if form.is_valid() else 422)


def _next(study: Study) -> str:
    """What a new draft needs before anything else."""
    kinds = {method.kind for method in study.read_spec().methods}
    if kinds - {"imported"}:
        return "Its pictures are made here, once it is launched."
    return "Import its samples next."


def _blank_form(request: PersonRequest) -> HttpResponse:
    name = request.GET.get("template", "")
    if not name:
        return _form_page(request, StudyForm())
    try:
        protocol = find_template(name)
    except TemplateError as error:
        raise Http404 from error
    draft = StudySpec.model_construct(name="", protocol=protocol)
    return _form_page(request, StudyForm(spec=draft), template=name)


def _from_file(request: PersonRequest, study: Study | None) -> HttpResponse:
    """Show what a TOML file says, in the form, for a look before it is saved."""
    upload = cast("UploadedFile[Any]", request.FILES["toml"])
    try:
        if upload.size is None or upload.size > TOML_LIMIT:
            raise SpecError(f"{upload.name} is larger than 1 MB; a study in TOML is not.")
        spec = parse_toml(upload.read().decode("utf-8"))
    except (SpecError, UnicodeDecodeError) as error:
        said = str(error).splitlines()
        form = StudyForm(spec=study.read_spec(), study=study) if study else StudyForm()
        return _form_page(
            request, form, study=study, file_errors=said, file=upload.name, status=422
        )
    return _form_page(request, StudyForm(spec=spec, study=study), study=study, file=upload.name)


def _form_page(
    request: PersonRequest, form: StudyForm, *, study: Study | None = None, **context: Any
) -> HttpResponse:
    status = context.pop("status", 200)
    spec = getattr(form, "spec", None)
    shown = {"form": form, "templates": list(list_templates()), **context}
    shown["passing"] = passing_for({name: form[f"protocol-{name}"].value() for name in NUMBERS})
    if spec is not None:
        shown["warning"] = spec.protocol.blinding_warning
        if "preview" in request.POST:
            shown["preview"] = instructions_html(spec.protocol)
            shown["examples"] = examples(spec.protocol)
    if study is not None:
        return study_page(request, study, "form", tab="protocol", status=status, **shown)
    return render(request, "studies/form.html", {"nav": "studies", **shown}, status=status)


@researcher_required
@require_GET
def spec_file(request: PersonRequest, uid: UUID) -> HttpResponse:
    """The study as a TOML file that `new` and `create_study` read back."""
    study = managed_study_or_404(request.user, uid)
    response = HttpResponse(to_toml(study.read_spec()), content_type="application/toml")
    response["Content-Disposition"] = f'attachment; filename="study-{study.uid}.toml"'
    return response


@researcher_required
@require_POST
def clone(request: PersonRequest, uid: UUID) -> HttpResponse:
    study = managed_study_or_404(request.user, uid)
    copy = clone_study(study, owner=request.user, name=f"{study.name[:113]}, again")
    messages.success(request, "A draft with the same pictures, without people or votes.")
    return redirect("study", copy.uid)


@researcher_required
@require_POST
def move_study(request: PersonRequest, uid: UUID) -> HttpResponse:
    """Pause, resume, close, reopen or archive, by the table of legal moves."""
    study = managed_study_or_404(request.user, uid)
    target = request.POST.get("to", "")
    if target not in Study.State.values:
        raise Http404
    try:
        move(study, Study.State(target), actor=request.user)
    except IllegalMove as error:
        messages.error(request, str(error))
    else:
        returned = release_study(study) if target == Study.State.CLOSED else 0
        given_back = f" Pairs given back: {returned}." if returned else ""
        messages.success(request, f"The study is {study.get_state_display().lower()}.{given_back}")
    return redirect("study", study.uid)


@researcher_required
@require_POST
def keep_template(request: PersonRequest, uid: UUID) -> HttpResponse:
    """Save this study's protocol as a template for others to start from."""
    study = managed_study_or_404(request.user, uid)
    try:
        saved = save_template(
            request.POST.get("name", ""), study.read_protocol(), actor=request.user
        )
    except TemplateError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"The protocol is saved as “{saved.name}”.")
    return redirect("study-edit", study.uid)
