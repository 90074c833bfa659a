"""Pipelines of a few thousand random weights in the very format of the real ones, in a second.

For tests, trials and benchmarks' small runs. Must not know samplers, scorers or where it is used.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    UNet2DConditionModel,
)
from diffusers import __version__ as diffusers_version
from safetensors.torch import save_file
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)
from transformers.utils.logging import disable_progress_bar

from generation.codec import PixelCodec

disable_progress_bar()

Kind = Literal["sd", "sdxl", "refiner", "lcm", "lcm-sdxl", "controlnet", "pixel"]
KINDS: tuple[Kind, ...] = ("sd", "sdxl", "refiner", "lcm", "lcm-sdxl", "controlnet", "pixel")
# Of SDXL's form: two text encoders, numbers beside the text.
_XL = ("sdxl", "refiner", "lcm-sdxl")

# Latents of 8 x 8, so pictures of 64 x 64.
_SAMPLE = 8
_TEXT = 32
_TIME_IDS = 8
_SCHEDULE: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "timestep_spacing": "leading",
}
_PIPELINES = {
    "sd": "StableDiffusionPipeline",
    "lcm": "LatentConsistencyModelPipeline",
    "controlnet": "StableDiffusionControlNetPipeline",
    "pixel": "StableDiffusionPipeline",
    "sdxl": "StableDiffusionXLPipeline",
    "refiner": "StableDiffusionXLImg2ImgPipeline",
    "lcm-sdxl": "StableDiffusionXLPipeline",
}


def save_tiny(folder: Path, kind: Kind, *, seed: int, prediction_type: str = "epsilon") -> Path:
    """Write a pipeline of random weights into `folder` and return it.

    The same kind, seed and prediction type give the same bytes. Pictures are 64 x 64 pixels, the
    VAE shrinks by 8 as the real ones do, the tokenizer knows bytes (75 letters fill it).

    Args:
        folder: made if it is not there.
        kind: `lcm` and `lcm-sdxl` have the guidance embedding of latent consistency models;
            `controlnet` is `sd` with a ControlNet beside it; `pixel` is like the reference
            world's, 16 x 16 pixels.
        seed: of the weights; nothing else in the process is re-seeded.
        prediction_type: epsilon, v_prediction or sample.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is no tiny pipeline; allowed: {', '.join(KINDS)}.")
    folder.mkdir(parents=True, exist_ok=True)
    xl = kind in _XL
    index: dict[str, Any] = {
        "_class_name": _PIPELINES[kind],
        "_diffusers_version": diffusers_version,
    }
    if xl:
        index["force_zeros_for_empty_prompt"] = kind != "refiner"
        if kind == "refiner":
            index["requires_aesthetics_score"] = True
        # Else the pipelines of diffusers look for the watermark package.
        index["add_watermarker"] = False
    else:
        index["requires_safety_checker"] = False

    def keep(name: str, part: Any, library: str = "diffusers") -> None:
        part.save_pretrained(folder / name)
        index[name] = [library, type(part).__name__]

    with _seeded(seed):
        unet = _unet(kind)
        keep("unet", unet)
        if kind == "pixel":
            keep("vae", PixelCodec(), "generation.codec")
        else:
            keep("vae", _vae(scaling_factor=0.13025 if xl else 0.18215))
        if kind != "refiner":
            keep("text_encoder", _text(CLIPTextModel), "transformers")
            keep("tokenizer", _tokenizer(), "transformers")
        else:
            index |= {"text_encoder": [None, None], "tokenizer": [None, None]}
        if xl:
            keep("text_encoder_2", _text(CLIPTextModelWithProjection), "transformers")
            keep("tokenizer_2", _tokenizer(), "transformers")
        if kind == "controlnet":
            # Four entries: with two the conditioning image is shrunk by the wrong factor.
            keep(
                "controlnet",
                ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8, 16, 16)),
            )
    keep("scheduler", _scheduler(kind, prediction_type))
    for name in ("image_encoder", "feature_extractor", "safety_checker"):
        index.setdefault(name, [None, None])
    if xl:
        del index["safety_checker"]
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    return folder


def save_tiny_unet(folder: Path, kind: Kind, *, seed: int) -> Path:
    """Write only a UNet that fits `save_tiny(..., kind)`, as a distilled student comes: with its
    config, in `folder` itself."""
    with _seeded(seed):
        _unet(kind).save_pretrained(folder)
    return folder


def save_tiny_lora(folder: Path, kind: Kind, *, seed: int, rank: int = 4) -> Path:
    """Write LoRA adapters for the attention of `save_tiny(..., kind)`'s UNet, not zero anywhere."""
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    with _seeded(seed):
        unet = _unet(kind)
        unet.add_adapter(
            LoraConfig(
                r=rank,
                lora_alpha=rank,
                target_modules=["to_q", "to_k", "to_v", "to_out.0"],
                init_lora_weights="gaussian",
            )
        )
        state = get_peft_model_state_dict(unet)
        # As initialised B is zero and the adapter does nothing.
        state = {name: 0.1 * torch.randn_like(value) for name, value in state.items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {f"unet.{name}": value for name, value in state.items()},
        folder / "pytorch_lora_weights.safetensors",
        metadata={"format": "pt"},
    )
    return folder


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Weights from `seed`, and the process's own generator afterwards as it was before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _unet(kind: Kind) -> Any:
    extra: dict[str, Any] = {}
    if kind in _XL:
        # The refiner is told five numbers (the last an aesthetic score), the base six.
        numbers = 5 if kind == "refiner" else 6
        extra = {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": _TIME_IDS,
            "projection_class_embeddings_input_dim": numbers * _TIME_IDS + _TEXT,
        }
    if kind in ("lcm", "lcm-sdxl"):
        extra["time_cond_proj_dim"] = 32
    if kind == "pixel":
        extra = {
            "in_channels": 12,
            "out_channels": 12,
            "addition_embed_type": "text",
            "addition_embed_type_num_heads": 4,
        }
    return UNet2DConditionModel(
        sample_size=_SAMPLE,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=8,
        cross_attention_dim=2 * _TEXT if kind in ("sdxl", "lcm-sdxl") else _TEXT,
        norm_num_groups=8,
        **extra,
    )


def _vae(*, scaling_factor: float) -> Any:
    return AutoencoderKL(
        block_out_channels=(16,) * 4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=64,
        scaling_factor=scaling_factor,
    )


def _text(build: Callable[..., Any]) -> Any:
    return build(
        CLIPTextConfig(
            vocab_size=514,
            hidden_size=_TEXT,
            intermediate_size=37,
            num_hidden_layers=2,
            num_attention_heads=4,
            projection_dim=_TEXT,
            bos_token_id=512,
            eos_token_id=513,
            pad_token_id=513,
        )
    )


def _tokenizer() -> Any:
    """Every byte, alone and at a word's end; no merges, so that nothing need be downloaded."""
    letters = _byte_letters()
    vocab = {letter: i for i, letter in enumerate(letters)}
    vocab |= {letter + "</w>": 256 + i for i, letter in enumerate(letters)}
    vocab |= {"<|startoftext|>": 512, "<|endoftext|>": 513}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77)


def _byte_letters() -> list[str]:
    """The printable stand-ins of the 256 bytes in byte-level tokenizers (GPT-2's table)."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    spare = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(spare)) for byte in range(256)]


def _scheduler(kind: Kind, prediction_type: str) -> Any:
    if kind in ("sdxl", "refiner"):
        return EulerDiscreteScheduler(**_SCHEDULE, prediction_type=prediction_type)
    if kind in ("lcm", "lcm-sdxl"):
        without = {k: v for k, v in _SCHEDULE.items() if k != "steps_offset"}
        return LCMScheduler(**without, prediction_type=prediction_type)
    return DDIMScheduler(
        **_SCHEDULE, clip_sample=False, set_alpha_to_one=False, prediction_type=prediction_type
    )
