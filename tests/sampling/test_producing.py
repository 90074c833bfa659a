"""Jobs that really make samples, on tiny pipelines: rows, files, scores, what is taken as known."""

from collections.abc import Sequence

import numpy as np
import pytest

from annotate.judging.launch import launch
from annotate.sampling import claims, jobs, producing, storage, tasks
from annotate.sampling.calibration import calibrate, plan_tuning, tuning_set
from annotate.sampling.models import Job, Sample, Score
from annotate.studies.models import Prompt
from generation.produce import Arm
from generation.spec import Adaptive, Teacher, Weights
from tests.factories import make_generated, make_study
from tests.generation.production import adaptive, estimator, student, teacher
from tests.generation.tiny_models import weights

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.bothdb, pytest.mark.torch]
SEED = 7


@pytest.fixture(autouse=True)
def _on_the_cpu(settings: object) -> None:
    settings.SAMPLING_DEVICE = "cpu"  # type: ignore[attr-defined]


def prompts(count: int = 3) -> list[Prompt]:
    return list(make_study(pairs=count).prompt_sets.get().prompts.all())


def order(
    arms: Sequence[Arm], for_prompts: Sequence[Prompt], *, only: Sequence[Arm] = ()
) -> tuple[Job, list[Sample]]:
    """A job for samples of `only` (by default of all arms) that brings the recipes of `arms`."""
    rows = [
        Sample.objects.get_or_create(
            method_digest=arm.digest(), prompt_digest=prompt.digest, seed=SEED
        )[0]
        for prompt in for_prompts
        for arm in only or arms
    ]
    payload = {
        "arms": {arm.digest(): arm.model_dump(mode="json") for arm in arms},
        "score_with": [estimator().model_dump(mode="json")],
    }
    return jobs.enqueue(rows, study=None, payload=payload), rows


def run(job: Job) -> Job:
    tasks.run_job(job.pk)
    job.refresh_from_db()
    return job


def sample_of(arm: Arm, prompt: Prompt) -> Sample:
    return Sample.objects.get(method_digest=arm.digest(), prompt_digest=prompt.digest, seed=SEED)


def median_arm(given: Sequence[Prompt]) -> Adaptive:
    """An adaptive arm that keeps some of these prompts' student samples and improves the others."""
    scores = [float(sample_of(student(), p).scores.get().value) for p in given]
    return adaptive(threshold=float(np.median(scores)))


def test_a_job_makes_students_teachers_and_what_stands_on_them() -> None:
    given = prompts()
    done = run(order([student(), teacher()], given)[0])
    assert (done.state, done.error) == ("done", "")
    arm = median_arm(given)
    job = run(order([student(), arm], given, only=[arm])[0])
    assert (job.state, job.error, job.progress_done) == ("done", "", 3)
    made = [sample_of(arm, prompt) for prompt in given]
    assert {sample.decision for sample in made} == {"kept", "refined"}
    for sample, prompt in zip(made, given, strict=True):
        parent = sample_of(student(), prompt)
        assert sample.parent == parent
        assert (sample.image == parent.image) == (sample.decision == "kept")
        improved = 0 if sample.decision == "kept" else len(sample.record["runs"][1]["timesteps"])
        assert sample.steps == student().steps + improved
        assert sample.record["prompt"] == prompt.text
        assert parent.image is not None
        assert parent.record["image_sha256"] == parent.image.digest
        assert storage.latents_of(parent.latents_digest).shape == (4, 8, 8)
        assert parent.record["runs"][0]["latents_sha256"] == parent.latents_digest
        assert sample.scores.get().estimator_digest == estimator().digest()
    assert all(sample.latents_digest == "" for sample in made)
    # The students came from the store: this job ran the teacher alone, for those improved.
    refined = sum(sample.decision == "refined" for sample in made)
    assert job.result["images"] == refined
    assert job.result["seconds"] > 0


def test_the_score_that_decided_is_kept_and_never_computed_again() -> None:
    given = prompts()
    bare, _ = order([student()], given)
    Job.objects.filter(pk=bare.pk).update(payload={**bare.payload, "score_with": []})
    run(Job.objects.get(pk=bare.pk))
    assert not Score.objects.exists()
    run(order([student(), adaptive(threshold=1e9)], given, only=[adaptive(threshold=1e9)])[0])
    kept = {p.digest: sample_of(student(), p).scores.get().value for p in given}
    run(order([student(), adaptive(threshold=-1e9)], given, only=[adaptive(threshold=-1e9)])[0])
    for arm in (adaptive(threshold=1e9), adaptive(threshold=-1e9)):
        decided = {p.digest: sample_of(arm, p).record["decision"]["score"] for p in given}
        assert decided == kept


def test_a_stored_record_says_where_its_threshold_is_from() -> None:
    weights = {"student": student(), "teacher": teacher(), "estimator": estimator()}
    arm = {part: one.model_dump(mode="json") for part, one in weights.items()}
    study = make_generated(
        methods={
            "teacher": ("teacher", {"arm": arm["teacher"]}),
            "adaptive": ("adaptive-refine", {"arm": arm, "threshold": {"percentile": 50}}),
        },
        prompt_sets=[
            {"name": role, "role": role, "prompts": [{"id": role, "text": f"a prompt to {role}"}]}
            for role in ("test", "tune")
        ],
    )
    plan_tuning(study, tuning_set(study))
    run(Job.objects.get())
    [threshold] = calibrate(study, tuning_set(study), actor=study.owner)
    study.refresh_from_db()
    launch(study, actor=None)
    # What has been measured cuts the jobs that wait anew.
    while (job := Job.objects.filter(state="queued").first()) is not None:
        run(job)
    record = Sample.objects.get(
        method_digest=study.methods.get(name="adaptive").digest, state="done"
    ).record
    said = record["about"]["threshold"]
    assert said["tau"] == record["arm"]["threshold"] == threshold.tau
    assert (said["threshold"], said["percentile"]) == (threshold.pk, 50)
    assert said["calibration"] == threshold.calibration_id
    assert said["scores_digest"] == threshold.calibration.scores_digest
    others = Sample.objects.filter(method_digest=study.methods.get(name="teacher").digest)
    assert {sample.record["about"] == {} for sample in others} == {True}


def test_a_students_sample_that_nobody_asked_for_gets_a_row_of_its_own() -> None:
    given = prompts(2)
    arm = adaptive(threshold=float("-inf"))
    job = run(order([arm], given)[0])
    assert job.state == "done", job.error
    parents = {sample_of(student(), prompt) for prompt in given}
    assert {parent.state for parent in parents} == {"done"}
    assert {sample_of(arm, prompt).parent for prompt in given} == parents


def test_a_students_sample_in_another_running_job_is_waited_for() -> None:
    given = prompts(1)
    students, _ = order([student()], given)
    arm = adaptive()
    waiting, _ = order([student(), arm], given, only=[arm])
    claim = claims.claim(students.pk)
    assert claim is not None
    run(waiting)
    assert (waiting.state, waiting.attempt) == ("queued", 0)
    assert waiting.error.startswith(f"It waits for job {students.pk}, which makes a sample")
    claims.release(claim)
    run(students)
    assert (run(waiting).state, waiting.error) == ("done", "")


def test_a_job_whose_samples_others_have_made_is_done_at_once() -> None:
    given = prompts(1)
    job, _ = order([student()], given)
    run(order([student(), teacher()], given, only=[teacher()])[0])
    first = run(job)
    Job.objects.filter(pk=job.pk).update(state="queued", attempt=0)
    assert (run(job).state, job.result["images"]) == ("done", 0)
    assert first.error == ""


def test_a_students_sample_whose_job_has_failed_is_made_by_who_needs_it() -> None:
    given = prompts(1)
    students, (sample,) = order([student()], given)
    for _ in range(3):
        claim = claims.claim(students.pk)
        assert claim is not None
        claims.fail(claim, "out of memory")
    arm = adaptive()
    job = run(order([student(), arm], given, only=[arm])[0])
    sample.refresh_from_db()
    assert (job.state, sample.state, sample.error, sample.job) == ("done", "done", "", job)


def test_equal_recipes_and_seeds_give_the_same_pictures_in_any_job() -> None:
    given = prompts(2)
    run(order([teacher()], given)[0])
    before = {p.pk: sample_of(teacher(), p).image for p in given}
    Sample.objects.all().delete()
    for prompt in reversed(given):
        run(order([teacher()], [prompt])[0])
        image = sample_of(teacher(), prompt).image
        assert image is not None
        first = before[prompt.pk]
        assert first is not None
        a, b = (storage.pixels_of(i.digest).astype(int) for i in (image, first))
        assert np.abs(a - b).max() <= 2


def test_a_missing_weight_fails_the_job_with_what_is_missing() -> None:
    absent = Teacher(model=Weights(path="no/such-model"), steps=2)
    job, (sample,) = order([absent], prompts(1))
    for _ in range(3):
        run(job)
    sample.refresh_from_db()
    assert (job.state, sample.state) == ("failed", "failed")
    assert "no/such-model" in sample.error
    assert job.error == f"1 of 1 samples cannot be made: {sample.error}"


def test_an_arm_that_cannot_run_fails_its_own_samples_and_the_others_are_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    given = prompts(2)
    broken = adaptive(teacher=Teacher(model=weights("sdxl"), steps=2))
    job, _ = order([student(), broken], given)
    run(job)
    assert (job.state, job.attempt) == ("queued", 1)
    assert {sample_of(student(), prompt).state for prompt in given} == {"done"}
    made = {sample_of(student(), prompt).image for prompt in given}
    for _ in range(2):
        run(job)
    assert (job.state, job.attempt, job.result) == ("failed", 3, {})
    failed = [sample_of(broken, prompt) for prompt in given]
    assert {sample.state for sample in failed} == {"failed"}
    (reason,) = {sample.error for sample in failed}
    assert reason.endswith("Set rollback_from='image'.")
    assert {sample_of(student(), prompt).image for prompt in given} == made
    # Each attempt is one line of the worker's log, without a traceback.
    logged = [record for record in caplog.records if record.name.startswith("annotate.sampling")]
    assert [record.exc_info for record in logged] == [None] * 3
    assert logged[0].getMessage().startswith(f"job={job.pk} attempt=1 samples=2 ")
    assert logged[2].getMessage().endswith(f"2 of 4 samples cannot be made: {reason}")


def test_workers_compile_where_they_are_told_to(settings: object) -> None:
    resident = producing.resident_models.__wrapped__
    assert not resident().compile
    settings.SAMPLING_COMPILE = True  # type: ignore[attr-defined]
    assert resident().compile


def test_an_arm_that_a_job_does_not_bring_is_refused_with_what_to_do() -> None:
    job, _ = order([student()], prompts(1))
    Job.objects.filter(pk=job.pk).update(payload={"arms": {}})
    run(job)
    assert "arms that it does not bring" in job.error
    assert job.error.endswith("Plan the study again.")


def test_samples_made_again_from_their_records_are_the_same_bytes() -> None:
    given = prompts()
    run(order([student(), teacher()], given)[0])
    arm = median_arm(given)
    run(order([student(), arm], given, only=[arm])[0])
    chosen = [sample_of(one, given[0]) for one in (student(), teacher())]
    chosen += [sample_of(arm, prompt) for prompt in given]
    for sample in chosen:
        job = run(jobs.remake(sample, actor=None))
        assert (job.state, job.error) == ("done", "")
        found = (job.result["same"], job.result["max_difference"], job.result["differs"])
        assert found == (True, 0, []), sample.decision
        before = sample.image
        sample.refresh_from_db()
        assert sample.image == before
        assert job.result["image"] == (before and before.digest)
