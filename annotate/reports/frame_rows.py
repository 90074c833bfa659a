"""Reads what a report knows of prompts and samples beside the votes: lengths, sources, scores.

It must not compute statistics; a prompt's text itself stays out, as reports never print it.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from django.db.models import QuerySet

from annotate.analysis.slices import words
from annotate.reports.estimator_names import NAMES
from annotate.sampling.models import Calibration, Score
from annotate.sampling.needs import WaitsForThreshold, arm_of
from annotate.sampling.samples import sample_prompt_digest, sample_seed
from annotate.studies.models import Method, Prompt, Study
from generation.spec import Adaptive


class PromptRow(NamedTuple):
    """What slices are cut by: where a prompt comes from, its length, what its maker noted."""

    key: str
    source: str
    words: int
    metadata: dict[str, str | float]


class ScoreRow(NamedTuple):
    """What one estimator says of one method's sample."""

    estimator: str
    method: str
    prompt: int
    replica: int
    value: float


def prompt_rows(study: Study) -> dict[int, PromptRow]:
    """Every prompt of the study's sets by its key in the database."""
    found = {}
    for prompt in _prompts(study):
        found[prompt.pk] = PromptRow(
            prompt.key,
            prompt.prompt_set.name,
            words(prompt.text),
            {str(k): _told(v) for k, v in prompt.metadata.items() if _plain(v)},
        )
    return found


def _prompts(study: Study) -> Iterator[Prompt]:
    rows = Prompt.objects.filter(prompt_set__studies=study).select_related("prompt_set")
    return rows.order_by("prompt_set_id", "order", "pk").iterator(chunk_size=2000)


def _plain(value: object) -> bool:
    """Words and finite numbers; yes and no are words to slice by as well."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int)


def _told(value: str | float) -> str | float:
    return ("yes" if value else "no") if isinstance(value, bool) else value


def score_rows(study: Study) -> Iterator[ScoreRow]:
    """Every stored score of the samples that the study shows, by method and prompt."""
    methods = _methods(study)
    names = estimator_names(study)
    if not names:
        return
    seed = study.read_protocol().seed
    by_digest = {m.digest: m for m in methods}
    # Two prompts of one text share their samples.
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for prompt in _prompts(study):
        for method in methods:
            places[method.digest, sample_prompt_digest(method, prompt)].append(prompt.pk)
    scores = _scores(study, methods).order_by("estimator_digest", "pk")
    for estimator, method_digest, own_seed, prompt_digest, replica, value in scores.values_list(
        "estimator_digest",
        "sample__method_digest",
        "sample__seed",
        "sample__prompt_digest",
        "sample__replica",
        "value",
    ).iterator(chunk_size=2000):
        method = by_digest[method_digest]
        if own_seed == sample_seed(method, seed=seed):
            for key in places[method_digest, prompt_digest]:
                yield ScoreRow(names[estimator], method.name, key, replica, value)


def estimator_names(study: Study) -> dict[str, str]:
    """Who scored the study's samples, by digest: as their authors write them.

    Where names coincide, the digest's beginning tells them apart.
    """
    methods = _methods(study)
    if not any(m.kind != "imported" for m in methods):
        return {}
    digests = set(_scores(study, methods).values_list("estimator_digest", flat=True).distinct())
    return _names(methods, digests) if digests else {}


def _methods(study: Study) -> list[Method]:
    return list(study.methods.order_by("order", "pk"))


def _scores(study: Study, methods: list[Method]) -> QuerySet[Score]:
    seed = study.read_protocol().seed
    return Score.objects.filter(
        sample__method_digest__in={m.digest for m in methods},
        sample__seed__in={sample_seed(m, seed=seed) for m in methods},
    )


def _names(methods: list[Method], digests: set[str]) -> dict[str, str]:
    """Estimators as their authors write them; their digest's beginning where names coincide."""
    known: dict[str, str] = {}
    for row in Calibration.objects.filter(estimator_digest__in=digests).order_by("pk"):
        known[row.estimator_digest] = row.provenance.get("estimator", {}).get("name", "")
    for method in methods:
        if not method.kind.startswith("adaptive"):
            continue
        try:
            arm = arm_of(method)
        except WaitsForThreshold:
            continue
        if isinstance(arm, Adaptive):
            known.setdefault(arm.estimator.digest(), arm.estimator.name)
    names = {d: NAMES.get(known.get(d, ""), "Estimator") for d in sorted(digests)}
    taken = list(names.values())
    return {d: n if taken.count(n) == 1 else f"{n} {d[:6]}" for d, n in names.items()}
