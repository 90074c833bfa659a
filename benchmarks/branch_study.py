"""A study like a paper's in a database of its own: branches, adaptive arms, scores, votes.
It must not claim anything of people or models: pictures, scores and every vote come from programs.

    python -m benchmarks.branch_study [FOLDER] [--prompts 600] [--annotators 40]

FOLDER (without one: one that is removed again) becomes the data folder of a site with one closed
study of five arms against one teacher: the student, all of its samples refined, and adaptive arms
at k = 25, 50 and 75. Serve it with TRIPTYCH_DATA_DIR=FOLDER manage.py up; its owner signs in
as `owner`, password `benchmark`.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

LAUNCHED = datetime(2026, 1, 5, 9, tzinfo=UTC)
PERCENTILES = (25, 50, 75)
SIDE = 64
WORDS = ("red", "two", "small", "blue", "old", "bright", "wooden", "tall")
THINGS = ("cubes", "dogs", "bridges", "cats", "boats", "lamps", "trees", "birds")
PLACES = ("by a lake", "under rain", "on a table", "in a forest at dusk", "beside an open window")
TEACHER = {"model": {"path": "teacher"}, "steps": 50}
STUDENT = {"model": {"path": "student"}, "steps": 5}
IMPROVING = {"model": {"path": "teacher"}, "scheduler": "unipc", "steps": 20}
Quality = Mapping[str, Sequence[float]]


def arrange(*, prompts: int, annotators: int, seed: int = 5) -> Any:
    """The closed study, in the database that Django is set up for."""
    from annotate.judging.launch import launch
    from annotate.judging.opening import open_ready
    from annotate.people.models import Role
    from annotate.studies.create import create_study
    from annotate.studies.lifecycle import move
    from annotate.studies.models import Study
    from annotate.studies.spec import parse_spec
    from tests.factories import join, make_user, with_password

    rng = random.Random(seed)
    worth = _worth(prompts, rng)
    tuning = [0.6 * rng.gauss(0, 1) for _ in range(1000)]
    owner = with_password(make_user(Role.RESEARCHER, username="owner"), "benchmark")
    study = create_study(parse_spec(_spec(prompts, rng, _taus(tuning))), owner=owner)
    _describe(study, rng)
    people = [join(study) for _ in range(annotators)]
    study = launch(study, actor=owner, now=LAUNCHED)
    scores = [0.5 * w + rng.gauss(0, 0.5) for w in worth["student"]]
    _make_pictures(study, worth, scores, _taus(tuning))
    _score(study, worth, scores, tuning, rng)
    open_ready(study, now=LAUNCHED)
    _vote(study, people, worth, rng)
    return move(study, Study.State.CLOSED, actor=owner)


def _worth(prompts: int, rng: random.Random) -> dict[str, list[float]]:
    """How good each picture is: students vary most, improving helps bad ones more."""
    student = [rng.gauss(-0.1, 1) for _ in range(prompts)]
    return {
        "teacher": [rng.gauss(0, 0.5) for _ in range(prompts)],
        "student": student,
        "refine-all": [0.35 * s + rng.gauss(0.1, 0.7) for s in student],
    }


def _taus(tuning: Sequence[float]) -> dict[int, float]:
    import numpy as np

    return {k: float(np.percentile(tuning, k)) for k in PERCENTILES}


def _spec(prompts: int, rng: random.Random, taus: Mapping[int, float]) -> dict[str, Any]:
    arm = {"student": STUDENT, "teacher": IMPROVING, "estimator": {"path": "scorer"}}
    methods: list[tuple[str, str, dict[str, Any]]] = [
        ("teacher", "teacher", {"arm": TEACHER}),
        ("student", "student", {"arm": STUDENT}),
        ("refine-all", "adaptive-refine", {"arm": arm, "threshold": {"tau": float("inf")}}),
    ]
    methods += [
        (f"adaptive-{k}", "adaptive-refine", {"arm": arm, "threshold": {"tau": tau}})
        for k, tau in taus.items()
    ]
    arms = [f"adaptive-{k}" for k in (50, 25, 75)] + ["student", "refine-all"]
    written = [
        {
            "id": f"p{i:03d}",
            "text": f"{rng.choice(WORDS)} {rng.choice(THINGS)} {rng.choice(PLACES)}, no. {i}",
            # Every third prompt has a photo, which it shares with one other.
            "group": f"photo-{i // 6}" if i % 3 == 0 else "",
        }
        for i in range(prompts)
    ]
    return {
        "name": "Adaptive collaboration, simulated",
        "methods": [{"name": n, "kind": kind, "settings": s} for n, kind, s in methods],
        "contrasts": [{"a": a, "b": "teacher", "primary": a == arms[0]} for a in arms],
        "prompt_sets": [{"name": "benchmark prompts", "prompts": written}],
        # Every pair is asked for each arm, so that derived and judged results can differ; both
        # prompts of a photo are judged, so that groups are resampled together.
        "protocol": {"reuse": "fresh", "one_per_group": False},
    }


def _describe(study: Any, rng: random.Random) -> None:
    """What slices are cut by."""
    from annotate.studies.models import Prompt

    prompts = list(Prompt.objects.filter(prompt_set__studies=study).order_by("order"))
    for prompt in prompts:
        prompt.metadata = {"complexity": round(rng.random(), 3), "people": rng.random() < 0.3}
    Prompt.objects.bulk_update(prompts, ["metadata"], batch_size=500)


def _make_pictures(
    study: Any, worth: Quality, scores: Sequence[float], taus: Mapping[int, float]
) -> None:
    """Every planned sample with its picture: adaptive arms keep the student's file or take the
    refined one, as their threshold decides."""
    from annotate.sampling.models import Sample
    from annotate.sampling.samples import sample_prompt_digest
    from annotate.sampling.storage import put
    from annotate.studies.models import Prompt
    from tests.browser.pictures import scene

    drawn: dict[str, list[Any]] = {}
    for place, arm in enumerate(worth):
        drawn[arm] = [
            put(scene(10_000 * place + i, width=SIDE, height=SIDE)) for i in range(len(scores))
        ]
    prompts = list(Prompt.objects.filter(prompt_set__studies=study).order_by("order"))
    changed = []
    for method in study.methods.all():
        samples = {s.prompt_digest: s for s in Sample.objects.filter(method_digest=method.digest)}
        tau = taus.get(int(method.name.rpartition("-")[2])) if "adaptive" in method.name else None
        for i, prompt in enumerate(prompts):
            sample = samples[sample_prompt_digest(method, prompt)]
            kept = tau is not None and scores[i] >= tau
            source = ("student" if kept else "refine-all") if tau is not None else method.name
            steps = {"teacher": 50, "student": 5, "refine-all": 25}[source]
            sample.image, sample.state = drawn[source][i], Sample.State.DONE
            sample.steps, sample.forwards = steps, 2 * steps
            if method.kind.startswith("adaptive"):
                decision = Sample.Decision
                sample.decision = decision.KEPT if source == "student" else decision.REFINED
            changed.append(sample)
    fields = ["image", "state", "steps", "forwards", "decision"]
    Sample.objects.bulk_update(changed, fields, batch_size=500)


def _score(
    study: Any, worth: Quality, scores: Sequence[float], tuning: list[float], rng: random.Random
) -> None:
    """Two estimators: the study's own, and a second one with more noise."""
    from annotate.sampling.models import Calibration, Sample, Score
    from annotate.sampling.samples import sample_prompt_digest
    from annotate.studies.models import Prompt
    from generation.spec import Adaptive

    prompts = list(Prompt.objects.filter(prompt_set__studies=study).order_by("order"))
    arms = {m.name: m for m in study.methods.all()}
    own = Adaptive.model_validate(arms["adaptive-50"].settings["arm"]).estimator.digest()
    rows = []
    for name in ("student", "teacher"):
        arm = arms[name]
        samples = {s.prompt_digest: s for s in Sample.objects.filter(method_digest=arm.digest)}
        for i, prompt in enumerate(prompts):
            sample = samples[sample_prompt_digest(arm, prompt)]
            good = scores[i] if name == "student" else 0.5 * worth[name][i] + rng.gauss(0, 0.4)
            noisy = 0.3 * worth[name][i] + rng.gauss(0, 0.8)
            rows.append(Score(sample=sample, estimator_digest=own, value=good))
            rows.append(Score(sample=sample, estimator_digest="c" * 64, value=noisy))
    Score.objects.bulk_create(rows, batch_size=1000)
    told = {own: ("imagereward", tuning), "c" * 64: ("clip", [0.8 * t for t in tuning])}
    for digest, (name, values) in told.items():
        Calibration.objects.create(
            student_digest=arms["student"].digest,
            estimator_digest=digest,
            prompts_digest="benchmark",
            scores=values,
            scores_digest="benchmark",
            provenance={"estimator": {"name": name}},
            created_at=LAUNCHED,
        )


def _vote(study: Any, people: Sequence[Any], worth: Quality, rng: random.Random) -> None:
    """Three simulated annotators on every pair: noisy eyes, some leaning to the left."""
    from annotate.analysis.verdict import Decision
    from annotate.analysis.votes import Choice, Criterion, VoteRecord
    from annotate.judging.models import Answer, Assignment, Comparison, Outcome, Verdict, Vote
    from annotate.judging.verdicts import protocol_of, rule_on

    protocol = protocol_of(study)
    own = _worth_of_pictures(study, worth)
    lean = {p.pk: rng.gauss(0, 0.12) for p in people}
    pace = {p.pk: rng.uniform(2.5, 7) for p in people}
    slots: dict[int, list[Assignment]] = defaultdict(list)
    free = Assignment.objects.filter(study=study, state=Assignment.State.FREE)
    for slot in free.order_by("comparison_id", "slot"):
        slots[slot.comparison_id].append(slot)
    votes: list[Vote] = []
    answers: list[Answer] = []
    verdicts: list[Verdict] = []
    taken: list[Assignment] = []
    pairs = Comparison.objects.filter(pk__in=slots).order_by("order")
    for minute, pair in enumerate(pairs):
        records = []
        for slot, person in zip(
            slots[pair.pk], rng.sample(list(people), protocol.overlap), strict=True
        ):
            at = LAUNCHED + timedelta(days=1, seconds=15 * minute + slot.slot)
            slot.state, slot.annotator, slot.token = (
                slot.State.VOTED,
                person,
                uuid.UUID(int=rng.getrandbits(128), version=4),
            )
            given, choice, deciding = _answer(
                own[pair.first_id] - own[pair.second_id],
                left=(-1 if slot.flipped else 1) * lean[person.pk],
                rng=rng,
            )
            left = Outcome.SECOND if slot.flipped else Outcome.FIRST
            active = int(1000 * pace[person.pk] * rng.lognormvariate(0, 0.45))
            vote = Vote(
                assignment=slot,
                comparison=pair,
                study=study,
                annotator=person,
                token=slot.token,
                choice=choice,
                deciding=deciding,
                side="" if choice == Outcome.TIE else "left" if choice == left else "right",
                simulated=True,
                too_fast=active < protocol.min_view_ms,
                active_ms=active,
                elapsed_ms=active + rng.randrange(200, 2000),
                telemetry={"width": 1280, "height": 720},
                created_at=at,
            )
            taken.append(slot)
            votes.append(vote)
            answers += [Answer(vote=vote, criterion=c, choice=said) for c, said in given.items()]
            records.append(VoteRecord({Criterion(c): Choice(s) for c, s in given.items()}))
        decision: Decision | None = rule_on(records, protocol)
        if decision is not None:
            verdicts.append(
                Verdict(
                    comparison=pair,
                    outcome=decision.outcome.value,
                    reason=decision.reason,
                    rule=decision.rule.value,
                    protocol_hash=study.protocol_hash,
                    deciding=decision.deciding or "",
                    votes=len(records),
                    decided_at=at,
                )
            )
    fields = ["state", "annotator", "token"]
    Assignment.objects.bulk_update(taken, fields, batch_size=500)
    Vote.objects.bulk_create(votes, batch_size=1000)
    Answer.objects.bulk_create(answers, batch_size=2000)
    Verdict.objects.bulk_create(verdicts, batch_size=1000)


def _answer(apart: float, *, left: float, rng: random.Random) -> tuple[dict[str, str], str, str]:
    """A cascade's answers of one noisy look; `left` leans towards the first picture."""
    given: dict[str, str] = {}
    for criterion, width in (("alignment", 0.55), ("quality", 0.45), ("aesthetics", 0.35)):
        seen = apart + left + rng.gauss(0, 0.6)
        choice = "tie" if abs(seen) < width else "first" if seen > 0 else "second"
        given[criterion] = choice
        if choice != "tie":
            return given, choice, criterion
    return given, "tie", ""


def _worth_of_pictures(study: Any, worth: Quality) -> dict[int, float]:
    """By the image's key: the same file is as good wherever it stands."""
    from annotate.sampling.models import Sample
    from annotate.sampling.samples import sample_prompt_digest
    from annotate.studies.models import Prompt

    prompts = list(Prompt.objects.filter(prompt_set__studies=study).order_by("order"))
    found: dict[int, float] = {}
    for name, values in worth.items():
        arm = study.methods.get(name=name)
        samples = {s.prompt_digest: s for s in Sample.objects.filter(method_digest=arm.digest)}
        for prompt, value in zip(prompts, values, strict=True):
            image = samples[sample_prompt_digest(arm, prompt)].image_id
            assert image is not None
            found[image] = value
    return found


def prepare(folder: Path) -> None:
    """Set Django up on an empty data folder."""
    os.environ["TRIPTYCH_DATA_DIR"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "annotate.config.settings"
    os.environ.pop("DATABASE_URL", None)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "triptych.sqlite3").exists():
        sys.exit(f"{folder} holds a database already. Give an empty folder.")
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from tests import stand_ins

    for fill in (stand_ins.of_the_paper, stand_ins.of_the_factories):
        fill(Path(settings.MODELS_DIR))
    call_command("migrate", verbosity=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--prompts", type=int, default=600)
    parser.add_argument("--annotators", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="triptych-branch-") as name:
        prepare(options.folder or Path(name))
        began = time.perf_counter()
        study = arrange(prompts=options.prompts, annotators=options.annotators)
        seconds = time.perf_counter() - began
        print(f"{study.uid}: {study.votes.count():,} simulated votes, arranged in {seconds:.0f} s")


if __name__ == "__main__":
    main()
