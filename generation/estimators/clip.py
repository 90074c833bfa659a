"""CLIP score and PickScore: how well prompt and picture agree, by a CLIP of transformers.

Must not know open_clip's format; `hpsv2` turns that into this.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from generation.errors import WeightsRefusedError
from generation.estimators.folders import Folder, fill
from generation.estimators.preprocess import Crop, pixels
from generation.estimators.scoring import DTYPES, check_pairs, finite
from generation.spec import Estimator

Like = Literal["open_clip", "transformers"]
CROPS: dict[Like, Crop] = {"open_clip": "round", "transformers": "floor"}
_STRAIGHT = dict.fromkeys([0x02BC, *range(0x2018, 0x201C)], "'") | dict.fromkeys(
    range(0x201C, 0x2020), '"'
)


@dataclass(frozen=True)
class ClipScorer:
    """A loaded CLIP. `score` as `Scorer` says.

    The score is the cosine of both embeddings; with `scaled`, times the learned exp(logit scale).
    """

    name: str
    digest: str
    model: CLIPModel
    tokenizer: CLIPTokenizer
    scaled: bool
    # Whose ways with pictures and prompts: open_clip's, or those of transformers' processor.
    like: Like

    def score(
        self, prompts: Sequence[str], images: Sequence[NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        check_pairs(prompts, images)
        if not prompts:
            return np.empty(0, np.float32)
        size = self.model.config.vision_config.image_size
        return self.of_pixels(
            prompts, torch.from_numpy(pixels(images, size, crop=CROPS[self.like]))
        )

    def of_pixels(self, prompts: Sequence[str], images: Tensor) -> NDArray[np.float32]:
        """Scores of preprocessed images, (n, 3, side, side)."""
        device = self.model.logit_scale.device
        if self.like == "open_clip":
            prompts = [cleaned(prompt) for prompt in prompts]
        ids = tokens(self.tokenizer, prompts, self.model.config.text_config).to(device)
        with torch.inference_mode():
            # transformers 5 hands out an output object here; its pooler_output is the projected
            # embedding, not yet of length one.
            read = self.model.get_text_features(input_ids=ids).pooler_output
            seen = self.model.get_image_features(pixel_values=images.to(device)).pooler_output
            scores = (normalize(read.float()) * normalize(seen.float())).sum(1)
            if self.scaled:
                scores = scores * self.model.logit_scale.exp()
        return finite(scores, estimator=self.name)


def cleaned(prompt: str) -> str:
    """The prompt with HTML entities read and typographic quotes made straight, as open_clip does.

    It leaves that to the ftfy package, which also repairs wrongly decoded text; that is not done
    here (no prompt of COCO 2014 or PartiPrompts asks for it).
    """
    return html.unescape(html.unescape(prompt)).translate(_STRAIGHT)


def tokens(tokenizer: CLIPTokenizer, prompts: Sequence[str], config: object) -> Tensor:
    """(n, context) token ids, always of full length.

    What stands after a text's end is never read (attention is causal and the embedding is taken at
    the end token), so no mask is needed and nobody's score depends on the batch's longest prompt.
    """
    context: int = config.max_position_embeddings  # type: ignore[attr-defined]
    ids: Tensor = tokenizer(
        list(prompts),
        padding="max_length",
        truncation=True,
        max_length=context,
        return_tensors="pt",
    )["input_ids"]
    return ids


def load_clip_score(spec: Estimator, folder: Folder, *, device: str) -> ClipScorer:
    """CLIP score: cosine. The paper's is of ViT-bigG-14 (laion2b_s39b_b160k) by open_clip.

    Raises:
        WeightsMissingError: a file is not there.
        WeightsRefusedError: a tensor is missing, unknown or of another shape.
    """
    return _load(spec, folder, device=device, scaled=False, like="open_clip")


def load_pickscore(spec: Estimator, folder: Folder, *, device: str) -> ClipScorer:
    """PickScore (v1 is a ViT-H-14): cosine times exp(logit scale), by transformers.

    Raises:
        WeightsMissingError: a file is not there.
        WeightsRefusedError: a tensor is missing, unknown or of another shape.
    """
    return _load(spec, folder, device=device, scaled=True, like="transformers")


def _load(spec: Estimator, folder: Folder, *, device: str, scaled: bool, like: Like) -> ClipScorer:
    config = CLIPConfig.from_json_file(folder.file("config.json"))
    # Older checkpoints carry these counts; models count for themselves now.
    state = {
        name: value
        for name, value in folder.state().items()
        if not name.endswith("embeddings.position_ids")
    }
    return ClipScorer(
        name=spec.name,
        digest=folder.digest_of(spec),
        model=filled(config, state, spec, device=device),
        tokenizer=tokenizer_of(folder, config),
        scaled=scaled,
        like=like,
    )


def filled(
    config: CLIPConfig, state: dict[str, Tensor], spec: Estimator, *, device: str
) -> CLIPModel:
    """A CLIP that holds exactly `state`, in `spec.dtype` but for its logit scale."""
    with torch.device("meta"):
        model = CLIPModel(config)
    fill(model, state, dtype=DTYPES[spec.dtype], device=device, precise=("logit_scale",))
    return model


def tokenizer_of(folder: Folder, config: CLIPConfig) -> CLIPTokenizer:
    """CLIP's byte pairs: `vocab.json` and `merges.txt`, or `tokenizer.json`, beside the weights."""
    if not (folder.path / "tokenizer.json").is_file():
        folder.file("vocab.json")
        folder.file("merges.txt")
    tokenizer = CLIPTokenizer.from_pretrained(folder.path, local_files_only=True)
    end = tokenizer.eos_token_id
    size = config.text_config.vocab_size
    # The embedding is read where the end token stands. Old configs say 2 and mean the highest id.
    if end != size - 1 or config.text_config.eos_token_id not in (2, end):
        raise WeightsRefusedError(
            f"the tokenizer in {folder.path} ends a text with token {end}, the model with "
            f"{config.text_config.eos_token_id}; it must be the last of the model's {size} tokens. "
            "Put the tokenizer of this model there."
        )
    return tokenizer
