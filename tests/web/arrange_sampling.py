"""Generated studies in states worth a page: samples with records, scores, failures, tuning sets."""

from typing import Any

from annotate.sampling.models import Job, Sample, Score
from annotate.studies.models import Study
from generation.spec import Adaptive, read_arm
from tests.factories import ADAPTIVE, STUDENT, TEACHER, make_generated, make_image

TUNE = {
    "name": "tuning prompts",
    "role": "tune",
    "prompts": [{"id": f"t{i}", "text": f"tune {i}"} for i in range(8)],
}
# The arm of the factory, whose tau is to be tuned.
WAITING = {"arm": ADAPTIVE["arm"], "threshold": {"percentile": 50}}


def make_waiting(*, prompts: int = 2, threshold: dict[str, float] | None = None) -> Study:
    """A draft with an adaptive method that waits for its tau, and eight prompts to tune it on."""
    rule = {"percentile": 50} if threshold is None else threshold
    waiting = {"arm": ADAPTIVE["arm"], "threshold": rule}
    written = [{"id": f"p{i}", "text": f"show {i}"} for i in range(prompts)]
    return make_generated(
        methods={
            "teacher": ("teacher", TEACHER),
            "student": ("student", STUDENT),
            "adaptive": ("adaptive-refine", waiting),
        },
        prompt_sets=[{"name": "shown", "prompts": written}, TUNE],
    )


def arm_of(study: Study, method: str = "adaptive") -> Adaptive:
    spec = next(m for m in study.read_spec().methods if m.name == method)
    arm = spec.read_arm().at(0.0)
    assert isinstance(arm, Adaptive)
    return arm


def score_all(study: Study, scores: list[float], *, replica: int = 0) -> None:
    """Finish the planned tuning samples of the adaptive method's student with these scores."""
    arm = arm_of(study)
    rows = Sample.objects.filter(method_digest=arm.student.digest(), replica=replica).order_by("pk")
    for row, value in zip(rows, scores, strict=True):
        finish(row, scores={arm.estimator.digest(): value})
    Job.objects.filter(samples__in=rows).update(state="done", token=None, lease_until=None)


def finish(row: Sample, *, scores: dict[str, float] | None = None, **more: Any) -> Sample:
    """What a worker writes of a sample, with the picture of its own key."""
    for name, value in more.items():
        setattr(row, name, value)
    row.image, row.state = row.image or make_image(f"sample {row.pk}"), Sample.State.DONE
    row.save()
    for digest, value in (scores or {}).items():
        Score.objects.create(sample=row, estimator_digest=digest, value=value)
    return row


def record_of(row: Sample, arm: dict[str, Any], **decision: Any) -> dict[str, Any]:
    """A record as `generation.provenance` writes them, with the parts that a page shows."""
    read = read_arm(arm)
    student = arm.get("student", arm)
    return {
        "format": 1,
        "versions": {"python": "3.11.2", "torch": "2.13.0"},
        "host": {"device": "cpu", "threads": 2},
        "arm": read.model_dump(mode="json"),
        "prompt": "a prompt",
        "seed": row.seed,
        "runs": [
            {
                "role": "student",
                "recipe": student,
                "model": {"path": "student", "dtype": "float32", "weights": {"unet": "a" * 64}},
                "seeds": {"initial": 7, "student-0": 8},
                "timesteps": [999, 499],
                "steps": 5,
                "forwards": 10,
                "seconds": 0.25,
                "batch": {"size": 4, "position": 1},
                "image_sha256": "b" * 64,
            }
        ],
        "decision": decision or None,
        "steps": 5,
        "about": {"study": "x"},
    }
