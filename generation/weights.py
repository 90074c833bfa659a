"""Where weights lie and that they are the ones asked for: folders, the hub's local cache, SHA-256.

Must not know torch, open anything that could run code, or fetch anything.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from generation import hub
from generation.errors import WeightsMissingError, WeightsRefusedError
from generation.reference.packaged import PACKAGED
from generation.spec import Weights

# model.safetensors, diffusion_pytorch_model.fp16.safetensors, …-00001-of-00002.safetensors
_SAFE = re.compile(
    r"(?:diffusion_pytorch_)?model(?:\.(?P<variant>[A-Za-z0-9_]+))?"
    r"(?:-(?P<shard>\d{5})-of-(?P<shards>\d{5}))?\.safetensors"
)
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
MODELS = ("unet", "vae", "text_encoder", "text_encoder_2", "controlnet")
TOKENIZERS = ("tokenizer", "tokenizer_2")
# The only classes an index may name. Anything else would be code that a download brings in.
CLASS_NAMES = (
    "UNet2DConditionModel",
    "AutoencoderKL",
    "ControlNetModel",
    "PixelCodec",
    "CLIPTextModel",
    "CLIPTextModelWithProjection",
    "CLIPTokenizer",
    "CLIPTokenizerFast",
    "PreTrainedTokenizerFast",
    "TokenizersBackend",
)
LORA_NAMES = ("pytorch_lora_weights.safetensors", "adapter_model.safetensors")
# Beside an estimator's weights a score depends on these too, where they are there.
BESIDE_SCORER = (
    "config.json",
    "imagereward.json",
    "merges.txt",
    "open_clip_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)
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
    if not hub.HUB_ID.fullmatch(path):
        places = " and ".join(str(place.absolute()) for place in looked)
        raise WeightsMissingError(
            f"no weights at {path!r}: looked at {places}. Put it there, or name another."
        )
    if not (hub.COMMIT.fullmatch(revision) or sha256):
        raise WeightsRefusedError(_unpinned(path, revision, folder=looked[-1]))
    if (found := hub.snapshot(path, revision)) is not None:
        return found
    at = f" at revision {revision}" if revision else ""
    raise WeightsMissingError(
        f"no weights for {path!r}{at}: neither a folder of that name nor the hub's cache "
        f"({hub.cache()}) has them, and Triptych fetches nothing by itself. Run "
        f"`hf download {path}{' --revision ' + revision if revision else ''}` on this "
        "machine, or give the path of a folder."
    )


def _unpinned(repo: str, revision: str, *, folder: Path) -> str:
    """What to write, with the commits that are at hand; none is made up."""
    there = hub.commits(repo)
    commit = there[0] if len(there) == 1 else "COMMIT"
    if there:
        which = f"The hub's cache here has {' and '.join(there)}."
    else:
        which = (
            f"The hub's cache here has none of it; `hf download {repo}` on a machine that is "
            "online prints the folder, whose name is the commit (40 hexadecimal digits)."
        )
    return (
        f"{repo!r} is a hub id with revision={revision!r}, which may name other weights "
        f'tomorrow. Give the commit: `--pin {repo}={commit}` for a launch, `pins."{repo}" = '
        f'"{commit}"` in a method, or revision beside the path. {which} A sha256 of the weights '
        f"pins them as well, and a folder at {folder} needs no pin."
    )


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
        return _all_shards(folder, found)
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


def _all_shards(folder: Path, found: list[Path]) -> list[Path]:
    parts = [m for file in found if (m := _SAFE.fullmatch(file.name)) and m["shards"]]
    wanted = max((int(m["shards"]) for m in parts), default=0)
    if lost := set(range(1, wanted + 1)) - {int(m["shard"]) for m in parts}:
        raise WeightsMissingError(
            f"{folder} has {len(parts)} of {wanted} parts of its weights; number {min(lost)} is "
            "not there. Copy the pipeline again, whole."
        )
    return found


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


def places_of(
    weights: Weights, *, folder_of: Callable[[str], Path] | None = None
) -> tuple[Path, Path | None, Path | None]:
    """Where the pipeline, the UNet in its place and the adapters on top lie.

    Raises:
        WeightsMissingError, WeightsRefusedError: as `locate`; a pipeline that is no folder.
    """
    folder = locate(
        weights.path, revision=weights.revision, sha256=weights.sha256, folder_of=folder_of
    )
    if not folder.is_dir():
        raise WeightsRefusedError(
            f"{folder} is a single file; a pipeline is a folder in diffusers format, with a "
            "model_index.json. Name a bare UNet as `unet` beside the pipeline it belongs to."
        )
    others: list[Path | None] = []
    for named in (weights.unet, weights.lora):
        # A hub id carries its commit behind an @, for it has no field of its own.
        path, _, revision = named.partition("@") if not Path(named).exists() else (named, "", "")
        others.append(locate(path, revision=revision, folder_of=folder_of) if named else None)
    return folder, others[0], others[1]


def class_names(index: dict[str, Any], folder: Path) -> dict[str, str]:
    """The class of each network and tokenizer that a pipeline's index names.

    Raises:
        WeightsRefusedError: a part that every arm needs is not named, or a class that is not
            `CLASS_NAMES`'.
    """
    parts = (*MODELS, *TOKENIZERS)
    present = [name for name in parts if names_part(index, name)]
    needed = {"unet", "vae"} - set(present)
    texts = {"text_encoder", "text_encoder_2"} & set(present)
    if needed or not texts or "scheduler" not in index:
        raise WeightsRefusedError(
            f"the index of this pipeline ({index.get('_class_name')}) names only "
            f"{', '.join(present) or 'no network'}; needed are a unet, a vae, a text_encoder with "
            "its tokenizer and a scheduler, as in Stable Diffusion 1 and 2, SDXL and its refiner."
        )
    for name in present:
        named = index[name]
        if not (isinstance(named, list) and len(named) == 2 and named[1] in CLASS_NAMES):
            raise WeightsRefusedError(
                f"model_index.json in {folder} names {named!r} as its {name}; allowed are "
                f"{', '.join(CLASS_NAMES)}. Code that comes with weights is never run."
            )
    return {name: index[name][1] for name in present}


def names_part(index: dict[str, Any], name: str) -> bool:
    """Whether a pipeline's index has this part: `null` and `[null, null]` say that it has not."""
    entry = index.get(name)
    return bool(entry) and not (isinstance(entry, list) and entry[0] is None)


def component_files(
    folder: Path, *, variant: str = "", unet: Path | None = None, lora: Path | None = None
) -> dict[str, list[Path]]:
    """The files of a pipeline that a load reads, by the part's name; as `component_digests`."""
    index = read_json(folder / "model_index.json")
    files = {"model_index": [folder / "model_index.json"]}
    for name in (*MODELS, *TOKENIZERS, "scheduler"):
        if names_part(index, name) and not (name == "unet" and unet):
            files[name] = _read_of(folder / name, name=name, variant=variant)
    if unet is not None:
        files["unet"] = network_files(unet)
    if lora is not None:
        files["lora"] = [one_file(lora, names=LORA_NAMES)]
    for part in files.values():
        for file in part:
            if not file.is_file():
                raise WeightsMissingError(
                    f"{file} is not there, and the pipeline needs it. Copy the pipeline again, "
                    "whole."
                )
    return files


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
    files = component_files(folder, variant=variant, unet=unet, lora=lora)
    return {name: together(digests_of(part)) for name, part in files.items()}


def scorer_files(folder: Path) -> list[Path]:
    """The files of an estimator's folder that a score depends on."""
    beside = (folder / name for name in BESIDE_SCORER)
    return [*weight_files(folder), *(file for file in beside if file.is_file())]


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


def digests_of(files: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of each file by its name."""
    return {file.name: sha256_of(file) for file in files}


# What is said of weights whose digest is another than the one that pins them.
_OTHER = {
    "pipeline": "the weights at {place} have sha256 {found}, the arm asks for {asked}. They are "
    "another version or were changed; get the one asked for, or pin this one.",
    "estimator": "the estimator in {place} has sha256 {found}, but {asked} is asked for. Put the "
    "pinned one there, or pin this one and calibrate again: thresholds do not carry over.",
}


def refuse_other_hash(
    place: Path, found: str, *, asked: str, what: Literal["pipeline", "estimator"]
) -> None:
    """Hold weights to the digest that pins them; "" pins nothing.

    Raises:
        WeightsRefusedError: they are others.
    """
    if asked not in ("", found):
        raise WeightsRefusedError(_OTHER[what].format(place=place, found=found, asked=asked))


def other_vae(student: object, teacher: object) -> str:
    """Why one model's latents cannot be handed to another, and what to do."""
    return (
        f"the student ({student}) and the teacher ({teacher}) have different VAEs, "
        "so one's latents are not the other's. Set rollback_from='image'."
    )


def weights_digest(
    folder: Path, *, variant: str = "", unet: Path | None = None, lora: Path | None = None
) -> str:
    """One SHA-256 for a whole pipeline: what `Weights.sha256` pins."""
    return together(component_digests(folder, variant=variant, unet=unet, lora=lora))
