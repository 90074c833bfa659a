"""The world's networks as a folder: loaded by diffusers as by us, and sampled alike."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline

from generation.noise import draw, stage_seed
from generation.pipelines import load_bundle
from generation.reference.s1 import models, trial, words
from generation.spec import Student, Teacher, Weights

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    network = models.TextToImage(len(models.tokenizer()))
    return models.save(network, tmp_path_factory.mktemp("s1"))


def test_every_word_is_one_token_and_no_word_is_unknown():
    reader = models.tokenizer()
    for text in words.book().captions[::37]:
        numbers = reader(text).input_ids
        assert len(numbers) == len(text.split()) + 2
        assert reader.unk_token_id not in numbers


def test_no_caption_is_cut_off():
    reader = models.tokenizer()
    longest = max(words.book().captions, key=lambda text: len(text.split()))
    assert len(reader(longest).input_ids) <= models.LENGTH


def test_the_networks_have_the_size_that_was_measured():
    network = models.TextToImage(len(models.tokenizer()))
    counted = [sum(p.numel() for p in part.parameters()) for part in (network.unet, network.text)]
    assert counted[0] == 3_957_580
    assert counted[1] == pytest.approx(103_000, rel=0.02)


def test_pixels_become_latents_and_come_back(folder):
    bundle = load_bundle(Weights(path=str(folder)), device="cpu")
    pictures = np.random.default_rng(0).random((3, 16, 16, 3), dtype=np.float32)
    latents = models.pixels_to_latents(torch.from_numpy(pictures))
    assert latents.shape == (3, *bundle.latent_shape())
    assert np.abs(bundle.decode(latents) / 255 - pictures).max() <= 0.5 / 255 + 1e-6


def test_our_teacher_samples_what_diffusers_own_pipeline_samples(folder):
    pipeline = DiffusionPipeline.from_pretrained(
        folder, local_files_only=True, use_safetensors=True
    )
    pipeline.set_progress_bar_config(disable=True)
    bundle = load_bundle(Weights(path=str(folder)), device="cpu")
    prompts = words.prompts("test", 2, seed=0)
    spec = Teacher(model=Weights(path=str(folder)), steps=5, guidance=2.0)
    ours = trial.sampled(bundle, spec, prompts, seed=3)
    seeds = [_seed_of(text) for text in prompts]
    theirs = pipeline(
        prompts,
        num_inference_steps=5,
        guidance_scale=2.0,
        height=16,
        width=16,
        latents=draw(seeds, bundle.latent_shape()),
        output_type="np",
    ).images
    assert np.abs(ours / 255 - theirs).max() < 1.5 / 255


def _seed_of(text: str) -> int:
    import hashlib

    digest = hashlib.sha256(text.encode()).hexdigest()
    return stage_seed(3, digest, replica=0, stage="initial")


def test_a_sample_does_not_depend_on_its_neighbours(folder):
    weights = Weights(path=str(folder))
    bundle = load_bundle(weights, device="cpu")
    prompts = words.prompts("test", 3, seed=0)
    for spec in (
        Teacher(model=weights, steps=2, guidance=1.5),
        Student(model=weights, steps=2, guidance=1.0),
    ):
        together = trial.sampled(bundle, spec, prompts, seed=0).astype(int)
        alone = trial.sampled(bundle, spec, prompts[1:2], seed=0).astype(int)
        assert np.abs(together[1] - alone[0]).max() <= 1
