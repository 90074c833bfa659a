"""Turning a StudySpec into rows, and changing or copying it while nothing has been judged.

It must not know pictures or votes: methods are known by digest, and pictures belong to digests.
"""

import hashlib
import json

from django.db import transaction
from django.utils import timezone

from annotate.people.models import User
from annotate.studies.members import add_member
from annotate.studies.models import Contrast, Event, Membership, Method, PromptSet, Study
from annotate.studies.prompts import PromptRow, store_prompts
from annotate.studies.spec import MethodSpec, PromptSetSpec, SpecError, StudySpec, parse_spec


class FrozenStudyError(ValueError):
    """A launched study was asked to change."""


def method_digest(study: Study, spec: MethodSpec) -> str:
    """What a method's samples belong to.

    Generated pictures follow from their arm, so equal recipes share samples across studies.
    Imported ones follow from nothing we know: they belong to this study and this name (a name that
    is removed and written again finds its pictures).
    """
    if spec.kind != "imported":
        return spec.read_arm().digest
    recipe = {"kind": spec.kind, "study": str(study.uid), "name": spec.name}
    canonical = json.dumps(recipe, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


@transaction.atomic
def create_study(spec: StudySpec, *, owner: User) -> Study:
    """A new draft with its methods, contrasts and prompt sets; the owner is its first member.

    Raises:
        SpecError: the specification names prompts or recipes that cannot be stored.
    """
    study = Study.objects.create(name=spec.name, spec=spec.model_dump(mode="json"), owner=owner)
    add_member(study, owner, role=Membership.Role.OWNER)
    _write_rows(study, spec, actor=owner)
    _note(study, "study_created", actor=owner)
    return study


@transaction.atomic
def update_draft(study: Study, spec: StudySpec, *, actor: User) -> Study:
    """Make a draft say what `spec` says. A method keeps its samples as long as its name stays.

    Raises:
        FrozenStudyError: the study has been launched.
        SpecError: the specification names prompts or recipes that cannot be stored.
    """
    locked = Study.objects.select_for_update().get(pk=study.pk)
    if locked.state != Study.State.DRAFT:
        raise FrozenStudyError(
            f"the study is {locked.state} and its protocol is frozen; only a draft can change. "
            "Clone it and change the clone."
        )
    before = {written.name for written in locked.read_spec().prompt_sets}
    gone = before - {written.name for written in spec.prompt_sets}
    locked.prompt_sets.remove(*locked.prompt_sets.filter(name__in=gone))
    locked.name, locked.spec = spec.name, spec.model_dump(mode="json")
    locked.save(update_fields=["name", "spec"])
    _write_rows(locked, spec, actor=actor)
    _note(locked, "study_changed", actor=actor)
    study.refresh_from_db()
    return study


@transaction.atomic
def clone_study(study: Study, *, owner: User, name: str) -> Study:
    """A new draft that asks the same of the same pictures.

    Methods keep their digests, so the clone has the samples of the original at once. Members,
    votes and verdicts stay behind.
    """
    spec = parse_spec(study.read_spec().model_dump(mode="json") | {"name": name})
    clone = Study.objects.create(
        name=spec.name, spec=spec.model_dump(mode="json"), owner=owner, cloned_from=study
    )
    add_member(clone, owner, role=Membership.Role.OWNER)
    clone.prompt_sets.set(study.prompt_sets.all())
    copies = {
        m.pk: Method(
            study=clone,
            name=m.name,
            label=m.label,
            kind=m.kind,
            settings=m.settings,
            digest=m.digest,
            order=m.order,
        )
        for m in study.methods.all()
    }
    Method.objects.bulk_create(copies.values())
    Contrast.objects.bulk_create(
        Contrast(
            study=clone,
            a=copies[c.a_id],
            b=copies[c.b_id],
            prompt_set_id=c.prompt_set_id,
            primary=c.primary,
            order=c.order,
        )
        for c in study.contrasts.all()
    )
    _note(clone, "study_cloned", actor=owner, source=str(study.uid))
    return clone


def _write_rows(study: Study, spec: StudySpec, *, actor: User) -> None:
    """Methods, contrasts and prompt sets of a draft, so that they agree with the spec."""
    study.contrasts.all().delete()
    # Kept by name with their digests: a clone's methods go on sharing the original's samples.
    kept = {m.name: m for m in study.methods.all()}
    study.methods.all().delete()
    digests: dict[str, str] = {}
    for order, written in enumerate(spec.methods):
        old = kept.get(written.name)
        stays = old is not None and old.kind == written.kind == "imported"
        digest = old.digest if old is not None and stays else method_digest(study, written)
        if digest in digests:
            raise SpecError(
                f"methods: {digests[digest]!r} and {written.name!r} have the same kind and "
                "settings and would be the same pictures. Change one recipe or remove one."
            )
        digests[digest] = written.name
        row = written.model_dump()
        if written.kind != "imported":
            # The whole arm, whatever its preset says in a later version.
            row["settings"] = written.read_arm().settings
        Method.objects.create(study=study, digest=digest, order=order, **row)
    named = [one.name for one in spec.prompt_sets]
    if doubled := sorted({name for name in named if named.count(name) > 1}):
        raise SpecError(
            f"prompt_sets: {doubled} named twice. Give each set its own name, whatever its role."
        )
    put = [(one, _put_prompts(study, one, actor=actor)) for one in spec.prompt_sets]
    sets = {one.name: stored for one, stored in put if one.role == "test"}
    by_name = {m.name: m for m in study.methods.all()}
    for order, contrast in enumerate(spec.contrasts):
        if not {contrast.a, contrast.b} <= set(by_name):
            continue  # its methods come with the samples; the import adds the contrast then
        Contrast.objects.create(
            study=study,
            a=by_name[contrast.a],
            b=by_name[contrast.b],
            prompt_set=sets[contrast.prompt_set] if contrast.prompt_set else None,
            primary=contrast.primary,
            order=order,
        )
    if spec.protocol.asks_diversity:
        contrast_with_themselves(study)


def contrast_with_themselves(study: Study) -> None:
    """One contrast for every method of a diversity study: its pairs are its own replicas."""
    for method in study.methods.all():
        Contrast.objects.get_or_create(
            study=study, a=method, b=method, defaults={"order": method.order}
        )


def _put_prompts(study: Study, written: PromptSetSpec, *, actor: User) -> PromptSet:
    """Bind the study to this prompt set; another version of the same name makes way for it."""
    if written.prompts:
        rows = [
            PromptRow(p.id, p.text, p.group, p.context, p.context_role) for p in written.prompts
        ]
        try:
            found: PromptSet | None = store_prompts(written.name, rows, role=written.role)
        except ValueError as error:
            raise SpecError(f"prompt_sets: {error}") from error
    else:
        # A bare name means a stored set: the one this study has, else one this person may see.
        named = PromptSet.objects.filter(name=written.name, role=written.role)
        seen = Study.objects.managed_by(actor).values("pk")
        found = (
            named.filter(studies=study).first()
            or named.filter(studies__in=seen).order_by("-version").first()
        )
    if found is None:
        raise SpecError(
            f"prompt_sets: {written.name!r} has no prompts here and none of your studies holds a "
            f"{written.role} set of that name. Write its prompts, or leave it out and import them."
        )
    study.prompt_sets.remove(*study.prompt_sets.filter(name=written.name).exclude(pk=found.pk))
    study.prompt_sets.add(found)
    return found


def _note(study: Study, kind: str, *, actor: User, **data: str) -> None:
    Event.objects.create(study=study, actor=actor, kind=kind, data=data, at=timezone.now())
