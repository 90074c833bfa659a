"""Estimators learn preferences: the judge's, or a study's votes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from generation.reference.judge import cascade, overall
from generation.reference.s1 import draw, judge, words
from generation.reference.s1.pictures import to_bytes
from generation.training import estimator, judged, loop
from tests.generation.training.factories import SILENT

pytestmark = pytest.mark.torch


def true_pictures(prompts: list[str], *, seed: int) -> np.ndarray:
    shown = draw.settle(words.asked_by(prompts), rng=np.random.default_rng(seed))
    return to_bytes(draw.draw(shown))


def of_the_judge(n: int = 30, *, spoiled: int = 60) -> judged.JudgedPairs:
    """A right picture, one of another prompt and noise, for each prompt."""
    prompts = words.prompts("train", n, seed=0)
    right = true_pictures(prompts, seed=1)
    other = true_pictures(prompts[1:] + prompts[:1], seed=2)
    noise = np.random.default_rng(3).integers(0, 256, right.shape, dtype=np.uint8)
    samples = (prompts, np.stack([right, other, noise], axis=1))
    return judged.JudgedPairs([samples], spoiled=spoiled, seed=4)


def test_the_share_is_the_judges_answer():
    """To the very pictures drawn, mirrored and moved too, whichever prompt they are held to."""
    batch = of_the_judge().draw(96, np.random.default_rng(0))
    first, second = (judge.judge(batch.prompts, x).truths() for x in (batch.first, batch.second))
    answers = [overall(cascade(a, b)) for a, b in zip(first, second, strict=True)]
    assert batch.share.tolist() == [{"first": 1, "tie": 0.5, "second": 0}[a] for a in answers]


def test_worth_orders_pictures_as_the_judge_does():
    batch = of_the_judge().draw(400, np.random.default_rng(0))
    decided = batch.share != 0.5
    better = batch.worth[:, 0] > batch.worth[:, 1]
    assert (better == (batch.share == 1))[decided].mean() > 0.98


def test_which_picture_comes_first_says_nothing():
    batch = of_the_judge().draw(1000, np.random.default_rng(0))
    decided = batch.share[batch.share != 0.5]
    assert decided.mean() == pytest.approx(0.5, abs=0.08)


@pytest.mark.slow  # a training of 150 steps, 10 s
def test_a_trained_estimator_prefers_true_pictures(tmp_path):
    rule = estimator.course(steps=150).model_copy(update={"batch": 32, "micro": 32})
    task = estimator.EstimatorTask(rule, of_the_judge())
    loop.train(task, rule, tmp_path, pace=replace(SILENT, checkpoint_every=1000), cpu=True)
    prompts = words.prompts("test", 40, seed=0)
    noise = np.random.default_rng(6).random((40, 16, 16, 3), dtype=np.float32)
    with torch.no_grad():
        good, bad = (
            task.scorer(prompts, torch.from_numpy(x).permute(0, 3, 1, 2))
            for x in (true_pictures(prompts, seed=5).astype(np.float32) / 255, noise)
        )
    assert (good > bad).float().mean() > 0.9


def test_votes_of_a_study_train_the_same_network(tmp_path):
    prompts = words.prompts("train", 20, seed=0)
    good = true_pictures(prompts, seed=1)
    bad = np.random.default_rng(3).integers(0, 256, good.shape, dtype=np.uint8)
    pairs = [
        estimator.Pair(text, x, y, share)
        for text, g, b in zip(prompts, good, bad, strict=True)
        for x, y, share in ((g, b, 0.9), (b, g, 0.1))
    ]
    rule = estimator.course(steps=60).model_copy(update={"batch": 16, "micro": 16})
    task = estimator.EstimatorTask(rule, estimator.Votes(pairs))
    loop.train(task, rule, tmp_path, pace=replace(SILENT, checkpoint_every=1000), cpu=True)
    lines = (tmp_path / loop.CURVE).read_text().splitlines()
    curve = [json.loads(line)["loss"] for line in lines]
    # The entropy of 90 to 10 votes is what no estimator gets below.
    floor = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert floor - 0.02 < np.mean(curve[-5:]) < np.mean(curve[:5])


def test_no_votes_are_no_estimator():
    with pytest.raises(ValueError, match="at least one pair"):
        estimator.Votes([])
