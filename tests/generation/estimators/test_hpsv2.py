"""HPSv2: open_clip's names become transformers', and the scores stay open_clip's."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import CLIPModel

from generation.errors import WeightsRefusedError
from generation.estimators.folders import table_of
from generation.estimators.hpsv2 import config_of, our_state, pixels, published_table
from generation.estimators.preprocess import pixels as by_pillow
from generation.tiny_scorers import TINY_CLIP, random_picture, random_weights
from tests.generation.estimators.arrange import GOLDEN, golden_pairs, pictures, tiny
from tests.generation.estimators.test_imagereward import table_digest

pytestmark = pytest.mark.torch


def test_scores_are_those_of_open_clip(tmp_path: Path) -> None:
    scorer = tiny(tmp_path, "hpsv2", seed=GOLDEN["seed"])
    prompts, images = golden_pairs()
    wanted = np.asarray(GOLDEN["hpsv2"]["scores"]).ravel()
    np.testing.assert_allclose(scorer.score(prompts, images), wanted, atol=1e-5)


def test_the_published_names_and_shapes_are_those_of_open_clips_vit_h_14() -> None:
    table, golden = published_table(), GOLDEN["hpsv2"]["published"]
    assert len(table) == golden["tensors"]
    assert table_digest(table) == golden["table_sha256"]
    assert sum(map(math.prod, table.values())) == golden["parameters"]


def test_every_number_of_the_checkpoint_arrives_once() -> None:
    config = config_of(TINY_CLIP)
    published = random_weights(published_table(TINY_CLIP), seed=1)
    ours = our_state(published, config)
    with torch.device("meta"):
        assert {name: tuple(v.shape) for name, v in ours.items()} == table_of(CLIPModel(config))

    def numbers(state: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.cat([value.flatten() for value in state.values()]).sort().values

    assert torch.equal(numbers(ours), numbers(published))


def test_a_name_that_open_clip_does_not_have_is_refused() -> None:
    published = random_weights(published_table(TINY_CLIP), seed=1)
    published["visual.transformer.resblocks.0.ls_1.gamma"] = torch.ones(48)
    with pytest.raises(WeightsRefusedError, match=r"ls_1.gamma belongs to no part"):
        our_state(published, config_of(TINY_CLIP))


def test_floats_are_resized_without_rounding_in_between() -> None:
    big, same = random_picture(64, 96, seed=3), random_picture(32, 40, seed=3)
    rounded = np.abs(pixels([big], 32).numpy() - by_pillow([big], 32)).max()
    # At most half a grey level in each of two passes, over the smallest std of a channel; and
    # floats may overshoot where pictures are cut off at black and white.
    assert 0 < rounded < 1
    np.testing.assert_allclose(pixels([same], 32).numpy(), by_pillow([same], 32), atol=1e-6)


def test_a_score_is_a_cosine(tmp_path: Path) -> None:
    scores = tiny(tmp_path, "hpsv2").score(["a"] * 8, pictures(8))
    assert np.abs(scores).max() <= 1
