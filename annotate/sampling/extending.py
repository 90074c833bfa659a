"""Write a checked import into a draft: prompts, methods, samples and contrasts in one transaction.
It must know neither manifest formats nor picture files."""

import itertools
from collections.abc import Callable

from django.db import transaction
from django.db.models import Q

from annotate.people.models import User
from annotate.sampling.delivery import Delivery, ImportResult, Survey, batches
from annotate.sampling.manifest import Row, read_rows
from annotate.sampling.models import Image, ImportRun, Sample
from annotate.sampling.new_prompts import ImportedPrompts
from annotate.sampling.refusals import ImportRefused, Refusals, quoted
from annotate.sampling.samples import sample_prompt_digest
from annotate.sampling.storage import Stored
from annotate.studies.create import contrast_with_themselves, method_digest
from annotate.studies.models import Contrast, Event, Method, Prompt, PromptSet, Study
from annotate.studies.spec import MethodSpec, SpecError, parse_spec


def check_draft(study: Study) -> None:
    """Raise ImportRefused unless the study may still change what it is made of."""
    if study.state != Study.State.DRAFT:
        raise ImportRefused.whole(
            f"The study is {study.state}; pictures are imported into drafts only.",
            "Clone it and import into the clone.",
        )


@transaction.atomic
def extend(
    study: Study, delivery: Delivery, *, actor: User | None, step: Callable[[int], None]
) -> ImportResult:
    """Add what is new to the draft, or raise ImportRefused and add nothing.

    Two imports into one study wait for each other on the study's row, as a launch does.
    """
    locked = Study.objects.select_for_update().get(pk=study.pk)
    check_draft(locked)
    images = len(delivery.distinct)
    unchanged = ImportResult(delivery.survey.rows, 0, images, unchanged=True)
    if ImportRun.objects.filter(study=locked, digest=delivery.digest).exists():
        return unchanged
    refusals = Refusals()
    methods, methods_added = _methods(locked, delivery.survey, refusals)
    prompts = ImportedPrompts(locked, delivery, refusals)
    refusals.raise_if_any()
    prompt_set = prompts.settle()
    image_ids = _image_ids(delivery.distinct)
    new_samples = 0
    for rows in batches(read_rows(delivery.manifest, Refusals())):
        prompts.write(rows)
        new_samples += _write_samples(rows, methods, delivery, image_ids, refusals)
        step(len(rows))
    refusals.raise_if_any()
    if not (new_samples or prompts.new or methods_added):
        return unchanged
    _keep_in_step(locked, prompt_set, grown=bool(prompts.new))
    ImportRun.objects.create(
        study=locked,
        actor=actor,
        digest=delivery.digest,
        name=delivery.name,
        rows=delivery.survey.rows,
        images=images,
    )
    counts = {"rows": delivery.survey.rows, "new_samples": new_samples, "images": images}
    Event.objects.create(study=locked, actor=actor, kind="samples_imported", data=counts)
    study.spec = locked.spec
    return ImportResult(delivery.survey.rows, new_samples, images, unchanged=False)


def _methods(study: Study, survey: Survey, refusals: Refusals) -> tuple[dict[str, Method], bool]:
    """The study's methods by name, with those added that only the manifest knows."""
    known = {method.name: method for method in study.methods.order_by("order", "pk")}
    order = itertools.count(max((m.order for m in known.values()), default=-1) + 1)
    added = False
    for name, (_, line) in survey.methods.items():
        if name not in known:
            spec = MethodSpec(name=name)
            known[name] = Method.objects.create(
                study=study,
                digest=method_digest(study, spec),
                order=next(order),
                **spec.model_dump(),
            )
            added = True
        elif known[name].kind != "imported":
            refusals.add(
                line,
                f"method {quoted(name)} makes its own pictures ({known[name].kind}).",
                "Give the imported pictures another method name.",
            )
    return known, added


def _image_ids(pictures: dict[str, Stored]) -> dict[str, int]:
    """A row for every picture; returns their keys by digest."""
    ids: dict[str, int] = {}
    for some in batches(pictures.values()):
        Image.objects.bulk_create(
            [Image(digest=s.digest, width=s.width, height=s.height, bytes=s.bytes) for s in some],
            ignore_conflicts=True,
        )
        wanted = Image.objects.filter(digest__in=[s.digest for s in some])
        ids.update(wanted.values_list("digest", "pk"))
    return ids


def _write_samples(
    rows: list[Row],
    methods: dict[str, Method],
    delivery: Delivery,
    image_ids: dict[str, int],
    refusals: Refusals,
) -> int:
    """Add the samples that are not there; one that is there must have the same content."""
    marks = delivery.survey.prompts
    fresh: dict[tuple[str, str, int], tuple[Row, Sample]] = {}
    for row in rows:
        method = methods[row.method]
        prompt = Prompt(key=row.prompt_id, digest=marks[row.prompt_id].text_digest)
        sample = Sample(
            method_digest=method.digest,
            prompt_digest=sample_prompt_digest(method, prompt),
            replica=row.replica,
            state=Sample.State.DONE,
            image_id=image_ids[delivery.pictures[row.file].digest],
            metadata=row.metadata,
        )
        fresh[sample.method_digest, sample.prompt_digest, sample.replica] = (row, sample)
    there = Sample.objects.filter(
        method_digest__in={key[0] for key in fresh},
        prompt_digest__in={key[1] for key in fresh},
        seed=0,
    ).only("method_digest", "prompt_digest", "replica", "image_id", "metadata")
    for old in there:
        found = fresh.pop((old.method_digest, old.prompt_digest, old.replica), None)
        if found is None:
            continue
        row, sample = found
        other = "picture" if old.image_id != sample.image_id else "metadata"
        if old.image_id != sample.image_id or old.metadata != sample.metadata:
            refusals.add(
                row.line,
                f"prompt {quoted(row.prompt_id)}, method {quoted(row.method)}, replica "
                f"{row.replica} has other {other} in this study already.",
                "Give it another replica, or import into a new study.",
            )
    if not refusals.total:
        Sample.objects.bulk_create(sample for _, sample in fresh.values())
    return len(fresh)


def _keep_in_step(study: Study, prompt_set: PromptSet, *, grown: bool) -> None:
    """The spec names the methods that have rows; contrasts and the study use the set imported."""
    rows = {method.name: method for method in study.methods.order_by("order", "pk")}
    listed = list(study.spec.get("methods", []))
    named = {method["name"] for method in listed}
    listed += [MethodSpec(name=n).model_dump(mode="json") for n in rows if n not in named]
    # A set that grew is no longer the one written out; its bare name means the stored one.
    sets = [
        {**written, "prompts": []} if grown and written["name"] == prompt_set.name else written
        for written in study.spec.get("prompt_sets", [])
    ]
    study.spec = {**study.spec, "methods": listed, "prompt_sets": sets}
    try:
        spec = parse_spec(study.spec)
    except SpecError as error:
        raise ImportRefused.whole(
            f"With these methods the study no longer makes sense: {error}", "Edit the study first."
        ) from error
    study.save(update_fields=["spec"])
    replaced = list(study.prompt_sets.filter(role=PromptSet.Role.TEST).exclude(pk=prompt_set.pk))
    study.prompt_sets.remove(*replaced)
    study.prompt_sets.add(prompt_set)
    study.contrasts.filter(Q(prompt_set=None) | Q(prompt_set__in=replaced)).update(
        prompt_set=prompt_set
    )
    if spec.protocol.asks_diversity:
        contrast_with_themselves(study)
    pairs = set(study.contrasts.values_list("a__name", "b__name"))
    for order, contrast in enumerate(spec.contrasts):
        if (contrast.a, contrast.b) not in pairs and {contrast.a, contrast.b} <= rows.keys():
            Contrast.objects.create(
                study=study,
                a=rows[contrast.a],
                b=rows[contrast.b],
                prompt_set=prompt_set,
                primary=contrast.primary,
                order=order,
            )
