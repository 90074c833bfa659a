"""Samples that were made before an estimator was asked for are scored by a job, each once."""

import numpy as np
import pytest

from annotate.sampling.models import Job, Score
from tests.generation.production import estimator, student
from tests.sampling.test_producing import order, prompts, run, sample_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.bothdb, pytest.mark.torch]


@pytest.fixture(autouse=True)
def _on_the_cpu(settings: object) -> None:
    settings.SAMPLING_DEVICE = "cpu"  # type: ignore[attr-defined]


def score_job(samples: list[int], *, key: str = "scores") -> Job:
    from annotate.sampling import jobs

    payload = {"samples": samples, "estimator": estimator().model_dump(mode="json")}
    return jobs.enqueue([], kind="score", study=None, payload=payload, key=key, total=len(samples))


def test_a_stored_picture_gets_the_score_it_would_have_had_when_it_was_made() -> None:
    given = prompts()
    run(order([student()], given)[0])
    rows = [sample_of(student(), prompt) for prompt in given]
    before = [row.scores.get().value for row in rows]
    Score.objects.all().delete()
    job = run(score_job([row.pk for row in rows]))
    assert (job.state, job.error, job.result) == ("done", "", {"scored": 3})
    assert [row.scores.get().value for row in rows] == pytest.approx(before, abs=1e-5)


def test_a_second_delivery_scores_nothing_again() -> None:
    given = prompts(2)
    run(order([student()], given)[0])
    rows = [sample_of(student(), prompt) for prompt in given]
    values = np.array([row.scores.get().value for row in rows])
    job = run(score_job([row.pk for row in rows]))
    assert job.result == {"scored": 0}
    assert np.array_equal(values, [row.scores.get().value for row in rows])
