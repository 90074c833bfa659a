"""A published pipeline into a `Bundle`: every part found, checked, hashed and loaded strictly.

Must not know samplers, arms or thresholds, nor fetch anything.
"""

from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    PreTrainedTokenizerFast,
)
from transformers.utils.logging import disable_progress_bar

from generation.bundle import Bundle, Family
from generation.codec import PixelCodec
from generation.components import frozen, load_network, load_unet, merge_lora, placed
from generation.conditioning import PromptEncoder
from generation.errors import WeightsRefusedError
from generation.spec import Weights
from generation.weights import (
    MODELS,
    TOKENIZERS,
    class_names,
    component_digests,
    places_of,
    read_json,
    refuse_other_hash,
    together,
    weights_digest,
)

__all__ = ["Bundle", "Family", "load_bundle", "weights_digest"]

# A bar per file is noise in a worker's log.
disable_progress_bar()

# The classes behind the only names that an index may give (`weights.CLASS_NAMES`).
_CLASSES: dict[str, Any] = {
    "UNet2DConditionModel": UNet2DConditionModel,
    "AutoencoderKL": AutoencoderKL,
    "ControlNetModel": ControlNetModel,
    "PixelCodec": PixelCodec,
    "CLIPTextModel": CLIPTextModel,
    "CLIPTextModelWithProjection": CLIPTextModelWithProjection,
    # transformers had a slow and a fast class of it; indices name either.
    "CLIPTokenizer": CLIPTokenizer,
    "CLIPTokenizerFast": CLIPTokenizer,
    # A tokenizer.json of any kind: data, no code.
    "PreTrainedTokenizerFast": PreTrainedTokenizerFast,
    "TokenizersBackend": PreTrainedTokenizerFast,
}
_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def load_bundle(
    weights: Weights,
    *,
    device: str | torch.device = "cpu",
    folder_of: Callable[[str], Path] | None = None,
    shared: MutableMapping[str, Any] | None = None,
) -> Bundle:
    """The pipeline that `weights` pins, from this machine's disk.

    Args:
        device: where its networks go.
        folder_of: where this installation keeps a path that is not there as it stands.
        shared: networks by digest, dtype and device. Bundles loaded with one mapping share equal
            text encoders and VAEs; a `WeakValueDictionary` lets them go with the last bundle.

    Raises:
        WeightsMissingError: something is not on this machine; says what, where it was looked for
            and what to do.
        WeightsRefusedError: not what was asked for (hash, keys, shapes, class), not pinned, or a
            pickle.
    """
    folder, unet_at, lora_at = places_of(weights, folder_of=folder_of)
    index = read_json(folder / "model_index.json")
    named = class_names(index, folder)
    classes = {part: _CLASSES[name] for part, name in named.items()}
    digests = component_digests(folder, variant=weights.variant, unet=unet_at, lora=lora_at)
    digest = together(digests)
    refuse_other_hash(folder, digest, asked=weights.sha256, what="pipeline")
    dtype, device = _DTYPES[weights.dtype], torch.device(device)
    xl = "text_encoder_2" in classes
    networks = {
        name: _network(
            name,
            classes[name],
            folder,
            digest=digests[name],
            dtype=_dtype_of(name, folder, dtype=dtype, xl=xl),
            device=device,
            variant=weights.variant,
            shared=shared,
        )
        for name in MODELS
        if name in classes and name != "unet"
    }
    unet = _unet(folder, classes["unet"], unet_at, lora_at, dtype=dtype, weights=weights, xl=xl)
    tokenizers = [
        classes[name].from_pretrained(folder / name, local_files_only=True)
        for name in TOKENIZERS
        if name in classes
    ]
    scheduler_config = read_json(folder / "scheduler" / "scheduler_config.json")
    vae, factor = networks["vae"], _factor(networks["vae"])
    aesthetics = bool(index.get("requires_aesthetics_score", False))
    text_encoders = [networks[n] for n in ("text_encoder", "text_encoder_2") if n in networks]
    zero_empty = xl and bool(index.get("force_zeros_for_empty_prompt", True))
    if xl:
        _check_size_ids(unet, networks["text_encoder_2"], aesthetics=aesthetics, folder=folder)
    return Bundle(
        unet=placed(unet, device),
        vae=vae,
        tokenizers=tokenizers,
        text_encoders=text_encoders,
        controlnet=networks.get("controlnet"),
        scheduler_config=scheduler_config,
        family=_family(vae, xl=xl, aesthetics=aesthetics),
        scaling=float(vae.config.scaling_factor),
        latent_channels=int(unet.config.in_channels),
        vae_factor=factor,
        native_size=int(unet.config.sample_size) * factor,
        prediction_type=str(scheduler_config.get("prediction_type", "epsilon")),
        requires_aesthetics=aesthetics,
        guidance_dim=unet.config.time_cond_proj_dim,
        weights=digests,
        digest=digest,
        path=str(folder),
        revision=weights.revision,
        dtype=dtype,
        device=device,
        prompts=PromptEncoder(tokenizers, text_encoders, xl=xl, zero_empty=zero_empty),
    )


def _dtype_of(name: str, folder: Path, *, dtype: torch.dtype, xl: bool) -> torch.dtype:
    """SDXL's VAE overflows in fp16 unless its config says it was mended; bf16 has the range."""
    if name == "vae" and xl and dtype == torch.float16:
        config = read_json(folder / "vae" / "config.json")
        return torch.float32 if config.get("force_upcast", True) else dtype
    return dtype


def _network(
    name: str,
    build: Any,
    folder: Path,
    *,
    digest: str,
    dtype: torch.dtype,
    device: torch.device,
    variant: str,
    shared: MutableMapping[str, Any] | None,
) -> Any:
    key = f"{name} {digest} {dtype} {device}"
    network = None if shared is None else shared.get(key)
    if network is None:
        part = folder / name
        network = load_network(build, part, dtype=dtype, variant=variant, called=f"the {name}")
        network = placed(network, device)
        if shared is not None:
            shared[key] = network
    return network


def _unet(
    folder: Path,
    build: Any,
    unet_at: Path | None,
    lora_at: Path | None,
    *,
    dtype: torch.dtype,
    weights: Weights,
    xl: bool,
) -> Any:
    # Adapters are merged in fp32 and rounded once, not on top of rounded weights.
    load_as = torch.float32 if lora_at is not None else dtype
    if unet_at is None:
        unet: Any = load_network(
            build, folder / "unet", dtype=load_as, variant=weights.variant, called="the UNet"
        )
    else:
        base = read_json(folder / "unet" / "config.json") if unet_at.is_file() else {}
        unet = load_unet(unet_at, build, base_config=base, dtype=load_as)
    if lora_at is not None:
        merge_lora(unet, lora_at, xl=xl)
    return frozen(unet if unet.dtype == dtype else unet.to(dtype))


def _check_size_ids(unet: Any, text_encoder: Any, *, aesthetics: bool, folder: Path) -> None:
    """SDXL's base hears six numbers, its refiner five; neither fits the other's pipeline."""
    hears = unet.config.projection_class_embeddings_input_dim or 0
    dim = unet.config.addition_time_embed_dim or 0
    told = (5 if aesthetics else 6) * dim + text_encoder.config.projection_dim
    if hears != told:
        raise WeightsRefusedError(
            f"the UNet of {folder} hears {hears} numbers beside the text, this pipeline tells it "
            f"{told} (requires_aesthetics_score={aesthetics}). Use the base's UNet with the base's "
            "pipeline and the refiner's with the refiner's."
        )


def _family(vae: Any, *, xl: bool, aesthetics: bool) -> Family:
    if isinstance(vae, PixelCodec):
        return "pixel"
    if not xl:
        return "sd"
    return "refiner" if aesthetics else "sdxl"


def _factor(vae: Any) -> int:
    return int(2 ** (len(vae.config.block_out_channels) - 1))
