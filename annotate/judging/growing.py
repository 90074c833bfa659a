"""A launched study grows by prompts, methods or a version of its exam, under a new protocol hash.

What is new comes from a draft that was cloned from it. Pairs and votes that are there stay as they
are; it must not serve pairs, nor change what an answer counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from annotate.judging.exams import missing, shortages, usable
from annotate.judging.models import Comparison, ContrastItem, PlannedItem
from annotate.judging.named_pictures import missing_pictures
from annotate.judging.opening import open_ready
from annotate.judging.places import Place, draw_places, makes_pictures, to_rows
from annotate.judging.qualification import seen_items
from annotate.judging.qualification_models import Sitting
from annotate.judging.writing import BATCH
from annotate.people.models import User
from annotate.sampling.plan import plan_samples
from annotate.studies.clock import database_now
from annotate.studies.growth import Asked, prompts_of, raises_version, refusals
from annotate.studies.models import Contrast, Event, Membership, Method, Prompt, Study
from annotate.studies.turns import turn


class GrowthRefused(ValueError):
    """A study that cannot grow into this draft; one line for each reason."""


@dataclass(frozen=True)
class Grown:
    """What was added. `jobs` make the pictures that are still to come; `version` of training and
    exam is what everybody now passes first, None where it stayed."""

    methods: int
    contrasts: int
    prompts: int
    items: int
    jobs: int
    version: int | None = None


def grow(study: Study, draft: Study, *, actor: User | None, now: datetime | None = None) -> Grown:
    """Take over what the draft has more; all or nothing, and a second call finds nothing new.

    New pairs stand behind all others in the serving order. The draft stays as it is. What may run
    beside it: anything; of two growths at once the second looks at what the first has made.

    Raises:
        GrowthRefused: the draft asks something else, lacks something, or adds nothing; or somebody
            would find too few exam items that they have not seen under the version it raises.
    """
    with turn(), transaction.atomic():
        # Votes go on meanwhile, which need only its key: one that waited for it would hold a pair
        # that `_follow` waits for.
        locked = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        unstored = missing_pictures(draft, draft.read_protocol())
        if reasons := [*refusals(locked, draft), *unstored]:
            raise GrowthRefused("\n".join(reasons))
        raised = raises_version(locked, draft)
        if raised and (lines := _short_of_items(locked, draft)):
            raise GrowthRefused("\n".join(lines))
        at = now or database_now()
        methods = _take_methods(locked, draft)
        contrasts, prompts = _take_contrasts(locked, draft)
        _take_spec(locked, draft)
        places = _new_places(locked)
        if not places and not raised:
            raise GrowthRefused(
                "The draft adds no pair, and raises no version of training and exam: it has no "
                "prompt or method for which pictures exist or will be made. Import them into the "
                "draft first."
            )
        PlannedItem.objects.bulk_create(to_rows(locked, places), batch_size=BATCH)
        jobs = 0
        if places and makes_pictures(locked):
            order: dict[tuple[str, int], int] = {}
            for place in places:
                order.setdefault((place.prompt.digest, place.replica), place.order)
            jobs = plan_samples(locked, order=order).jobs
        version = locked.read_protocol().qualification_version if raised else None
        grown = Grown(methods, contrasts, prompts, len(places), jobs, version)
        Event.objects.create(
            study=locked,
            actor=actor,
            kind="study_grown",
            data={
                "protocol": locked.protocol_hash,
                "draft": str(draft.uid),
                "items": grown.items,
                "version": version,
            },
            at=at,
        )
    study.refresh_from_db()
    open_ready(study, now=now)
    return grown


def _short_of_items(study: Study, draft: Study) -> list[str]:
    """Why not everybody could pass the draft's version: items are lacking, or were seen before."""
    protocol = draft.read_protocol()
    if said := shortages(study, protocol):
        return said
    pool = usable(study, Sitting.Kind.EXAM, protocol)
    places = study.memberships.filter(role=Membership.Role.ANNOTATOR, active=True).order_by("pk")
    lacking = {
        place.pseudonym: missing(
            pool,
            protocol,
            seen=seen_items(place, Sitting.Kind.EXAM),
            attempts=protocol.exam_attempts,
        )
        for place in places
    }
    who = max(lacking, key=lambda name: lacking[name], default="")
    if not who or not lacking[who]:
        return []
    return [
        f"{lacking[who]} exam items in which one picture is better are missing for {who}, who has "
        f"seen others: version {protocol.qualification_version} has {protocol.exam_attempts} "
        "attempts, and nobody sees an item twice. Add them under Training and exam of the running "
        "study first."
    ]


def _take_methods(study: Study, draft: Study) -> int:
    known = set(study.methods.values_list("name", flat=True))
    fresh = [m for m in draft.methods.order_by("order") if m.name not in known]
    for order, method in enumerate(fresh, start=len(known)):
        Method.objects.create(
            study=study,
            name=method.name,
            label=method.label,
            kind=method.kind,
            settings=method.settings,
            digest=method.digest,
            order=order,
        )
    return len(fresh)


def _take_contrasts(study: Study, draft: Study) -> tuple[int, int]:
    """How many contrasts and prompts are new. Old items follow their prompts to the next version
    of the set, where each stands under the same id with the same text."""
    methods = {m.name: m for m in study.methods.all()}
    known = {(c.a.name, c.b.name): c for c in study.contrasts.select_related("a", "b")}
    before = {key for c in known.values() for key in prompts_of(c)}
    after: set[Asked] = set()
    for theirs in draft.contrasts.select_related("a", "b", "prompt_set"):
        found = prompts_of(theirs)
        after |= found.keys()
        ours = known.get((theirs.a.name, theirs.b.name))
        if ours is None:
            Contrast.objects.create(
                study=study,
                a=methods[theirs.a.name],
                b=methods[theirs.b.name],
                prompt_set=theirs.prompt_set,
                order=theirs.order,
            )
            continue
        _follow(study, prompts_of(ours), found)
        Contrast.objects.filter(pk=ours.pk).update(prompt_set=theirs.prompt_set)
    study.prompt_sets.set(draft.prompt_sets.all())
    return draft.contrasts.count() - len(known), len(after - before)


def _follow(study: Study, old: dict[Asked, Prompt], new: dict[Asked, Prompt]) -> None:
    for key, prompt in old.items():
        then = new[key]
        if then.pk == prompt.pk:
            continue
        ContrastItem.objects.filter(contrast__study=study, prompt=prompt).update(prompt=then)
        PlannedItem.objects.filter(study=study, prompt=prompt).update(prompt=then)
        Comparison.objects.filter(study=study, prompt=prompt).update(prompt=then)


def _take_spec(study: Study, draft: Study) -> None:
    old = study.read_protocol()
    protocol = draft.read_protocol().model_copy(update={"revision": old.revision + 1})
    said = {key: study.spec[key] for key in ("name", "public_name") if key in study.spec}
    study.spec = draft.spec | said | {"protocol": protocol.model_dump(mode="json")}
    study.protocol_hash = protocol.digest()
    study.save(update_fields=["spec", "protocol_hash"])


def _new_places(study: Study) -> list[Place]:
    """Places of items that are not there yet, behind all that are."""
    protocol = study.read_protocol()
    taken: set[tuple[int, int, int]] = set()
    groups: set[tuple[int, str]] = set()
    rows: Iterable[tuple[int, int, int, str]] = [
        *ContrastItem.objects.filter(contrast__study=study).values_list(
            "contrast", "prompt", "replica", "prompt__group"
        ),
        *PlannedItem.objects.filter(study=study).values_list(
            "contrast", "prompt", "replica", "prompt__group"
        ),
    ]
    for contrast, prompt, replica, group in rows:
        taken.add((contrast, prompt, replica))
        groups.add((contrast, group))
    fresh = [
        place
        for place in draw_places(study, protocol, known=_begins(study)).items
        if (place.contrast.pk, place.prompt.pk, place.replica) not in taken
        # One prompt of a group stays one, whichever would be drawn among more.
        and not (
            protocol.one_per_group
            and place.prompt.group
            and (place.contrast.pk, place.prompt.group) in groups
        )
    ]
    there = (Comparison.objects.filter(study=study), PlannedItem.objects.filter(study=study))
    lasts = [known.aggregate(last=Max("order"))["last"] for known in there]
    start = 1 + max((last for last in lasts if last is not None), default=-1)
    # Already shuffled by the seed among all items.
    return [replace(place, order=start + n) for n, place in enumerate(fresh)]


def _begins(study: Study) -> dict[tuple[int, int], bool]:
    """By prompt and replica: does method a begin on the left where pairs are there?"""
    begins: dict[tuple[int, int], bool] = {}
    planned = PlannedItem.objects.filter(study=study).order_by("order")
    for prompt, replica, sides in planned.values_list("prompt", "replica", "sides"):
        begins.setdefault((prompt, replica), bool(sides & 1))
    # Of imported pictures only the slots say it.
    opened = ContrastItem.objects.filter(contrast__study=study, comparison__assignments__slot=1)
    for prompt, replica, a_is_first, flipped in opened.order_by("comparison__order").values_list(
        "prompt", "replica", "a_is_first", "comparison__assignments__flipped"
    ):
        begins.setdefault((prompt, replica), a_is_first != flipped)
    return begins
