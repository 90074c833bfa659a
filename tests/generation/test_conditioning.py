"""Text embeddings: diffusers' own, each prompt encoded once, no row touched by its neighbours."""

from typing import Any

import pytest
import torch
from diffusers import LatentConsistencyModelPipeline
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from generation.conditioning import PromptEncoder, guidance_embedding
from generation.pipelines import load_bundle
from generation.tiny import Kind
from tests.generation.tiny_models import PROMPTS, bundle, pipeline, weights

pytestmark = pytest.mark.torch


def theirs(kind: Kind, prompt: str, negative: str | None) -> list[Tensor | None]:
    """Embeddings, negative ones, pooled, negative pooled, as the pipeline of diffusers encodes."""
    encode = pipeline(kind).encode_prompt
    guided: dict[str, Any] = {"do_classifier_free_guidance": True, "negative_prompt": negative}
    with torch.no_grad():
        found = encode(prompt, device="cpu", num_images_per_prompt=1, **guided)
    return [*found, None, None][:4]


def same(ours: Tensor | None, other: Tensor | None) -> bool:
    if ours is None or other is None:
        return ours is other
    return torch.equal(ours, other)


@pytest.mark.parametrize("kind", ["sd", "sdxl", "refiner", "lcm", "pixel"])
@pytest.mark.parametrize("prompt", ["a red circle", "", "Ünïcode, 3 dogs!", "long " * 60])
@pytest.mark.parametrize("negative", ["", "blurry"])
def test_embeddings_are_those_of_the_pipeline(kind: Kind, prompt: str, negative: str) -> None:
    told = bundle(kind).encode_prompts([prompt], guided=True, negative=negative)
    assert told.uncond is not None
    ours = [told.embeds, told.uncond.embeds, told.pooled, told.uncond.pooled]
    for mine, other in zip(ours, theirs(kind, prompt, negative or None), strict=True):
        assert same(mine, other)


@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_a_prompt_is_told_the_same_whatever_stands_beside_it(kind: Kind) -> None:
    fresh = load_bundle(weights(kind))
    together = fresh.encode_prompts(PROMPTS, guided=True)
    for row, prompt in enumerate(PROMPTS):
        alone = load_bundle(weights(kind)).encode_prompts([prompt], guided=True)
        assert torch.equal(alone.embeds[0], together.embeds[row])


@pytest.mark.parametrize(("kind", "encoders"), [("sd", 1), ("sdxl", 2)])
def test_text_encoders_run_once_per_prompt_and_once_for_no_prompt(
    kind: Kind, encoders: int
) -> None:
    fresh = load_bundle(weights(kind))
    runs = []
    for encoder in fresh.text_encoders:
        encoder.register_forward_hook(lambda *_: runs.append(1))
    for _ in range(3):
        fresh.encode_prompts(["a", "b", "a"], guided=True)
    assert len(runs) == 3 * encoders  # a, b and the empty one


def test_prompts_longest_unused_are_forgotten_first() -> None:
    whole = bundle("sd")
    encoder = PromptEncoder(
        whole.tokenizers, whole.text_encoders, xl=False, zero_empty=False, kept=3
    )
    first, second = encoder.encode("a"), encoder.encode("b")
    encoder.encode("c")
    assert encoder.encode("a") is first
    encoder.encode("d")
    assert encoder.encode("a") is first
    assert encoder.encode("b") is not second


def test_sdxl_is_told_the_picture_s_own_size_uncropped() -> None:
    told = bundle("sdxl").encode_prompts(["a"], guided=True, height=32, width=64)
    assert told.uncond is not None
    assert told.time_ids is not None
    assert told.time_ids.tolist() == [[32, 64, 0, 0, 32, 64]]
    assert told.uncond.time_ids is not None
    assert told.uncond.time_ids.tolist() == [[32, 64, 0, 0, 32, 64]]


def test_the_refiner_is_told_an_aesthetic_score_and_a_low_one_for_the_negative_half() -> None:
    told = bundle("refiner").encode_prompts(
        ["a"], guided=True, aesthetic_score=7.5, negative_aesthetic_score=1.5
    )
    assert told.uncond is not None
    assert told.time_ids is not None
    assert told.time_ids.tolist() == [[64, 64, 0, 0, 7.5]]
    assert told.uncond.time_ids is not None
    assert told.uncond.time_ids.tolist() == [[64, 64, 0, 0, 1.5]]


@pytest.mark.parametrize("kind", ["sdxl", "refiner"])
def test_size_ids_are_those_of_the_pipelines(kind: Kind) -> None:
    pipe = pipeline(kind)
    ids: dict[str, Any] = {
        "original_size": (40, 64),
        "crops_coords_top_left": (0, 0),
        "target_size": (40, 64),
        "dtype": torch.float32,
        "text_encoder_projection_dim": 32,
    }
    if kind == "refiner":
        ids |= {
            "aesthetic_score": 6.0,
            "negative_aesthetic_score": 2.5,
            "negative_original_size": (40, 64),
            "negative_crops_coords_top_left": (0, 0),
            "negative_target_size": (40, 64),
        }
        text, negative = pipe._get_add_time_ids(**ids)
    else:
        text = negative = pipe._get_add_time_ids(**ids)
    told = bundle(kind).encode_prompts(["a"], guided=True, height=40, width=64)
    assert told.uncond is not None
    assert same(told.time_ids, text)
    assert same(told.uncond.time_ids, negative)


def test_stacking_puts_the_unconditional_half_first() -> None:
    told = bundle("sdxl").encode_prompts(["a", "b"], guided=True, negative="dull")
    assert told.uncond is not None
    twice = told.stacked()
    assert twice.rows == 4
    assert torch.equal(twice.embeds[:2], told.uncond.embeds)
    assert torch.equal(twice.embeds[2:], told.embeds)
    inputs = twice.unet_inputs()["added_cond_kwargs"]
    assert inputs["text_embeds"].shape == (4, 32)
    assert inputs["time_ids"].shape == (4, 6)


def test_what_was_not_guided_cannot_be_stacked() -> None:
    with pytest.raises(ValueError, match="guided=True"):
        bundle("sd").encode_prompts(["a"], guided=False).stacked()


@settings(max_examples=20)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_selecting_rows_is_encoding_those_prompts(rows: list[int]) -> None:
    whole = bundle("sdxl").encode_prompts(PROMPTS[:4], guided=True, negative="dull")
    part = bundle("sdxl").encode_prompts(
        [PROMPTS[row] for row in rows], guided=True, negative="dull"
    )
    chosen = whole.select(rows)
    assert chosen.uncond is not None
    assert part.uncond is not None
    for mine, other in ((chosen, part), (chosen.uncond, part.uncond)):
        assert torch.equal(mine.embeds, other.embeds)
        assert same(mine.pooled, other.pooled)
        assert same(mine.time_ids, other.time_ids)


@pytest.mark.parametrize("guidance", [1.0, 4.5, 8.0])
@pytest.mark.parametrize("dim", [32, 33, 256])
def test_embedded_guidance_is_that_of_latent_consistency_models(guidance: float, dim: int) -> None:
    expected = LatentConsistencyModelPipeline.get_guidance_scale_embedding(
        None, torch.tensor([guidance - 1]), embedding_dim=dim
    )
    ours = guidance_embedding(guidance, 2, dim=dim, dtype=torch.float32, device="cpu")
    assert torch.equal(ours, expected.repeat(2, 1))
