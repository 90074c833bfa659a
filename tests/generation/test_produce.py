"""Every arm is Algorithm 1, each image is made once, and its cost is what was planned."""

import json
import math
import random
import threading

import numpy as np
import pytest
import torch

from generation.budget import planned
from generation.errors import SamplingError
from generation.noise import ROLLBACK, draw, stage_seed
from generation.produce import Known, produce
from generation.rollback import refine
from generation.spec import Adaptive, Estimator, Student, Teacher
from tests.generation.production import (
    WatchedModels,
    adaptive,
    estimator,
    made,
    models,
    rows,
    scored,
    stored,
    student,
    teacher,
)
from tests.generation.tiny_models import PROMPTS, bundle, nobody_watches, weights

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def family():
    """Student, keep-all, refine-all and an arm whose tau improves half: made together."""
    own = made([student()], score_with=[estimator()])
    scores = sorted(each.scores[estimator().digest()] for each in own.of(0))
    tau = scores[len(scores) // 2]
    arms = [student(), adaptive(-math.inf), adaptive(math.inf), adaptive(tau)]
    return made(arms), arms, tau


def test_a_threshold_below_every_score_is_the_student_arm(family):
    outcome, _, _ = family
    for own, kept in zip(outcome.of(0), outcome.of(1), strict=True):
        assert kept.decision == "kept"
        assert kept.image is own.image
        assert (kept.steps, kept.forwards) == (own.steps, own.forwards)


def test_a_threshold_above_every_score_refines_all_from_the_same_student_samples(family):
    outcome, _, _ = family
    assert {each.decision for each in outcome.of(2)} == {"refined"}
    whole = made([adaptive(1e9)], known=stored(outcome, student()))
    assert (outcome.images(2) == whole.images(0)).all()


def test_a_refined_image_is_the_teachers_from_the_students_latents(family):
    outcome, arms, _ = family
    wanted = rows([arms[2]])[:4]
    noise = draw(
        [stage_seed(w.seed, w.prompt_digest, replica=w.replica, stage=ROLLBACK) for w in wanted],
        (4, 8, 8),
    )
    loaded = bundle("sd")
    told = loaded.encode_prompts([w.prompt for w in wanted], guided=True)
    latents = torch.from_numpy(np.stack([each.latents for each in outcome.of(0)[:4]]))
    whole = refine(loaded, arms[2], told, latents, noise=noise, on_step=nobody_watches)
    assert (loaded.decode(whole.latents) == outcome.images(2)[:4]).all()


def test_an_adaptive_arm_keeps_from_tau_upwards_and_refines_below(family):
    outcome, _, tau = family
    for own, each, every in zip(outcome.of(0), outcome.of(3), outcome.of(2), strict=True):
        score = own.scores[estimator().digest()]
        assert each.decision == ("kept" if score >= tau else "refined")
        assert each.image is (own.image if score >= tau else every.image)
        assert each.record["decision"]["score"] == score
        assert each.record["decision"]["margin"] == score - tau
    assert sum(each.decision == "kept" for each in outcome.of(3)) == 4


def test_only_students_bring_latents(family):
    outcome, _, _ = family
    assert all(each.latents.dtype == np.float32 for each in outcome.of(0))
    assert all(each.latents is None for arm in (1, 2, 3) for each in outcome.of(arm))


def test_executed_steps_and_forwards_are_the_planned_ones():
    by = WatchedModels(batch=3)
    arms = [teacher(5), student(3), adaptive(math.inf, student=student(3))]
    outcome = made(arms, by=by)
    for number, arm in enumerate(arms):
        assert {each.steps for each in outcome.of(number)} == {planned(arm).steps}
        assert {each.forwards for each in outcome.of(number)} == {planned(arm).forwards}
    # Rows that went through the networks: students once, although two arms are built on them.
    assert sum(by.calls) == outcome.spent.forwards == 8 * (10 + 6 + 6)
    assert outcome.spent.images == 24


def test_the_mean_budget_is_the_planned_one_at_the_realised_share(family):
    outcome, arms, _ = family
    rejected = sum(each.decision == "refined" for each in outcome.of(3)) / 8
    budget = planned(arms[3], rejected=rejected)
    assert sum(each.steps for each in outcome.of(3)) / 8 == budget.steps
    assert sum(each.forwards for each in outcome.of(3)) / 8 == budget.forwards


ARMS = {
    "teacher": teacher(),
    "student": student(),
    "refine": adaptive(3.0),
    "regenerate": adaptive(3.0, strategy="regenerate"),
    "from image": adaptive(3.0, rollback_from="image"),
}


def test_batch_sizes_and_order_do_not_change_an_image():
    arms = list(ARMS.values())
    whole = made(arms, by=scored(batch=8)[0])
    for batch, seed in ((1, None), (3, 1), (8, 2)):
        wanted = rows(arms)
        if seed is not None:
            random.Random(seed).shuffle(wanted)
        again = made(arms, wanted, by=scored(batch=batch)[0])
        for number in range(len(arms)):
            assert np.abs(again.images(number) - whole.images(number)).max() <= 2
            decided = [each.decision for each in again.of(number)]
            assert decided == [each.decision for each in whole.of(number)]


@pytest.mark.parametrize("batch", [1, 3, 5])
def test_teacher_batches_are_full_but_the_last(batch):
    by, _ = scored(batch=batch)
    outcome = made([adaptive(5.0)], by=by)
    teachers = [run.rows for run in outcome.spent.batches if run.role == "teacher"]
    assert sum(teachers) == 5
    assert all(rows == batch for rows in teachers[:-1])


def test_what_several_arms_improve_alike_is_improved_once():
    by, _ = scored(batch=4)
    outcome = made([adaptive(2.0), adaptive(6.0), adaptive(math.inf)], by=by)
    assert sum(run.rows for run in outcome.spent.batches if run.role == "teacher") == 8
    for first, second, every in zip(outcome.of(0), outcome.of(1), outcome.of(2), strict=True):
        if first.decision == "refined":
            assert first.image is second.image
        if second.decision == "refined":
            assert second.image is every.image


def test_a_regeneration_with_shared_noise_is_the_baseline_teachers_image():
    arms = [teacher(), adaptive(math.inf, strategy="regenerate", regenerate_noise="shared")]
    outcome = made(arms)
    for own, regenerated in zip(outcome.of(0), outcome.of(1), strict=True):
        assert regenerated.image is own.image
        assert regenerated.steps == own.steps + 2


def test_fresh_regenerations_and_null_teachers_differ_from_the_baseline():
    fresh = adaptive(math.inf, strategy="regenerate")
    outcome = made([teacher(), fresh, teacher(noise="null")])
    for other in (1, 2):
        far = np.abs(outcome.images(0) - outcome.images(other)).max(axis=(1, 2, 3))
        assert (far > 20).all()


def test_known_students_are_not_sampled_and_their_scores_not_computed_again(family):
    outcome, _, tau = family
    by, scores = scored(batch=4)
    known = stored(outcome, student())
    again = made([student(), adaptive(tau)], by=by, known=known)
    assert scores.asked == []
    assert all(run.role == "teacher" for run in again.spent.batches)
    for before, kept, own in zip(outcome.of(3), again.of(1), again.of(0), strict=True):
        assert kept.decision == before.decision
        assert (kept.steps, kept.forwards) == (before.steps, before.forwards)
        if kept.decision == "kept":
            assert kept.image is own.image
    assert (again.images(1) == outcome.images(3)).all()


def test_a_known_student_is_scored_where_its_score_is_missing():
    own = made([student()])
    by, scores = scored(batch=4)
    again = made([adaptive(4.0)], by=by, known=stored(own, student()))
    assert sorted(scores.asked) == sorted(PROMPTS)
    assert [each.decision for each in again.of(0)] == ["refined"] * 4 + ["kept"] * 4


def test_a_stored_score_that_is_not_finite_fails_its_samples():
    own = made([student()])
    known = {
        key: Known(each.latents, each.image, {estimator().digest(): math.nan})
        for key, each in stored(own, student()).items()
    }
    outcome = made([student(), adaptive()], known=known)
    assert len(outcome.of(0)) == 8
    assert len(outcome.of(1)) == 0
    assert all("not finite" in reason for reason in outcome.spent.failed.values())


def test_a_score_that_is_not_finite_fails_the_arms_that_hang_on_it_and_no_other():
    scores = dict.fromkeys(PROMPTS, 1.0) | {PROMPTS[2]: math.nan, PROMPTS[6]: math.inf}
    by, _ = scored(scores, batch=3)
    outcome = made([student(), adaptive(0.5), adaptive(math.inf)], by=by)
    assert [len(outcome.of(number)) for number in range(3)] == [8, 6, 8]
    assert set(outcome.spent.failed) == {102, 106}
    assert "no finite score" in outcome.spent.failed[102]
    assert outcome.told[-1] == (24, 24)


def test_a_network_that_overflows_fails_its_samples_plainly():
    by = WatchedModels(batch=4, after=lambda output: (output[0] * math.nan,))
    outcome = made([student()], by=by)
    assert len(outcome.spent.failed) == 8
    assert "Use dtype bfloat16" in outcome.spent.failed[0]
    assert outcome.made == {}


def test_every_sample_is_scored_by_what_the_study_asks_for():
    lot = Estimator(name="random", path="random")
    outcome = made([teacher(), adaptive(math.inf)], score_with=[lot])
    assert all(0 <= each.scores[lot.digest()] < 1 for each in outcome.made.values())
    assert all(lot.digest() in each.record["scorers"] for each in outcome.made.values())


def test_the_lot_improves_the_samples_it_draws_below_its_share():
    lot = Estimator(name="random", path="random")
    outcome = made([student(), adaptive(0.5, estimator=lot)], score_with=[lot])
    for own, each in zip(outcome.of(0), outcome.of(1), strict=True):
        drawn = own.scores[lot.digest()]
        assert each.decision == ("refined" if drawn < 0.5 else "kept")


def test_a_stop_ends_the_run_before_the_next_network_call():
    class Enough(Exception):
        pass

    by = WatchedModels(batch=4)

    def stop():
        if len(by.calls) == 5:
            raise Enough

    taken = []
    arms = [teacher(6), adaptive(math.inf)]
    with pytest.raises(Enough):
        produce(
            {arm.digest(): arm for arm in arms},
            rows(arms),
            models=by,
            known={},
            sink=taken.append,
            progress=lambda done, total: None,
            stop=stop,
        )
    assert len(by.calls) == 5
    assert not [t for t in threading.enumerate() if t.name.startswith(("sink", "finish"))]


def test_an_error_of_the_sink_ends_the_run():
    def full(_):
        raise OSError("no space left on device")

    arm = student()
    with pytest.raises(OSError, match="no space"):
        produce(
            {arm.digest(): arm},
            rows([arm]),
            models=models(),
            known={},
            sink=full,
            progress=lambda done, total: None,
            stop=lambda: None,
        )


def test_the_sink_has_a_thread_of_its_own_and_progress_the_callers():
    where = {"sink": set(), "progress": set()}
    arm = student()
    produce(
        {arm.digest(): arm},
        rows([arm]),
        models=models(),
        known={},
        sink=lambda _: where["sink"].add(threading.get_ident()),
        progress=lambda *_: where["progress"].add(threading.get_ident()),
        stop=lambda: None,
    )
    assert where["progress"] == {threading.get_ident()}
    assert len(where["sink"]) == 1
    assert where["sink"].isdisjoint(where["progress"])


def test_progress_counts_up_to_what_was_wanted():
    outcome = made([teacher(), adaptive(math.inf)])
    reached = [done for done, _ in outcome.told]
    assert reached == sorted(set(reached))
    assert outcome.told[-1] == (16, 16)


def test_an_arm_that_is_not_given_is_refused():
    with pytest.raises(SamplingError, match="not among the 1 given"):
        made([student()], rows([teacher()]))


def test_a_stored_sample_without_latents_is_not_made_anew():
    own = made([student()])
    known = {
        key: Known(None, each.image, each.scores) for key, each in stored(own, student()).items()
    }
    refined = made([adaptive(math.inf)], known=known)
    assert (refined.made, refined.spent.images) == ({}, 0)
    assert all("no latents to refine from" in each for each in refined.spent.failed.values())
    regenerated = made([adaptive(math.inf, strategy="regenerate")], known=known)
    assert len(regenerated.made) == 8


def test_a_refiner_takes_the_picture_at_its_own_size():
    arm = Adaptive(
        student=Student(model=weights("sdxl"), sampler="add", steps=2, guidance=0.0),
        teacher=Teacher(
            model=weights("refiner"), scheduler="unipc", steps=2, height=128, width=128
        ),
        estimator=estimator(),
        threshold=math.inf,
        rollback=0.4,
        rollback_from="image",
    )
    outcome = made([arm.student, arm], rows([arm.student, arm], PROMPTS[:3]))
    assert {each.image.shape for each in outcome.of(0)} == {(64, 64, 3)}
    assert {each.image.shape for each in outcome.of(1)} == {(128, 128, 3)}
    assert {each.forwards for each in outcome.of(1)} == {2 + 4}


def test_a_record_is_json_and_says_how_the_image_came_to_be(family):
    outcome, arms, _ = family
    for each in outcome.made.values():
        record = json.loads(json.dumps(each.record, allow_nan=False))
        arm = arms[each.sample // 100]
        assert record["arm_digest"] == arm.digest()
        assert (record["steps"], record["forwards"]) == (each.steps, each.forwards)
        assert record["scores"] == each.scores
        for run in record["runs"]:
            assert len(run["timesteps"]) == run["steps"]
            assert set(run["model"]["weights"]) >= {"unet", "vae", "text_encoder"}
            assert run["batch"]["position"] < run["batch"]["size"]
    refined = outcome.of(2)[0].record
    assert refined["runs"][1]["start"] == {
        "sigma": 0.7,
        "kind": "variance",
        "from": "latents",
        "timestep": 483,
        "variance": 0.7,
    }
    assert refined["parent_image_sha256"] == outcome.of(0)[0].record["image_sha256"]


def test_teacher_and_student_start_from_the_same_noise():
    outcome = made([teacher(), student()])
    for own, other in zip(outcome.of(0), outcome.of(1), strict=True):
        seeds = [each.record["runs"][0]["seeds"]["initial"] for each in (own, other)]
        assert seeds[0] == seeds[1]


def test_what_a_study_says_about_an_arm_is_kept_with_its_images():
    arms = [student(), adaptive(0.0)]
    about = {arms[1].digest(): {"calibration": "c1", "percentile": 50}}
    outcome = made(arms, about=about)
    assert outcome.of(1)[0].record["about"] == about[arms[1].digest()]
    assert outcome.of(0)[0].record["about"] == {}


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_networks_run_in_half_precision_and_latents_stay_in_single(dtype):
    half = student().model.model_copy(update={"dtype": dtype})
    arms = [Student(model=half, steps=2, guidance=2.0)]
    outcome = made(arms, rows(arms, PROMPTS[:3]), by=models())
    whole = made([student(guidance=2.0)], rows([student(guidance=2.0)], PROMPTS[:3]))
    for each in outcome.of(0):
        assert each.latents.dtype == np.float32
        assert each.record["runs"][0]["model"]["dtype"] == dtype
    far = np.abs(outcome.images(0) - whole.images(0))
    assert 0 < far.mean() < 10
