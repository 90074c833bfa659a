"""What pictures are worth to simulated annotators: a file of records, stored scores, or made up.

It must not know how anybody judges.
"""

import csv
import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from annotate.analysis.diversity import Attribute
from annotate.analysis.votes import Choice
from annotate.cli.simulated_annotator import Known, TruthOf
from annotate.judging.anchors import HIGH, SAME
from annotate.judging.answers import CANNOT
from annotate.judging.controls import KINDS
from annotate.sampling.models import Sample, Score
from annotate.sampling.samples import sample_prompt_digest, sample_seed
from annotate.studies.models import Prompt, Study
from generation.reference.judge import CRITERIA


class TruthError(ValueError):
    """A truth file that cannot be used."""


def read_truth(path: Path) -> TruthOf:
    """The truth records of a file: content digest → criterion → number in [0, 1].

    JSON as such; CSV with the columns `picture` and the criteria, or `picture` and `worth`, which
    then is the worth by every criterion.

    Raises:
        TruthError: the file is missing or says something else.
    """
    if path.suffix.lower() == ".csv":
        return truths(_read_csv(path), source=path.name)
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TruthError(f"{path} cannot be read as JSON ({error}). Name another file.") from error
    if not isinstance(records, dict) or not all(map(_is_truth, records.values())):
        raise TruthError(
            f"{path.name} should map each picture's content digest to "
            f"{{{', '.join(CRITERIA)}}}, each a number in [0, 1]. Correct it."
        )
    return truths(records, source=path.name)


def _read_csv(path: Path) -> dict[str, dict[str, float]]:
    records: dict[str, dict[str, float]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                worth = {c: float(row.get(c) or row["worth"]) for c in CRITERIA}
                records[row["picture"]] = worth
                if not _is_truth(worth):
                    raise ValueError(f"{row['picture'][:12]} has a number outside [0, 1]")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise TruthError(
            f"{path.name}: {error}. Give the columns picture (a content digest) and worth, or "
            f"picture, {', '.join(CRITERIA)}, with numbers in [0, 1]."
        ) from error
    return records


def scored_truth(study: Study) -> TruthOf:
    """A picture's worth by every criterion: the rank of its stored score among the study's, 0 to 1.

    Equal scores share their middle rank. Fitted copies of a picture have no score of their own.

    Raises:
        TruthError: no sample of the study has a score, or several estimators scored them.
    """
    digests = study.methods.values("digest")
    rows = list(
        Score.objects.filter(sample__method_digest__in=digests, sample__image__isnull=False)
        .order_by("sample__image__digest", "pk")
        .values_list("sample__image__digest", "value", "estimator_digest")
    )
    estimators = {estimator for *_, estimator in rows}
    if len(estimators) != 1:
        raise TruthError(
            f"the study's samples have scores of {len(estimators)} estimators; one is needed. "
            "Give --truth a file, or leave it out for a made-up worth."
        )
    values = {digest: value for digest, value, _ in rows}
    ranked = sorted(values.values())
    most = max(1, len(ranked) - 1)
    records = {
        digest: dict.fromkeys(
            CRITERIA, (bisect_left(ranked, v) + bisect_right(ranked, v) - 1) / 2 / most
        )
        for digest, v in values.items()
    }
    return truths(records, source="the stored scores")


def truths(records: Mapping[str, dict[str, float]], *, source: str) -> TruthOf:
    """Look truth up by content digest; `source` is where a reader finds the records."""

    def truth_of(digest: str) -> dict[str, float]:
        try:
            return records[digest]
        except KeyError:
            raise TruthError(
                f"a picture ({digest[:12]}…) is not in {source}. Truth is found by the pixels "
                "served: pictures fitted into a common box need records of their own."
            ) from None

    return truth_of


def _is_truth(record: object) -> bool:
    return isinstance(record, dict) and all(
        isinstance(record.get(criterion), int | float) and 0 <= record[criterion] <= 1
        for criterion in CRITERIA
    )


def latent_truth(seed: int) -> TruthOf:
    """A made-up worth for every picture, uniform in [0, 1] and fixed by seed and content.

    All annotators of one seed see the same worth, so their agreement means something; it says
    nothing about the pictures.
    """

    def truth_of(digest: str) -> dict[str, float]:
        names = [*CRITERIA, *map(str, Attribute)]  # worth first: its draws stay what they were
        draws = np.random.default_rng([seed, int(digest[:16], 16)]).random(len(names))
        return dict(zip(names, draws.tolist(), strict=True))

    return truth_of


# Of this much the pictures of the least varied method differ, of the most varied one's.
LEAST_VARIED = 0.4


def diverse_truth(study: Study, *, seed: int) -> TruthOf:
    """A made-up worth as `latent_truth`, with how much each prompt's two pictures differ.

    Methods are varied to another degree each, prompts too, attribute by attribute; all fixed by
    seed and content. A picture knows its prompt (`scene`), so that pictures of two prompts differ
    in everything, as people see at once.
    """
    made_up, records = latent_truth(seed), dict[str, dict[str, float]]()
    methods = list(study.methods.order_by("order", "pk"))
    prompts = Prompt.objects.filter(prompt_set__studies=study)
    texts = {(m.digest, sample_prompt_digest(m, p)): p.digest for m in methods for p in prompts}
    own = study.read_protocol().seed
    seeds = {method.digest: sample_seed(method, seed=own) for method in methods}
    samples = Sample.objects.filter(method_digest__in=seeds, image__isnull=False)
    rows = samples.order_by("replica", "pk").values_list(
        "method_digest", "prompt_digest", "replica", "image__digest", "seed"
    )
    for method, prompt, replica, image, sampled in rows:
        text = texts.get((method, prompt))
        # A picture that two methods or prompts share is the first one's.
        if text is None or sampled != seeds[method] or image in records:
            continue
        varied = _number(seed, method)
        drawn = np.random.default_rng([seed, int(method[:16], 16), int(text[:16], 16)])
        apart = drawn.random(len(Attribute)) * (LEAST_VARIED + (1 - LEAST_VARIED) * varied)
        places = apart if replica else np.zeros(len(Attribute))
        varying = dict(zip(map(str, Attribute), places.tolist(), strict=True))
        records[image] = {**made_up(image), **varying, "scene": _number(seed, text)}

    return lambda digest: records.get(digest) or made_up(digest)


def _number(seed: int, digest: str) -> float:
    return float(np.random.default_rng([seed, int(digest[:16], 16)]).random())


def known_pairs(study: Study) -> Known:
    """What the pictures of the study's items with a known answer are, so that this answer is right.

    For worth that is made up: it would contradict what training and exam teach. Criteria that an
    item leaves open are equal; attributes too.
    """
    levels = study.read_protocol().attribute_levels
    found: dict[frozenset[str], dict[str, dict[str, float]]] = {}
    rows = study.comparisons.filter(kind__in=KINDS, expected__isnull=False, held=False)
    for row in rows.select_related("first", "second"):
        first, second = dict.fromkeys(CRITERIA, 0.5), dict.fromkeys(CRITERIA, 0.5)
        for name, said in (row.expected or {}).items():
            if name in CRITERIA:
                first[name], second[name] = _BY_CHOICE[said]
            elif name in set(Attribute):
                first[name], second[name] = 0.0, _distance(said, levels)
        pair = {row.first.digest: first, row.second.digest: second}
        found[frozenset(pair)] = pair
    return found


_BY_CHOICE = {Choice.FIRST: (0.9, 0.1), Choice.SECOND: (0.1, 0.9), Choice.TIE: (0.5, 0.5)}


def _distance(level: str, levels: int) -> float:
    """How far apart pictures of this level are; not a number where nobody can tell."""
    if level in {SAME, HIGH}:
        return float(level == HIGH)
    return math.nan if level == CANNOT else int(level) / (levels - 1)
