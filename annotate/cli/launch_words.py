"""What a launch would do, as lines for a terminal: arms, opponents, prompts, votes, hours, files.

It must not compute: `judging.launch.plan` and `sampling.estimate` do.
"""

from collections.abc import Iterator
from pathlib import Path

from annotate.judging.launch import LaunchPlan
from annotate.sampling.estimate import ArmEstimate, Estimate
from annotate.sampling.files import Needed, needed
from annotate.sampling.needs import priced
from annotate.studies.models import PromptSet, Study
from annotate.studies.protocol import DIFFER
from annotate.studies.recipes import SECONDS_PER_VOTE, Recipe


def describe(study: Study, plan: LaunchPlan, recipe: Recipe | None = None) -> Iterator[str]:
    """The whole look before a launch."""
    if recipe is not None:
        yield recipe.title
        yield f"  source: {recipe.source}"
        for bar in recipe.published:
            yield (
                f"  published, win/lose/tie in %: {bar.a} against {bar.b} "
                f"{bar.win:g}/{bar.lose:g}/{bar.tie:g} (Figure {bar.figure}, {bar.prompts_from})"
            )
        if recipe.published_note:
            yield f"  published: {recipe.published_note}"
    if plan.estimate is not None:
        yield from _arms(study, plan.estimate)
    yield from _opponents(study)
    yield from _prompts(study, plan)
    votes = plan.votes
    if study.read_protocol().asks_diversity:
        yield (
            f"votes: {votes:,} ({study.read_protocol().overlap} for each method and prompt, on its "
            "two replicas)"
        )
    else:
        yield (
            f"{plan.prompts} prompts, {plan.items} items, {plan.comparisons} pairs, "
            f"{plan.identical} of them identical, {plan.reused} reused"
        )
        saved = ""
        if plan.estimate is not None and plan.estimate.votes_saved:
            saved = f"; {plan.estimate.votes_saved:,} saved by judging equal pairs once"
        asked = (
            f"; two on each pair and a third where they differ, taken to be {DIFFER:.0%} of pairs"
            if study.read_protocol().on_demand
            else ""
        )
        yield f"votes: {votes:,}{saved}{asked}"
    yield (
        f"annotator hours: {votes * SECONDS_PER_VOTE / 3600:,.1f} at {SECONDS_PER_VOTE} s a vote "
        "(our assumption)"
    )
    if plan.estimate is not None:
        yield from _machine(plan.estimate)
        yield from _files(study)
        yield from _choices(study)
    for line in [*plan.missing, *plan.warnings]:
        yield f"- {line}"


def _arms(study: Study, estimate: Estimate) -> Iterator[str]:
    replicas = study.read_spec().replicas
    each = f", {replicas} replicas of each prompt" if replicas > 1 else ""
    yield f"arms{each}:"
    width = max((len(arm.name) for arm in estimate.arms), default=0)
    for arm in estimate.arms:
        yield f"  {arm.name:<{width}}  {_arm(arm)}"


def _arm(arm: ArmEstimate) -> str:
    most = "at most " if arm.at_most else ""
    parts = [f"{arm.kind} {arm.preset}".strip()]
    parts.append(f"{most}{arm.steps:g} steps, {arm.forwards:g} forwards on average")
    if arm.rejected is not None:
        parts.append(f"improves {100 * arm.rejected:g} %")
    there = f", {arm.there} there already" if arm.there else ""
    parts.append(f"{arm.images} images{there}")
    return "; ".join(parts)


def _opponents(study: Study) -> Iterator[str]:
    if study.read_protocol().asks_diversity:
        yield "opponents: the replicas of each method, against each other"
        return
    yield "opponents:"
    for contrast in study.contrasts.select_related("a", "b").order_by("order", "pk"):
        primary = "  (primary)" if contrast.primary else ""
        yield f"  {contrast.a.name} against {contrast.b.name}{primary}"


def _prompts(study: Study, plan: LaunchPlan) -> Iterator[str]:
    sets = study.prompt_sets.all()
    numbers = {role: sum(s.prompts.count() for s in sets if s.role == role) for role in ROLES}
    told = [f"{n} to {ROLES[role]}" for role, n in numbers.items() if n]
    yield f"prompts: {', '.join(told) or plan.prompts}"


ROLES: dict[str, str] = {
    PromptSet.Role.TEST: "judge",
    PromptSet.Role.TUNE: "tune thresholds on",
}


def _machine(estimate: Estimate) -> Iterator[str]:
    images = sum(arm.to_make for arm in estimate.arms)
    most = "at most " if estimate.at_most else ""
    yield (
        f"to make: {images:,} images, {most}{estimate.steps:,.0f} steps, "
        f"{most}{estimate.forwards:,.0f} forwards"
    )
    if estimate.seconds is None:
        yield (
            "machine time: unknown, since some of these networks have not run here yet; the first "
            "job measures it"
        )
    else:
        yield (
            f"machine time: {most}{duration(estimate.seconds)} at the step costs measured here; "
            "loading, decoding and scoring come on top"
        )


def duration(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:,.1f} h"


def _files(study: Study) -> Iterator[str]:
    yield "files:"
    for file in _needed(study):
        where: Path | str = file.found or "MISSING"
        revision = f" @ {file.revision}" if file.revision else ""
        yield f"  {file.path}{revision} ({file.what}): {where}"


def _needed(study: Study) -> list[Needed]:
    reads = [m.read_arm() for m in study.read_spec().methods if m.kind != "imported"]
    return needed(priced(read) for read in reads)


def _choices(study: Study) -> Iterator[str]:
    """What the paper leaves blank, by field, with the methods that it is chosen for."""
    chosen: dict[tuple[str, ...], list[str]] = {}
    for method in study.read_spec().methods:
        if method.kind != "imported" and (blank := method.read_arm().our_choice):
            chosen.setdefault(blank, []).append(method.name)
    if chosen:
        yield "blank in the paper, our choice:"
    for fields, methods in chosen.items():
        yield f"  {', '.join(methods)}: {', '.join(fields)}"
