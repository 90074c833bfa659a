"""The world's estimator: a folder of its own that scores any enlargement alike."""

import numpy as np
import pytest
import torch

from generation.errors import SceneError, WeightsRefusedError
from generation.estimators import load_scorer
from generation.reference.s1 import scorer, words
from generation.reference.s1.pictures import enlarge
from generation.spec import Estimator

pytestmark = pytest.mark.torch


@pytest.fixture
def spec(tmp_path) -> Estimator:
    torch.manual_seed(1)
    scorer.save(scorer.ScoringNetwork(scorer.vocabulary()), tmp_path)
    return Estimator(name="reference", path=str(tmp_path))


def pictures(n: int, *, seed: int = 0) -> list[np.ndarray]:
    drawn = np.random.default_rng(seed).integers(0, 256, size=(n, 16, 16, 3), dtype=np.uint8)
    return list(drawn)


def test_scores_depend_on_picture_and_prompt(spec):
    prompts = words.prompts("train", 4, seed=0)
    loaded = load_scorer(spec, device="cpu")
    scores = loaded.score(prompts, pictures(4))
    assert scores.shape == (4,)
    assert scores.dtype == np.float32
    assert len(set(scores.tolist())) == 4
    assert not np.array_equal(scores, loaded.score(prompts[::-1], pictures(4)))


def test_a_score_is_of_its_own_pair_alone(spec):
    prompts = words.prompts("train", 5, seed=0)
    loaded = load_scorer(spec, device="cpu")
    alone = [loaded.score([p], [x])[0] for p, x in zip(prompts, pictures(5), strict=True)]
    assert loaded.score(prompts, pictures(5)) == pytest.approx(alone, abs=1e-5)


def test_a_stored_picture_scores_like_the_small_one(spec):
    loaded, prompts = load_scorer(spec, device="cpu"), words.prompts("train", 3, seed=0)
    large = [enlarge(picture) for picture in pictures(3)]
    assert loaded.score(prompts, large) == pytest.approx(
        loaded.score(prompts, pictures(3)), abs=1e-5
    )


def test_no_pairs_have_no_scores(spec):
    assert load_scorer(spec, device="cpu").score([], []).shape == (0,)


def test_a_picture_of_another_world_is_refused(spec):
    with pytest.raises(SceneError, match="a multiple of 16"):
        load_scorer(spec, device="cpu").score(["a red circle"], [np.zeros((20, 20, 3), np.uint8)])


def test_changed_weights_are_refused_under_the_old_hash(spec, tmp_path):
    pinned = load_scorer(spec, device="cpu")
    assert (
        pinned.digest
        != load_scorer(spec.model_copy(update={"dtype": "bfloat16"}), device="cpu").digest
    )
    torch.manual_seed(2)
    before = _sha(tmp_path)
    scorer.save(scorer.ScoringNetwork(scorer.vocabulary()), tmp_path)
    with pytest.raises(WeightsRefusedError, match="calibrate again"):
        load_scorer(spec.model_copy(update={"sha256": before}), device="cpu")


def _sha(folder) -> str:
    from generation.estimators.folders import open_folder

    return open_folder(Estimator(name="reference", path=str(folder))).sha256


def test_the_network_has_the_size_that_was_measured():
    network = scorer.ScoringNetwork(scorer.vocabulary())
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(730_000, rel=0.02)
