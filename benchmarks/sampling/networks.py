"""Random networks to measure: of SD1.5's and ImageReward's true sizes on a GPU, tiny on a CPU.
Must not know what is measured."""

import dataclasses
import functools
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from generation.bundle import Bundle
from generation.conditioning import PromptEncoder
from generation.estimators import blip, load_scorer
from generation.pipelines import load_bundle
from generation.spec import Estimator, Weights
from generation.tiny import save_tiny
from generation.tiny_scorers import save_imagereward, save_tiny_scorer

_folder = tempfile.TemporaryDirectory(prefix="random-models-")


def on_gpu() -> bool:
    return torch.cuda.is_available()


def describe() -> str:
    """The device and what ran on it."""
    name = torch.cuda.get_device_name() if on_gpu() else "CPU"
    packages = ", ".join(
        f"{package.__name__} {package.__version__}" for package in (torch, diffusers, transformers)
    )
    return f"{name}, {packages}, {torch.get_num_threads()} CPU threads"


@functools.cache
def tiny() -> Bundle:
    return load_bundle(Weights(path=str(save_tiny(Path(_folder.name) / "sd", "sd", seed=1))))


@functools.cache
def bundle(dtype: torch.dtype) -> Bundle:
    """Student and teacher alike; on a GPU of SD1.5's size, 859.5 M parameters in the UNet."""
    if not on_gpu():
        return tiny()
    device = torch.device("cuda")
    with torch.device(device), torch.random.fork_rng([device]):
        torch.manual_seed(1)
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            sample_size=512,
        )
        text = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=514,
                hidden_size=768,
                intermediate_size=3072,
                num_hidden_layers=12,
                num_attention_heads=12,
                bos_token_id=512,
                eos_token_id=513,
            )
        )
    parts = [part.to(dtype).eval().requires_grad_(False) for part in (unet, vae, text)]
    like = tiny()
    whole = dataclasses.replace(
        like,
        unet=parts[0].to(memory_format=torch.channels_last),
        vae=parts[1],
        text_encoders=[parts[2]],
        native_size=512,
        dtype=dtype,
        device=device,
    )
    encoder = PromptEncoder(whole.tokenizers, whole.text_encoders, xl=False, zero_empty=False)
    return dataclasses.replace(whole, prompts=encoder)


@functools.cache
def scorer(dtype: str) -> Any:
    """ImageReward: 446.7 M parameters on a GPU."""
    folder = Path(_folder.name) / "imagereward"
    if on_gpu():
        folder.mkdir(exist_ok=True)
        words: tuple[str, ...] = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
        words += tuple(f"word{i}" for i in range(30522 - len(words)))
        save_imagereward(folder, blip.Sizes(), vocabulary=words, seed=1)
    else:
        save_tiny_scorer(folder, "imagereward", seed=1)
    spec = Estimator(path=str(folder), dtype=dtype if on_gpu() else "float32")
    return load_scorer(spec, device="cuda" if on_gpu() else "cpu")


class Utilisation:
    """The device's utilisation as nvidia-smi tells it, sampled while a block runs."""

    def __init__(self) -> None:
        self.percent: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Utilisation":
        if on_gpu():
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if on_gpu():
            self._thread.join()

    def __str__(self) -> str:
        if not self.percent:
            return "no GPU"
        return f"GPU utilisation {sum(self.percent) / len(self.percent):.0f} %"

    def _watch(self) -> None:
        own = f"--id=GPU-{torch.cuda.get_device_properties().uuid}"
        query = "--query-gpu=utilization.gpu"
        asked = ["nvidia-smi", own, query, "--format=csv,noheader,nounits"]
        while not self._over.wait(0.2):
            said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
            self.percent.append(int(said))


def seconds(call: Callable[[], object], *, runs: int) -> tuple[float, Utilisation]:
    """Mean device time of a call over `runs` calls, after two that do not count.

    With it the device's utilisation during those calls.
    """
    call(), call()
    if on_gpu():
        torch.cuda.synchronize()
    with Utilisation() as used:
        start = time.perf_counter()
        for _ in range(runs):
            call()
        if on_gpu():
            torch.cuda.synchronize()
        took = time.perf_counter() - start
    return took / runs, used


def verdict(figure: float, *, goal: float) -> str:
    return "met" if figure >= goal else "missed"
