"""Generated studies in states worth looking at, without a worker: rows as a worker leaves them.

It must not check anything; `tests.browser.arranger` offers these as verbs.
"""

import random
from datetime import timedelta
from typing import Any

from django.utils import timezone

from annotate.judging import opening
from annotate.judging.launch import launch
from annotate.people.models import User
from annotate.sampling import jobs, storage
from annotate.sampling.calibration import calibrate, plan_tuning, tuning_set
from annotate.sampling.models import Job, Sample
from annotate.studies.create import create_study
from annotate.studies.models import Study
from annotate.studies.spec import parse_spec
from generation.spec import Adaptive
from tests.browser.pictures import scene
from tests.web.arrange_sampling import arm_of, finish, record_of

TUNING = 200
REASON = (
    "the weights THUDM/ImageReward are not on this machine. Put them into the folder of models, "
    "or name another folder in estimator.path."
)


def draft(owner: User, *, name: str, prompts: list[str], scored: bool = True) -> Study:
    """The paper's adaptive-15 against its student and teacher, its tau still to be tuned."""
    written = [{"id": f"p{i}", "text": text} for i, text in enumerate(prompts)]
    tuning = [{"id": f"t{i}", "text": f"a prompt to tune on, {i}"} for i in range(TUNING)]
    study = create_study(
        parse_spec(
            {
                "name": name,
                "methods": [
                    {
                        "name": "adaptive",
                        "label": "Adaptive, 15 steps",
                        "kind": "adaptive-refine",
                        "settings": {"preset": "table4/adaptive-15"},
                    },
                    {
                        "name": "ddim",
                        "label": "DDIM, 50 steps",
                        "kind": "teacher",
                        "settings": {"preset": "ddim-50"},
                    },
                    {
                        "name": "student",
                        "label": "Student, 5 steps",
                        "kind": "student",
                        "settings": {"preset": "cd-5"},
                    },
                ],
                "contrasts": [
                    {"a": "adaptive", "b": "ddim", "primary": True},
                    {"a": "adaptive", "b": "student"},
                ],
                "prompt_sets": [
                    {"name": f"{name}, shown"[:120], "prompts": written},
                    {"name": f"{name}, tuning"[:120], "role": "tune", "prompts": tuning},
                ],
                "protocol": {"overlap": 3, "min_votes": 3},
            }
        ),
        owner=owner,
    )
    if scored:
        plan_tuning(study, tuning_set(study))
        dice = random.Random(7)
        arm = arm_of(study)
        done = storage.put(scene(0, width=64, height=64))
        rows = Sample.objects.filter(method_digest=arm.student.digest(), job__study=study)
        for row in rows:
            score = dice.gauss(0.35, 0.8)
            finish(row, image=done, seconds=1.3, steps=5, forwards=10, scores=_score(arm, score))
        study.jobs.update(state=Job.State.DONE, progress_done=TUNING)
    return study


def _score(arm: Adaptive, score: float) -> dict[str, float]:
    return {arm.estimator.digest(): score}


def running(owner: User, *, name: str, prompts: list[str]) -> Study:
    """The same, launched: some pictures made, one failed, and no broker for the rest."""
    study = draft(owner, name=name, prompts=prompts)
    calibrate(study, tuning_set(study), actor=owner)
    study.refresh_from_db()
    launch(study, actor=owner)
    arm = study.read_spec().methods[0].read_arm().arm
    assert isinstance(arm, Adaptive)
    by_prompt: dict[str, list[Sample]] = {}
    for row in Sample.objects.filter(job__study=study, state="queued").order_by("pk"):
        by_prompt.setdefault(row.prompt_digest, []).append(row)
    groups = list(by_prompt.values())
    for number, rows in enumerate(groups[:-1]):
        _make(study, arm, rows, number)
    for row in groups[-1]:
        if row.method_digest == study.methods.get(name="ddim").digest:
            Sample.objects.filter(pk=row.pk).update(state="failed", error=REASON)
    opening.open_ready(study)
    now = timezone.now()
    open_jobs = Job.objects.filter(samples__state="queued", study=study).distinct()
    Job.objects.filter(pk__in=list(open_jobs.values_list("pk", flat=True))).update(
        state=Job.State.QUEUED, queued_at=now - timedelta(minutes=1), published_at=None
    )
    begun = study.jobs.exclude(state=Job.State.QUEUED)
    begun.update(started_at=now - timedelta(minutes=4), finished_at=now)
    return study


def _make(study: Study, arm: Adaptive, rows: list[Sample], number: int) -> None:
    """One prompt's pictures; every second one is refined."""
    score = arm.threshold + (0.3 if number % 2 else -0.3)
    by_arm = {row.method_digest: row for row in rows}
    student, adaptive = by_arm.get(arm.student.digest()), by_arm.get(arm.digest())
    teacher = by_arm.get(study.methods.get(name="ddim").digest)
    if teacher is not None:
        finish(teacher, image=_picture(3 * number), steps=50, forwards=100, seconds=11.0)
    if student is None or adaptive is None:
        return
    image = _picture(3 * number + 1)
    finish(student, image=image, steps=5, forwards=10, seconds=1.3, scores=_score(arm, score))
    kept = score >= arm.threshold
    outcome = "kept" if kept else "refined"
    decided: dict[str, Any] = {"outcome": outcome, "score": score, "threshold": arm.threshold}
    finish(
        adaptive,
        image=image if kept else _picture(3 * number + 2),
        steps=5 if kept else 25,
        forwards=10 if kept else 50,
        seconds=1.3 if kept else 5.9,
        decision=outcome,
        parent=student,
        scores=_score(arm, score if kept else score + 0.6),
        record=record_of(
            adaptive, arm.model_dump(mode="json"), **decided, margin=score - arm.threshold
        ),
    )
    if not kept and number == 0:
        again = jobs.remake(adaptive, actor=None)
        result = {"same": True, "max_difference": 0, "differs": [], "image": image.digest}
        Job.objects.filter(pk=again.pk).update(state=Job.State.DONE, result=result)


def _picture(number: int) -> Any:
    return storage.put(scene(number, width=512, height=512))


def refined(study: Study) -> int:
    """The key of a refined sample of the study, one that was made again where there is one."""
    rows = Sample.objects.filter(
        method_digest=study.methods.get(name="adaptive").digest, decision="refined"
    )
    row = rows.order_by("pk").first()
    assert row is not None
    return row.pk
