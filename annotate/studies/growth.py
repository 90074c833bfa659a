"""What a launched study may take over from a draft that was cloned from it: more, never other.

It must not know pictures or votes; `judging.growing` makes the pairs.
"""

from collections.abc import Iterator

from annotate.studies.models import Contrast, Prompt, Study

# How work goes on may change while a study grows. All else says what is asked, of whom, and what
# an answer counts: fields that are named nowhere here are among them.
MAY_CHANGE = frozenset(
    {
        *("lease_minutes", "prefetch", "undo_seconds", "hold_after_reports"),
        *("break_minutes", "break_pairs", "votes_per_annotator", "daily_minutes"),
        *("control_rate", "repeat_rate", "watch_accuracy", "watch_consistency", "watch_seconds"),
        *("watch_run", "watch_action", "revision"),
    }
)


# What people are taught may change where they show again what they can do: under a higher version
# of training and exam, which everybody passes before their next pair.
TAUGHT = frozenset(
    {"qualification_version", "instructions", "examples", "rated_examples", "consent"}
)


def raises_version(study: Study, draft: Study) -> bool:
    """Whether the draft asks everybody of the study to pass a new version of training and exam."""
    old, new = study.read_protocol(), draft.read_protocol()
    return old.qualification and new.qualification_version > old.qualification_version


def refusals(study: Study, draft: Study) -> list[str]:
    """Why the study cannot grow into this draft; one line for each reason, none if it can."""
    if study.state not in {Study.State.OPEN, Study.State.PAUSED}:
        return [f"The study is {study.state}; only an open or paused one grows. Open it first."]
    if draft.state != Study.State.DRAFT or draft.cloned_from_id != study.pk:
        return [
            f"“{draft.name}” is no draft that was cloned from this study. Clone the study, add "
            "prompts or methods to the clone, and name the clone."
        ]
    return [*_changed_choices(study, draft), *_lost_methods(study, draft), *_lost(study, draft)]


def _changed_choices(study: Study, draft: Study) -> Iterator[str]:
    old = study.read_protocol().model_dump()
    new = draft.read_protocol().model_dump()
    may_change = MAY_CHANGE | TAUGHT if raises_version(study, draft) else MAY_CHANGE
    for name in sorted((old.keys() | new.keys()) - may_change):
        # What is left out where it is empty stands in one of the two only.
        was, will_be = old.get(name, ()), new.get(name, ())
        if was == will_be:
            continue
        said = f"{name} is {will_be!r} in the draft and {was!r} in the study: "
        if name == "qualification_version":
            yield said + "it can only be raised, and where the study asks for an exam. Set it back."
        elif name in TAUGHT and old["qualification"]:
            yield said + "people who passed were taught otherwise. Raise qualification_version too."
        else:
            yield said + (
                "verdicts before and after would not mean the same. Set it back, or launch the "
                "draft as a study of its own."
            )
    if study.read_spec().replicas != draft.read_spec().replicas:
        yield "The draft has another number of replicas. Set it back."


def _lost_methods(study: Study, draft: Study) -> Iterator[str]:
    kept = dict(draft.methods.values_list("name", "digest"))
    for name, digest in study.methods.order_by("order").values_list("name", "digest"):
        if kept.get(name) != digest:
            found = "has another recipe" if name in kept else "is missing"
            yield f"Method {name!r} {found} in the draft. A study grows by methods; none is lost."


def _lost(study: Study, draft: Study) -> Iterator[str]:
    kept = {(c.a.name, c.b.name): c for c in draft.contrasts.select_related("a", "b")}
    for contrast in study.contrasts.select_related("a", "b"):
        same = kept.get((contrast.a.name, contrast.b.name))
        if same is None or same.primary != contrast.primary:
            yield (
                f"Contrast {contrast} is missing or turned round in the draft, or the primary one "
                "is another. Set it back."
            )
            continue
        gone = prompts_of(contrast).keys() - prompts_of(same).keys()
        if gone:
            some = ", ".join(sorted(key for key, *_ in gone)[:3])
            yield f"{len(gone)} prompts of contrast {contrast} are gone or changed ({some})."


# A prompt as it is judged: id, the text's digest, the picture beside the pair and its role.
Asked = tuple[str, str, str, str]


def prompts_of(contrast: Contrast) -> dict[Asked, Prompt]:
    """The prompts of a contrast's set, or of its study's test sets, by what they show."""
    rows = (
        contrast.prompt_set.prompts.all()
        if contrast.prompt_set is not None
        else Prompt.objects.filter(prompt_set__studies=contrast.study, prompt_set__role="test")
    )
    return {(p.key, p.digest, p.context, p.context_role): p for p in rows}
