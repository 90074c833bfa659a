import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.noise import draw, regenerate_stage, stage_seed, student_stage, teacher_stage
from generation.spec import Adaptive, Estimator, Student, Teacher, Weights

pytestmark = pytest.mark.torch

MODEL = Weights(path="m")


def adaptive(*, noise: str = "", regenerate_noise: str = "fresh") -> Adaptive:
    return Adaptive(
        student=Student(model=MODEL),
        teacher=Teacher(model=MODEL, noise=noise),
        estimator=Estimator(path="e"),
        threshold=0.0,
        strategy="regenerate",
        regenerate_noise=regenerate_noise,
    )


def test_a_stage_seed_is_the_published_function_of_its_four_parts():
    # printf '[7,"abc",1,"initial"]' | sha256sum: the first 63 bits. A change here would give every
    # study other pictures.
    assert stage_seed(7, "abc", replica=1, stage="initial") == 8951245881759431246


@given(seed=st.integers(0, 2**63 - 1), replica=st.integers(0, 99))
@settings(max_examples=50)
def test_every_stage_seed_fits_a_generator_and_no_two_stages_share_one(seed: int, replica: int):
    stages = ["initial", "rollback", "regenerate", "initial-b", student_stage(0), student_stage(10)]
    seeds = {stage_seed(seed, "p", replica=replica, stage=stage) for stage in stages}
    assert len(seeds) == len(stages)
    assert all(0 <= value < 2**63 for value in seeds)


def test_seed_and_replica_do_not_run_into_each_other():
    assert stage_seed(1, "p", replica=11, stage="x") != stage_seed(11, "p", replica=1, stage="x")


@given(seeds=st.permutations(list(range(5))))
@settings(max_examples=20)
def test_a_row_of_noise_depends_on_its_own_seed_only(seeds: list[int]):
    noise = draw(seeds, (2, 3, 3))
    for row, seed in zip(noise, seeds, strict=True):
        assert torch.equal(row, draw([seed], (2, 3, 3))[0])


def test_noise_is_standard_normal_and_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    noise = draw(range(50), (4, 32, 32))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert noise.dtype == torch.float32
    # 204,800 numbers: five standard errors are .011 for the mean and .008 for the deviation.
    assert abs(noise.mean().item()) < 0.011
    assert abs(noise.std().item() - 1) < 0.008


def test_noise_for_nobody_is_refused():
    with pytest.raises(ValueError, match="one seed per row"):
        draw([], (4, 8, 8))


def test_a_teacher_starts_from_the_students_noise_unless_its_recipe_asks_for_other():
    assert teacher_stage("") == "initial"
    assert teacher_stage("null") == "initial-null"


def test_a_shared_regeneration_starts_from_the_baseline_teachers_noise():
    assert regenerate_stage(adaptive()) == "regenerate"
    assert regenerate_stage(adaptive(regenerate_noise="shared")) == "initial"
    assert regenerate_stage(adaptive(regenerate_noise="shared", noise="null")) == "initial-null"


def test_deriving_a_seed_does_not_import_torch():
    code = (
        "import sys; from generation.noise import stage_seed; "
        "stage_seed(1, 'p', replica=0, stage='initial'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
