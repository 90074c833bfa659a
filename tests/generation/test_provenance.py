"""A record says what an image depends on, by digests that others can compute too."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from annotate.sampling.images import content_digest
from generation.adaptive import Row, student_task, teacher_task
from generation.noise import stage_seed
from generation.provenance import (
    PACKAGES,
    decision_record,
    image_digest,
    latents_digest,
    seeds_of,
    stored_run,
    versions,
)
from generation.spec import Adaptive, Estimator, Student, Teacher, Weights

ROW = Row("a dog", "d" * 64, 7, 1)


def picture(seed=0, shape=(6, 9, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_an_image_is_known_by_the_digest_that_the_store_knows_it_by():
    image = picture()
    assert image_digest(image) == content_digest(Image.fromarray(image))
    assert image_digest(image) != image_digest(image.reshape(9, 6, 3))


def test_latents_of_another_shape_or_number_have_another_digest():
    latents = np.arange(16, dtype=np.float32).reshape(4, 2, 2)
    assert latents_digest(latents) == latents_digest(latents.copy(order="F"))
    assert latents_digest(latents) != latents_digest(latents.reshape(4, 4, 1))
    assert latents_digest(latents) != latents_digest(latents + 1)


def test_versions_name_the_packages_and_the_code_that_ran():
    found = versions()
    assert set(found) == {"python", "code", *PACKAGES}
    assert found["numpy"] == np.__version__
    assert len(found["code"]) == 64


def test_the_seeds_of_a_record_are_the_seeds_of_the_noise():
    setting, task = student_task(Student(model=Weights(path="cd"), steps=3), ROW)
    found = seeds_of(task, setting)
    assert list(found) == ["initial", "student-0", "student-1"]
    assert found["student-1"] == stage_seed(7, "d" * 64, replica=1, stage="student-1")
    null, task = teacher_task(Teacher(model=Weights(path="sd"), noise="null"), ROW)
    assert list(seeds_of(task, null)) == ["initial-null"]


@pytest.mark.parametrize("threshold", [float("inf"), float("-inf"), 0.5])
def test_a_decision_is_json_whatever_the_threshold(threshold):
    arm = Adaptive(
        student=Student(model=Weights(path="cd")),
        teacher=Teacher(model=Weights(path="sd")),
        estimator=Estimator(path="ir"),
        threshold=threshold,
    )
    found = decision_record(arm, "kept", score=0.75, scorer="s")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert float(found["threshold"]) == threshold
    assert found["margin"] == (0.25 if threshold == 0.5 else None)


def test_a_stored_student_without_a_record_still_counts_its_steps():
    run = stored_run(
        Student(model=Weights(path="cd"), steps=3, legacy_tail=True), image=picture(), latents=None
    )
    assert (run["steps"], run["forwards"]) == (4, 8)


def test_records_and_plans_need_no_torch():
    light = "adaptive, budget, convergence, presets, provenance, samples, spec, threshold"
    code = f"import sys; from generation import {light}; print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
