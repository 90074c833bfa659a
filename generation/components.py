"""Networks from safetensors, strictly: every key there, none too many, every shape right.

Must not know pipelines, prompts or samplers; a network that was half loaded must not leave here.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from generation.errors import WeightsRefusedError
from generation.weights import LORA_NAMES, one_file, read_json, weight_files

# Buffers that older files carry and newer classes compute.
_COMPUTED = re.compile(r"(^|\.)embeddings\.position_ids$")
_ADAPTED = re.compile(r"(?P<module>.+)\.lora_(?P<side>[AB])\.weight")


def shapes_in(file: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes from a safetensors file's header; no value is read.

    Raises:
        WeightsRefusedError: the file is not safetensors, whatever it is called, or is cut short.
    """
    try:
        with safe_open(file, framework="pt") as opened:
            return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except SafetensorError as broken:
        raise WeightsRefusedError(
            f"{file} is not a whole safetensors file ({broken}). Copy it again; a pickle stays "
            "one under any name."
        ) from None


def load_network(
    build: Any, folder: Path, *, dtype: torch.dtype, variant: str = "", called: str
) -> nn.Module:
    """The network in a component's folder, by the class that the pipeline's index names.

    Args:
        build: a model class of diffusers or transformers.
        called: how messages name it.

    Raises:
        WeightsRefusedError: missing or unknown keys, wrong shapes, another class, or a pickle.
    """
    for file in weight_files(folder, variant=variant):
        shapes_in(file)
    config = read_json(folder / "config.json")
    # Only diffusers writes the class itself; what transformers writes may be a larger model's.
    if (named := config.get("_class_name")) not in (None, build.__name__):
        raise WeightsRefusedError(
            f"{called} in {folder} says it is a {named}; needed is a {build.__name__}. "
            "Give a pipeline of the family that the arm asks for."
        )
    of_diffusers = build.__module__.startswith("diffusers.")
    network, found = build.from_pretrained(
        folder,
        variant=variant or None,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # listed below, all at once, and refused
        **{"torch_dtype" if of_diffusers else "dtype": dtype},
    )
    _refuse_unless_whole(
        called,
        folder,
        missing=found["missing_keys"],
        unknown=[key for key in found["unexpected_keys"] if not _COMPUTED.search(key)],
        wrong=[
            f"{key} {tuple(had)} for {tuple(is_)}" for key, had, is_ in found["mismatched_keys"]
        ],
    )
    return frozen(network)


def load_unet(
    place: Path, build: Any, *, base_config: Mapping[str, Any], dtype: torch.dtype
) -> nn.Module:
    """A UNet that comes alone: a folder with its config, or a bare file of the base's architecture.

    Raises:
        WeightsRefusedError: as `load_network`.
    """
    if place.is_dir():
        return load_network(build, place, dtype=dtype, called="the UNet")
    file = one_file(place, names=())
    here = shapes_in(file)
    with torch.device("meta"):
        network = build.from_config(dict(base_config))
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    _refuse_unless_whole(
        "the UNet",
        file,
        missing=wanted.keys() - here.keys(),
        unknown=here.keys() - wanted.keys(),
        wrong=[
            f"{name} {here[name]} for {wanted[name]}"
            for name in wanted.keys() & here.keys()
            if here[name] != wanted[name]
        ],
    )
    network.load_state_dict(load_file(file), strict=True, assign=True)
    return frozen(network if network.dtype == dtype else network.to(dtype))


def merge_lora(unet: Any, place: Path, *, xl: bool) -> str:
    """Add LoRA adapters into the UNet's own weights, in place, and give the file they came from.

        W <- W + (alpha / rank) B A

    Merged, not toggled: the network stays an ordinary one that can be compiled, and a teacher of
    the same base has a UNet of its own. `unet` should be in fp32 here; cast it afterwards.

    Raises:
        WeightsRefusedError: a key that names no layer of this UNet (adapters of text encoders are
            not supported), half an adapter, or a shape that does not fit.
    """
    from diffusers.loaders import StableDiffusionLoraLoaderMixin, StableDiffusionXLLoraLoaderMixin

    file = one_file(place, names=LORA_NAMES)
    shapes_in(file)
    mixin = StableDiffusionXLLoraLoaderMixin if xl else StableDiffusionLoraLoaderMixin
    state, alphas = mixin.lora_state_dict(load_file(file), unet_config=unet.config)
    _check_lora(unet, state, file)
    unet.load_lora_adapter(state, prefix="unet", network_alphas=alphas, adapter_name="student")
    unet.fuse_lora(adapter_names=["student"], safe_fusing=True)
    unet.unload_lora()
    return str(file)


def _check_lora(unet: Any, state: Mapping[str, Tensor], file: Path) -> None:
    from diffusers.utils import convert_unet_state_dict_to_peft

    modules = dict(unet.named_modules())
    sides: dict[str, dict[str, Tensor]] = {}
    unknown = [key for key in state if not key.startswith("unet.")]
    own = {key.removeprefix("unet."): value for key, value in state.items() if key not in unknown}
    for key, value in convert_unet_state_dict_to_peft(own).items():
        matched = _ADAPTED.fullmatch(key)
        if matched is None or matched["module"] not in modules:
            unknown.append(key)
        else:
            sides.setdefault(matched["module"], {})[matched["side"]] = value
    missing = [
        f"{name}.lora_{side}.weight"
        for name, pair in sides.items()
        for side in "AB"
        if side not in pair
    ]
    wrong = []
    for name, pair in sides.items():
        layer = modules[name].weight
        if len(pair) == 2:
            down, up = pair["A"], pair["B"]
            fits = (up.shape[0], down.shape[1], up.shape[1]) == (*layer.shape[:2], down.shape[0])
            if not fits:
                wrong.append(
                    f"{name} {tuple(up.shape)} x {tuple(down.shape)} for {tuple(layer.shape)}"
                )
    if not sides and not unknown:
        missing.append("any adapter")
    _refuse_unless_whole("the LoRA adapter", file, missing=missing, unknown=unknown, wrong=wrong)


def placed(network: nn.Module, device: torch.device) -> nn.Module:
    """The network on `device`, in memory of its own.

    safetensors maps the file into memory. A weight would then lie as the file's header happens to
    align it (and its last bits of arithmetic with it), and change when the file is written over.
    """
    network = network.to(device)
    if device.type == "cpu":
        with torch.no_grad():
            for value in (*network.parameters(), *network.buffers()):
                value.data = value.data.clone()
    return network


def frozen(network: nn.Module) -> nn.Module:
    """For inference only: no dropout, no gradients."""
    return network.eval().requires_grad_(False)


def _refuse_unless_whole(
    called: str,
    place: Path,
    *,
    missing: Iterable[str],
    unknown: Iterable[str],
    wrong: Iterable[str],
) -> None:
    faults = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
        for what, names in (
            ("missing", sorted(missing)),
            ("unknown", sorted(unknown)),
            ("of the wrong shape", sorted(wrong)),
        )
        if names
    ]
    if faults:
        raise WeightsRefusedError(
            f"{called} in {place} does not fit, key by key: {'; '.join(faults)}. These are weights "
            "of another architecture or a damaged copy; give those of the model that is named."
        )
