"""The weights in the repository: the pinned ones, small, and good enough that noise is noticed."""

import hashlib
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from generation.engine import Models
from generation.errors import WeightsRefusedError
from generation.estimators import load_scorer
from generation.pipelines import load_bundle
from generation.produce import produce
from generation.reference.packaged import PACKAGED
from generation.reference.s1 import judge, trial, words
from generation.reference.s1.kept import S1
from generation.samples import Wanted
from generation.spec import Adaptive, Weights

pytestmark = pytest.mark.torch

FOLDER = PACKAGED / S1.path
TEXTS = words.prompts("test", 32, seed=7)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_all_weights_together_take_less_than_20_megabytes():
    sizes = [file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()]
    assert sum(sizes) < 20_000_000


def test_nothing_in_the_folder_could_run_code():
    suffixes = {file.suffix for file in FOLDER.rglob("*") if file.is_file()}
    assert suffixes <= {".safetensors", ".json", ".jsonl", ".md"}


def test_every_part_loads_under_its_pinned_hash():
    for weights in (S1.teacher_weights(), S1.student_weights()):
        assert weights.sha256
        assert load_bundle(weights, device="cpu").digest == weights.sha256
    assert S1.estimator().sha256
    load_scorer(S1.estimator(), device="cpu")


def test_one_changed_number_is_refused(tmp_path):
    shutil.copytree(FOLDER / "teacher", tmp_path / "teacher")
    file = tmp_path / "teacher" / "unet" / "diffusion_pytorch_model.safetensors"
    state = load_file(file)
    name = next(iter(state))
    state[name] = state[name] + 0.001
    save_file(state, file, metadata={"format": "pt"})
    pinned = Weights(path=str(tmp_path / "teacher"), sha256=S1.teacher_weights().sha256)
    with pytest.raises(WeightsRefusedError, match="another version or were changed"):
        load_bundle(pinned, device="cpu")


def test_the_student_draws_what_the_prompt_asks_and_noise_in_its_place_does_not():
    bundle = load_bundle(S1.student_weights(), device="cpu")
    good = judge.judge(TEXTS, trial.sampled(bundle, S1.student(4), TEXTS, seed=0))
    with torch.no_grad():
        for weight in bundle.unet.parameters():
            weight.normal_(std=0.02, generator=torch.Generator().manual_seed(0))
    bad = judge.judge(TEXTS, trial.sampled(bundle, S1.student(4), TEXTS, seed=0))
    assert good.alignment.mean() > 0.7
    assert bad.alignment.mean() < 0.3
    assert not bad.fully.any()


def test_the_estimator_prefers_the_prompts_own_picture():
    scorer = load_scorer(S1.estimator(), device="cpu")
    bundle = load_bundle(S1.student_weights(), device="cpu")
    pictures = list(trial.sampled(bundle, S1.student(4), TEXTS, seed=0))
    own = scorer.score(TEXTS, pictures)
    other = scorer.score(TEXTS, pictures[7:] + pictures[:7])
    assert (own > other).mean() > 0.7


def test_student_teacher_and_both_adaptive_arms_come_out_of_the_engine():
    student, teacher = S1.student(2), S1.teacher(20)
    improve = {
        "student": student,
        "teacher": S1.teacher(4, scheduler="unipc"),
        "estimator": S1.estimator(),
    }
    texts = TEXTS[:8]
    scorer = load_scorer(S1.estimator(), device="cpu")
    arms = [student, teacher]
    first = _made(arms, texts)
    scores = scorer.score(texts, first[student.digest()])
    tau = float(np.median(scores))
    adaptive = [
        Adaptive.model_validate({**improve, "threshold": tau, "strategy": strategy})
        for strategy in ("refine", "regenerate")
    ]
    made = _made([*arms, *adaptive], texts)
    students = made[student.digest()]
    for arm in adaptive:
        same = [np.array_equal(a, b) for a, b in zip(made[arm.digest()], students, strict=True)]
        assert same == (scores >= np.float32(tau)).tolist()
    assert np.array_equal(np.stack(made[teacher.digest()]), np.stack(first[teacher.digest()]))
    verdict = judge.judge(texts, np.stack(made[teacher.digest()]))
    assert verdict.alignment.mean() > 0.6


def _made(arms, texts) -> dict[str, list[np.ndarray]]:
    wanted = [
        Wanted(
            sample=number * 100 + row,
            arm=arm.digest(),
            prompt=text,
            prompt_digest=hashlib.sha256(text.encode()).hexdigest(),
            seed=0,
            replica=0,
        )
        for number, arm in enumerate(arms)
        for row, text in enumerate(texts)
    ]
    pictures: dict[int, np.ndarray] = {}
    produce(
        {arm.digest(): arm for arm in arms},
        wanted,
        models=Models(device="cpu", batch=8),
        known={},
        sink=lambda made: pictures.update({made.sample: made.image}),
        progress=lambda done, of: None,
        stop=lambda: None,
    )
    return {
        arm.digest(): [pictures[number * 100 + row] for row in range(len(texts))]
        for number, arm in enumerate(arms)
    }
