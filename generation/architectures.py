"""The published networks by size and shape, held against a safetensors header without loading it.

Must not know torch, arms or where weights lie.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from generation.errors import WeightsRefusedError
from generation.preflight import HEADER, check_safetensors

Shape = tuple[int, ...]
_CROSS = "down_blocks.{}.attentions.0.transformer_blocks.0.attn2.to_k.weight"
# Kept in some files, computed in others: no part of the size.
_COMPUTED = "position_ids"


@dataclass(frozen=True)
class Architecture:
    """A network's number of parameters and a few shapes that tell it from its kin."""

    name: str
    parameters: int
    shapes: dict[str, Shape] = field(default_factory=dict)
    # Beginnings of the names of tensors that some files keep and nothing reads.
    unread: tuple[str, ...] = ()


_CONV_IN = "conv_in.weight"
SD15 = Architecture(
    "UNet of SD1.5", 859_520_964, {_CONV_IN: (320, 4, 3, 3), _CROSS.format(0): (320, 768)}
)
SDXL = Architecture(
    "UNet of SDXL", 2_567_463_684, {_CONV_IN: (320, 4, 3, 3), _CROSS.format(1): (640, 2048)}
)
LCM_SDXL = Architecture(
    "UNet of CD-SDXL, with embedded guidance",
    2_567_545_604,
    {_CROSS.format(1): (640, 2048), "time_embedding.cond_proj.weight": (320, 256)},
)
REFINER = Architecture(
    "UNet of the SDXL refiner",
    2_259_526_660,
    {_CONV_IN: (384, 4, 3, 3), _CROSS.format(1): (768, 1280)},
)
VAE = Architecture("VAE of SD1.5 and SDXL", 83_653_863, {"decoder.conv_out.weight": (3, 128, 3, 3)})
CLIP_L = Architecture("CLIP ViT-L/14 text encoder", 123_060_480)
CLIP_G = Architecture("OpenCLIP ViT-bigG/14 text encoder", 694_659_840)
IMAGEREWARD = Architecture(
    "ImageReward",
    446_206_689,
    {
        "blip.visual_encoder.pos_embed": (1, 197, 1024),
        "blip.text_encoder.embeddings.word_embeddings.weight": (30524, 768),
        "blip.text_encoder.encoder.layer.11.crossattention.self.key.weight": (768, 1024),
        "mlp.layers.0.weight": (1024, 768),
        "mlp.layers.7.weight": (1, 16),
    },
    unread=("blip.vision_proj.", "blip.text_proj."),
)

# The parts of each published pipeline, by the path that presets name it by.
_XL = {"vae": VAE, "text_encoder": CLIP_L, "text_encoder_2": CLIP_G}
PIPELINES: dict[str, dict[str, Architecture]] = {
    "stable-diffusion-v1-5/stable-diffusion-v1-5": {
        "unet": SD15,
        "vae": VAE,
        "text_encoder": CLIP_L,
    },
    "stabilityai/stable-diffusion-xl-base-1.0": {"unet": SDXL} | _XL,
    "stabilityai/sdxl-turbo": {"unet": SDXL} | _XL,
    "stabilityai/stable-diffusion-xl-refiner-1.0": {
        "unet": REFINER,
        "vae": VAE,
        "text_encoder_2": CLIP_G,
    },
}
UNETS: dict[str, Architecture] = {
    "cd_sd_v1.5_bs512_w8_ema0.9999.safetensors": SD15,
    "latent-consistency/lcm-sdxl": LCM_SDXL,
}
# Each published estimator, by the path that presets name it by.
SCORERS: dict[str, Architecture] = {"THUDM/ImageReward": IMAGEREWARD}


def shapes_of(files: Sequence[Path]) -> dict[str, Shape]:
    """Names and shapes of all tensors of a network, from the headers of its files.

    Raises:
        WeightsRefusedError: a file is not whole or not safetensors.
    """
    found: dict[str, Shape] = {}
    for file in files:
        check_safetensors(file)
        with file.open("rb") as opened:
            header = json.loads(opened.read(int.from_bytes(opened.read(HEADER), "little")))
        found |= {n: tuple(t["shape"]) for n, t in header.items() if n != "__metadata__"}
    return found


def refuse_other(shapes: dict[str, Shape], wanted: Architecture, *, place: Path) -> None:
    """Hold a network's shapes to what was published.

    Raises:
        WeightsRefusedError: another size, or another shape of a tensor that tells.
    """
    size = sum(
        math.prod(shape)
        for name, shape in shapes.items()
        if not name.endswith(_COMPUTED) and not name.startswith(wanted.unread)
    )
    faults = [
        f"{name} is {shapes.get(name, 'not there')}, not {shape}"
        for name, shape in wanted.shapes.items()
        if shapes.get(name) != shape
    ]
    if size != wanted.parameters:
        faults.append(f"{size:,} parameters, not {wanted.parameters:,}")
    if faults:
        raise WeightsRefusedError(
            f"{place} does not hold the {wanted.name}: {'; '.join(faults)}. Put the published "
            "weights there, or name others in a study of your own."
        )
