"""Studies of two branches for laboratory tests: voted, scored, and the worked example as CSV."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from annotate.judging.launch import launch
from annotate.judging.models import Outcome
from annotate.judging.opening import open_finished
from annotate.reports.branches import Branches
from annotate.reports.laboratory_csv import read_outcomes
from annotate.sampling.models import Sample, Score
from annotate.sampling.samples import sample_prompt_digest
from annotate.studies.models import Prompt, Study
from tests.factories import (
    ADAPTIVE,
    NOW,
    STUDENT,
    TEACHER,
    join,
    make_generated,
    make_picture,
    make_study,
)
from tests.reports.arrange import cast, decide

# science.md D: ten prompts that can be worked out by hand.
WORKED = "prompt,student,refined\n" + "".join(
    f"p{i},{s},{r}\n" for i, (s, r) in enumerate(zip("WWWWTLLLLL", "WTLWWWWTLW", strict=True))
)
QUICK = {"resamples": 50}
# Six prompts: single votes on the student's and on the refined sample, and two estimators.
STUDENT_VOTES = ["WWW", "WWT", "TTL", "LLL", "LLW", "LLT"]
REFINED_VOTES = ["WWL", "LLL", "WWW", "WTL", "WWW", "TTL"]
GOOD = [0.9, 0.8, 0.7, 0.1, 0.2, 0.3]
LETTERS = {"W": "a", "T": "t", "L": "b"}
ALL_REFINED = {"arm": ADAPTIVE["arm"], "threshold": {"tau": math.inf}}


def imported_branches(
    student: Sequence[str], refined: Sequence[str], *, simulated: bool = False, **protocol: object
) -> Study:
    """A study of imported pictures; entry i are the votes ("WWT") on prompt i's student picture."""
    study = make_study(
        pairs=len(student), methods=("student", "refined", "teacher"), protocol=protocol
    )
    study.contrasts.get(a__name="student", b__name="refined").delete()
    people = [join(study) for _ in range(3)]
    launch(study, actor=study.owner, now=NOW)
    vote(study, "student", "teacher", student, people, simulated=simulated)
    vote(study, "refined", "teacher", refined, people, simulated=simulated)
    return study


def generated_branches(
    student: Sequence[str],
    refined: Sequence[str],
    *,
    adaptive: Sequence[str] | None = None,
    tau: float = 0.5,
    simulated: bool = False,
) -> Study:
    """The same with recipes: a student, its samples all refined, and perhaps an arm with a tau."""
    methods: dict[str, tuple[str, dict[str, Any]]] = {
        "teacher": ("teacher", TEACHER),
        "student": ("student", STUDENT),
        "refined": ("adaptive-refine", ALL_REFINED),
        "adaptive": ("adaptive-refine", ADAPTIVE | {"threshold": {"tau": tau}}),
    }
    pairs = [("student", "teacher"), ("refined", "teacher")]
    pairs += [("adaptive", "teacher")] if adaptive else []
    study = make_generated(
        prompts=len(student), contrasts=tuple(pairs), methods=methods, protocol={"min_view_ms": 0}
    )
    people = [join(study) for _ in range(3)]
    launch(study, actor=study.owner, now=NOW)
    arms = ("teacher", "student", "refined", *(["adaptive"] if adaptive else []))
    came = [make_picture(study, arm, f"p{i}") for arm in arms for i in range(len(student))]
    open_finished(came, now=NOW)
    vote(study, "student", "teacher", student, people, simulated=simulated)
    vote(study, "refined", "teacher", refined, people, simulated=simulated)
    if adaptive:
        vote(study, "adaptive", "teacher", adaptive, people, simulated=simulated)
    return study


def vote(
    study: Study,
    a: str,
    b: str,
    patterns: Sequence[str],
    people: Sequence[Any],
    *,
    simulated: bool = False,
) -> None:
    """Votes and verdicts on every prompt of one contrast, written from a's side."""
    items = (
        study.contrasts.get(a__name=a, b__name=b)
        .items.select_related("comparison", "prompt")
        .order_by("prompt__order")
    )
    for item, pattern in zip(items, patterns, strict=True):
        for person, letter in zip(people, pattern, strict=False):
            first = "W" if item.a_is_first else "L"
            choice = {"T": Outcome.TIE, first: Outcome.FIRST}.get(letter, Outcome.SECOND)
            cast(item.comparison, person, choice, simulated=simulated)
        decide(item.comparison, study.read_protocol())


def score(study: Study, method: str, estimator: str, values: Sequence[float | None]) -> None:
    """Store an estimator's scores of a method's samples, in the order of the prompts."""
    arm = study.methods.get(name=method)
    prompts = Prompt.objects.filter(prompt_set__studies=study).order_by("order")
    samples = Sample.objects.filter(method_digest=arm.digest)
    for prompt, value in zip(prompts, values, strict=True):
        if value is None:
            continue
        sample = samples.get(prompt_digest=sample_prompt_digest(arm, prompt))
        Score.objects.create(sample=sample, estimator_digest=estimator, value=value)


def of(text: str, **given: object) -> Branches:
    """What a file of outcomes says."""
    return read_outcomes(io.StringIO(text), title="file", **given)  # type: ignore[arg-type]


def at(lab, x: float) -> list[float]:
    """Win, tie, lose, kept share and steps at a setting of the axis."""
    i = min(range(len(lab.x)), key=lambda place: abs(lab.x[place] - x))
    rates = lab.curve.rates
    return [float(v[i]) for v in (rates.win, rates.tie, rates.lose, rates.kept, rates.steps)]


def scored_csv(n: int = 60, *, seed: int = 3) -> str:
    """Prompts whose scores tell a little of the student's result."""
    rng = np.random.default_rng(seed)
    lines = ["prompt,student,refined,student_votes,refined_votes,good,noise,good@teacher"]
    for i in range(n):
        quality = rng.normal()
        ballots = []
        for lean in (quality, 0.4):
            p = 1 / (1 + math.exp(-lean))
            ballots.append("".join(rng.choice(list("WTL"), 3, p=(0.8 * p, 0.2, 0.8 * (1 - p)))))
        results = [plurality(b) for b in ballots]
        numbers = (quality + rng.normal(), rng.normal(), rng.normal())
        lines.append(",".join([f"p{i}", *results, *ballots, *(f"{v:.4f}" for v in numbers)]))
    return "\n".join(lines) + "\n"


def plurality(votes: str) -> str:
    """The letter most votes say; a draw between letters is a tie."""
    (leader, most), *others = Counter(votes).most_common()
    return "T" if others and others[0][1] == most else leader
