"""What a load of these weights would be refused for, as far as files tell without loading them.

Must not know torch: web processes ask before a study is frozen. What only a network tells (keys
and shapes of another architecture) stays with the worker.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from generation.errors import WeightsMissingError, WeightsRefusedError
from generation.spec import Adaptive, Estimator, Weights
from generation.weights import (
    class_names,
    component_files,
    locate,
    other_vae,
    places_of,
    read_json,
    refuse_other_hash,
    scorer_files,
    together,
)

FolderOf = Callable[[str], Path]
# The SHA-256 of a file, None where it would take too long to find out now.
HashOf = Callable[[Path], str | None]
# Beside the weights each estimator reads all files of one of these groups.
SCORER_NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "imagereward": (("vocab.txt",),),
    "pickscore": (("config.json", "tokenizer.json"), ("config.json", "vocab.json", "merges.txt")),
    "clip": (("config.json", "tokenizer.json"), ("config.json", "vocab.json", "merges.txt")),
    "hpsv2": (("tokenizer.json",), ("vocab.json", "merges.txt")),
    "reference": (("config.json",),),
}
_CANNOT = (WeightsMissingError, WeightsRefusedError, PermissionError)
HEADER = 8
# The format allows no longer one.
LONGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class Fault:
    """Why weights would not be loaded.

    refused: what is here is wrong. missing: it is not here. unhashed: its digest was not compared.
    """

    kind: Literal["refused", "missing", "unhashed"]
    said: str


def weights_faults(
    weights: Weights, *, folder_of: FolderOf | None, hash_of: HashOf
) -> Iterator[Fault]:
    """What is wrong with a pipeline; nothing where a load would find every file in order.

    Args:
        weights: the pipeline as an arm names it.
        folder_of: where this installation keeps a path that is not there as it stands.
        hash_of: asked only where a digest is pinned.
    """
    try:
        folder, unet, lora = places_of(weights, folder_of=folder_of)
        class_names(read_json(folder / "model_index.json"), folder)
        files = component_files(folder, variant=weights.variant, unet=unet, lora=lora)
        for part in files.values():
            _check_files(part)
        if weights.sha256:
            digests = {name: _digest(part, hash_of) for name, part in files.items()}
            known = {name: digest for name, digest in digests.items() if digest is not None}
            if len(known) < len(digests):
                yield _unhashed(folder, [file for part in files.values() for file in part])
            else:
                refuse_other_hash(folder, together(known), asked=weights.sha256, what="pipeline")
    except _CANNOT as cannot:
        yield _fault_of(cannot)


def estimator_faults(
    spec: Estimator, *, folder_of: FolderOf | None, hash_of: HashOf
) -> Iterator[Fault]:
    """What is wrong with an estimator; as `weights_faults`. Lots need no files."""
    if spec.name == "random":
        return
    try:
        folder = locate(spec.path, revision=spec.revision, sha256=spec.sha256, folder_of=folder_of)
        files = scorer_files(folder)
        _check_files(files)
        groups = SCORER_NEEDS[spec.name]
        lacking = [[name for name in group if not (folder / name).is_file()] for group in groups]
        if all(lacking):
            raise WeightsMissingError(
                f"{folder} has no {' and '.join(lacking[0])}. Put it beside the weights."
            )
        if spec.sha256:
            digest = _digest(files, hash_of)
            if digest is None:
                yield _unhashed(folder, files)
            else:
                refuse_other_hash(folder, digest, asked=spec.sha256, what="estimator")
    except _CANNOT as cannot:
        yield _fault_of(cannot)


def pair_faults(arm: Adaptive, *, folder_of: FolderOf | None, hash_of: HashOf) -> Iterator[Fault]:
    """Whether the teacher would read the student's latents with another VAE than they are of.

    Says nothing where one of the two is not in order: `weights_faults` does.
    """
    if arm.strategy != "refine" or arm.rollback_from != "latents":
        return
    try:
        (student, hers), (teacher, his) = (
            _vae(network.model, folder_of) for network in (arm.student, arm.teacher)
        )
    except _CANNOT:
        return
    if hers == his:
        return
    # Names and lengths first: they tell most pairs apart at no cost.
    differ = [[(file.name, file.stat().st_size) for file in files] for files in (hers, his)]
    if differ[0] != differ[1]:
        yield Fault("refused", other_vae(student, teacher))
        return
    digests = [_digest(files, hash_of) for files in (hers, his)]
    if None in digests:
        yield _unhashed(student / "vae", [*hers, *his])
    elif digests[0] != digests[1]:
        yield Fault("refused", other_vae(student, teacher))


def _fault_of(cannot: Exception) -> Fault:
    if isinstance(cannot, PermissionError):
        said = f"{cannot.filename} may not be read by this process. Give it the right to."
        return Fault("missing", said)
    return Fault("missing" if isinstance(cannot, WeightsMissingError) else "refused", str(cannot))


def _vae(weights: Weights, folder_of: FolderOf | None) -> tuple[Path, list[Path]]:
    folder, _, _ = places_of(weights, folder_of=folder_of)
    return folder, component_files(folder, variant=weights.variant)["vae"]


def _check_files(files: list[Path]) -> None:
    for file in files:
        # Vocabularies are JSON too, of any shape; configs are what a load builds from.
        if file.name.endswith(("config.json", "model_index.json")):
            read_json(file)
        elif file.suffix == ".safetensors":
            check_safetensors(file)


def check_safetensors(file: Path) -> None:
    """Hold a file to the safetensors format: a header of JSON, and as many bytes as it names.

    Raises:
        WeightsRefusedError: it is another format under this name, or cut short.
    """
    length = file.stat().st_size
    with file.open("rb") as opened:
        header = int.from_bytes(opened.read(HEADER), "little")
        why = ""
        if length < HEADER or header > min(length - HEADER, LONGEST_HEADER):
            why = "no header of that format"
        else:
            try:
                tensors = json.loads(opened.read(header))
                ends = [t["data_offsets"][1] for n, t in tensors.items() if n != "__metadata__"]
                promised = HEADER + header + max(ends, default=0)
                if promised != length:
                    why = f"{length:,} bytes, its header says {promised:,}"
            except (ValueError, TypeError, KeyError, IndexError, AttributeError):
                why = "a header that cannot be read"
    if why:
        raise WeightsRefusedError(
            f"{file} is not a whole safetensors file ({why}). Copy it again; a pickle stays one "
            "under any name."
        )


def _digest(files: list[Path], hash_of: HashOf) -> str | None:
    """As `weights.together` over the files; None where one of them is not known now."""
    digests: dict[str, str] = {}
    for file in files:
        if (digest := hash_of(file)) is None:
            return None
        digests[file.name] = digest
    return together(digests)


def _unhashed(place: Path, files: list[Path]) -> Fault:
    size = sum(file.stat().st_size for file in files) / 1e9
    return Fault("unhashed", f"the SHA-256 of {place} ({size:.1f} GB) has not been compared yet.")
