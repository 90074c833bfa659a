"""Where weights lie and that they are the ones asked for: folders, the hub's local cache, SHA-256.

Must not know torch, open anything that could run code, or fetch anything.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from generation.errors import WeightsMissingError, WeightsRefusedError
from generation.reference.packaged import PACKAGED

# model.safetensors, diffusion_pytorch_model.fp16.safetensors, …-00001-of-00002.safetensors
_SAFE = re.compile(
    r"(?:diffusion_pytorch_)?model(?:\.(?P<variant>[A-Za-z0-9_]+))?(?:-\d{5}-of-\d{5})?\.safetensors"
)
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
MODELS = ("unet", "vae", "text_encoder", "text_encoder_2", "controlnet")
TOKENIZERS = ("tokenizer", "tokenizer_2")
LORA_NAMES = ("pytorch_lora_weights.safetensors", "adapter_model.safetensors")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
CONVERT = "convert it once with `manage.py convert_checkpoint`"


def locate(
    path: str,
    *,
    revision: str = "",
    sha256: str = "",
    folder_of: Callable[[str], Path] | None = None,
) -> Path:
    """The folder or file that `path` names on this machine.

    Args:
        path: a folder, a file, or a hub id (`owner/name`) that is in the hub's local cache.
        revision: commit of a hub id, 40 hexadecimal digits.
        sha256: of the whole, when known: it pins a hub id as well as a commit does.
        folder_of: where this installation keeps a path that is neither absolute nor here.

    Raises:
        WeightsMissingError: there is no such folder, or the hub's cache lacks it.
        WeightsRefusedError: a hub id with nothing to pin it: another model tomorrow.
    """
    looked = [Path(path).expanduser()]
    if folder_of is not None and folder_of(path) not in looked:
        looked.append(folder_of(path))
    # A folder of the program's own, into which nobody else is told to put anything.
    packaged = [] if looked[0].is_absolute() else [PACKAGED / path]
    for place in [*looked, *packaged]:
        if place.exists():
            return place
    if not _HUB_ID.fullmatch(path):
        places = " and ".join(str(place.absolute()) for place in looked)
        raise WeightsMissingError(
            f"no weights at {path!r}: looked at {places}. Put it there, or name another."
        )
    if not (_COMMIT.fullmatch(revision) or sha256):
        raise WeightsRefusedError(
            f"{path!r} is a hub id with revision={revision!r}, which may name other weights "
            "tomorrow. Give the commit as revision (40 hexadecimal digits), or the sha256 of the "
            "weights, or the path of a folder."
        )
    return _in_cache(path, revision)


def _in_cache(repo: str, revision: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repo, revision=revision or None, local_files_only=True))
    except LocalEntryNotFoundError:
        at = f" at revision {revision}" if revision else ""
        raise WeightsMissingError(
            f"no weights for {repo!r}{at}: neither a folder of that name nor the hub's cache "
            f"({HF_HUB_CACHE}) has them, and Triptych fetches nothing by itself. Run "
            f"`hf download {repo}{' --revision ' + revision if revision else ''}` on this "
            "machine, or give the path of a folder."
        ) from None


def weight_files(folder: Path, *, variant: str = "") -> list[Path]:
    """The safetensors files of one component, shards included.

    Raises:
        WeightsMissingError: the folder is not there or holds no weights of this variant.
        WeightsRefusedError: its weights come as pickles only.
    """
    if not folder.is_dir():
        raise WeightsMissingError(
            f"{folder} is not there, though the pipeline names it as a part. Copy the pipeline "
            "again, whole."
        )
    named = {file: _SAFE.fullmatch(file.name) for file in sorted(folder.iterdir())}
    found = [file for file, m in named.items() if m and (m["variant"] or "") == variant]
    if found:
        return found
    asked = f"weights of variant {variant!r}" if variant else "weights"
    if others := [file.name for file, m in named.items() if m]:
        raise WeightsMissingError(
            f"{folder} has no {asked}; it has {', '.join(others)}. Set `variant` to what is there."
        )
    if pickles := [file.name for file in named if file.suffix.lower() in PICKLES]:
        raise WeightsRefusedError(
            f"{folder / pickles[0]} is a pickle, which can run code when it is opened; only "
            f"safetensors are loaded. Get the safetensors file of this model, or {CONVERT}."
        )
    raise WeightsMissingError(
        f"{folder} has no {asked}: looked for model.safetensors and "
        "diffusion_pytorch_model.safetensors. Copy the pipeline again, whole."
    )


def one_file(path: Path, *, names: Iterable[str]) -> Path:
    """The one safetensors file of an adapter or a bare network: `path` itself or in that folder."""
    if path.is_dir():
        for name in names:
            if (path / name).is_file():
                return path / name
        return weight_files(path)[0]
    if path.suffix.lower() != ".safetensors":
        raise WeightsRefusedError(
            f"{path} is not a safetensors file, and other formats can run code when they are "
            f"opened. If it is a published checkpoint, {CONVERT}."
        )
    return path


def read_json(file: Path) -> dict[str, Any]:
    """A config of a pipeline; refused with its name when it cannot be read."""
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsMissingError(
            f"{file} is not there. A pipeline in diffusers format has it; copy it again, whole."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as broken:
        raise WeightsRefusedError(f"{file} is not JSON ({broken}). Copy it again.") from None
    if not isinstance(read, dict):
        raise WeightsRefusedError(f"{file} holds a {type(read).__name__}, not settings.")
    return read


def sha256_of(file: Path) -> str:
    """The file's SHA-256, as `sha256sum` prints it."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def together(digests: dict[str, str]) -> str:
    """One digest over names and digests, whatever their order: of a component, of a pipeline."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def component_digests(
    folder: Path, *, variant: str = "", unet: Path | None = None, lora: Path | None = None
) -> dict[str, str]:
    """SHA-256 of every part of a pipeline that a load reads, by the part's name.

    Configs, tokenizers and the scheduler count as well as weights: a picture depends on them. What
    is never read (safety checker, feature extractor, other variants) does not count.

    Args:
        folder: of the pipeline.
        variant: of its weight files.
        unet: a network in the place of the pipeline's own, a folder or a file.
        lora: adapters on top, a folder or a file.
    """
    index = read_json(folder / "model_index.json")
    digests = {"model_index": _digest_of([folder / "model_index.json"])}
    for name in (*MODELS, *TOKENIZERS, "scheduler"):
        if index.get(name, [None])[0] is not None and not (name == "unet" and unet):
            digests[name] = _digest_of(_read_of(folder / name, name=name, variant=variant))
    if unet is not None:
        digests["unet"] = _digest_of(network_files(unet))
    if lora is not None:
        digests["lora"] = _digest_of([one_file(lora, names=LORA_NAMES)])
    return digests


def network_files(place: Path) -> list[Path]:
    """What is read of a network that comes alone: its safetensors file, or a folder with config."""
    if place.is_dir():
        return [place / "config.json", *weight_files(place)]
    return [one_file(place, names=())]


def _read_of(place: Path, *, name: str, variant: str) -> list[Path]:
    if name == "scheduler":
        return [place / "scheduler_config.json"]
    if name in TOKENIZERS:
        files = sorted(place.glob("*")) if place.is_dir() else []
        return [file for file in files if file.suffix in (".json", ".txt")] or [place]
    return [place / "config.json", *weight_files(place, variant=variant)]


def _digest_of(files: Iterable[Path]) -> str:
    for file in (files := list(files)):
        if not file.is_file():
            raise WeightsMissingError(
                f"{file} is not there, and the pipeline needs it. Copy the pipeline again, whole."
            )
    return together({file.name: sha256_of(file) for file in files})


def weights_digest(
    folder: Path, *, variant: str = "", unet: Path | None = None, lora: Path | None = None
) -> str:
    """One SHA-256 for a whole pipeline: what `Weights.sha256` pins."""
    return together(component_digests(folder, variant=variant, unet=unet, lora=lora))
