"""CLIP score and PickScore are what transformers' own model and processors give."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from generation.errors import WeightsRefusedError
from generation.estimators.clip import ClipScorer
from generation.tiny_scorers import Name, byte_tokenizer, save_tiny_scorer
from tests.generation.estimators.arrange import PROMPTS, pictures, rewrite, tiny

pytestmark = pytest.mark.torch


def by_transformers(folder: Path, prompts: list[str]) -> np.ndarray:
    """PickScore as its authors compute it, padded to the longest prompt and with a mask."""
    model = CLIPModel.from_pretrained(folder).eval()
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    images = processor([Image.fromarray(p) for p in pictures(len(prompts))], return_tensors="pt")
    texts = CLIPTokenizer.from_pretrained(folder)(
        prompts, padding=True, truncation=True, max_length=77, return_tensors="pt"
    )
    with torch.no_grad():
        return model(**images, **texts).logits_per_image.diagonal().numpy()


def test_pickscore_equals_the_model_of_transformers(tmp_path: Path) -> None:
    scores = tiny(tmp_path, "pickscore").score(PROMPTS, pictures(8))
    np.testing.assert_allclose(scores, by_transformers(tmp_path, PROMPTS), atol=1e-4)


def test_the_clip_score_is_the_cosine_under_the_logit(tmp_path: Path) -> None:
    square = [picture[:40, :40] for picture in pictures(8)]
    pick, cosine = (tiny(tmp_path, name).score(PROMPTS, square) for name in ("pickscore", "clip"))
    np.testing.assert_allclose(pick, 100 * cosine, rtol=1e-4, atol=1e-4)
    assert np.abs(cosine).max() <= 1


def test_what_is_past_the_77th_token_is_not_read(tmp_path: Path) -> None:
    scorer = tiny(tmp_path, "clip")
    same, too = scorer.score(["a " * 75, "a " * 99], [pictures(1)[0]] * 2)
    assert same == pytest.approx(too, abs=1e-6)


@pytest.mark.parametrize("name", ["clip", "pickscore"])
def test_counts_that_older_checkpoints_carry_are_ignored(name: Name, tmp_path: Path) -> None:
    before = tiny(tmp_path, name).score(["a"], pictures(1))

    def add(state: dict[str, Tensor]) -> None:
        state["text_model.embeddings.position_ids"] = torch.arange(77)[None]
        state["vision_model.embeddings.position_ids"] = torch.arange(17)[None]

    rewrite(tmp_path, add)
    assert tiny(tmp_path, name).score(["a"], pictures(1)) == pytest.approx(before, abs=1e-5)


def test_the_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    save_tiny_scorer(tmp_path, "clip", seed=5)
    tokenizer = byte_tokenizer()
    tokenizer.add_tokens(["cat"])
    tokenizer.add_special_tokens({"eos_token": "<|end|>"})
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(WeightsRefusedError, match="the tokenizer of this model"):
        tiny(tmp_path, "clip")


@pytest.mark.parametrize(("name", "alike"), [("clip", True), ("hpsv2", True), ("pickscore", False)])
def test_typographic_quotes_and_entities_are_read_as_open_clip_reads_them(
    name: Name, alike: bool, tmp_path: Path
) -> None:
    scorer, image = tiny(tmp_path, name), pictures(1)
    plain, typed = (scorer.score([p], image)[0] for p in ("'a' & \"b\"", "‘a’ &amp; “b”"))
    assert (abs(plain - typed) < 1e-5) == alike


def test_the_logit_scale_stays_in_float32(tmp_path: Path) -> None:
    scorer = tiny(tmp_path, "pickscore", dtype="bfloat16")
    assert isinstance(scorer, ClipScorer)
    assert scorer.model.logit_scale.dtype == torch.float32
    assert scorer.model.text_projection.weight.dtype == torch.bfloat16
