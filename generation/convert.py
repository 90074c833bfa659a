"""Published pickles (.pt, .ckpt, .bin) into safetensors, once, in a child behind closed doors.

The only place that opens a pickle. Must not know what the weights are for; runs no code of theirs.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from generation.errors import WeightsMissingError, WeightsRefusedError
from generation.weights import sha256_of


@dataclass(frozen=True)
class Converted:
    """What was made of what, written beside the file as JSON."""

    file: str
    sha256: str
    source: str
    source_bytes: int
    source_sha256: str
    key: str
    prefix: str
    like: str
    tensors: int
    parameters: int
    dtypes: tuple[str, ...]
    torch: str
    # namespace: the child had no network device. hook: it was only refused sockets.
    network: str


def convert(
    source: Path,
    target: Path,
    *,
    sha256: str = "",
    key: str = "",
    prefix: str = "",
    like: Path | None = None,
    seconds: float = 900,
) -> Converted:
    """Write the tensors of a pickled checkpoint as `target`, a safetensors file, and a record.

    The pickle is opened with `weights_only` (tensors and plain containers; a name of any function
    ends it) by a child process without network, with bounded memory, time and file size, that may
    start no program and write no file but the new one.

    Args:
        source: .pt, .pth, .ckpt or .bin.
        target: ends in .safetensors and is not there yet; `<target>.json` becomes the record.
        sha256: what the publisher says of `source`; empty records what it is.
        key: path to the weights inside, with dots ("state_dict"); empty finds the usual ones.
        prefix: keep only keys with it, and cut it off ("model.diffusion_model.").
        like: a component's folder (its config.json): every key and shape has to be that network's.
        seconds: after which the child is ended.

    Raises:
        WeightsMissingError: there is no `source`.
        WeightsRefusedError: another hash, code in the pickle, no weights where they were looked
            for, keys or shapes that are not `like`'s, or a child that ran out of what it may use.
    """
    _check_names(source, target)
    found = sha256_of(source)
    if sha256 not in ("", found):
        raise WeightsRefusedError(
            f"{source} has sha256 {found}, expected was {sha256}. It was not opened; get the file "
            "again from its publisher."
        )
    wish = {
        "source": str(source.absolute()),
        "key": key,
        "prefix": prefix,
        "like": str(like.absolute()) if like else "",
        "metadata": {"format": "pt", "source": source.name, "source_sha256": found},
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".converting-") as work:
        made = Path(work).absolute() / "made.safetensors"
        told = _in_child(wish | {"made": str(made)}, source, seconds=seconds)
        record = Converted(
            file=target.name,
            sha256=sha256_of(made),
            source=source.name,
            source_bytes=source.stat().st_size,
            source_sha256=found,
            key=told["key"],
            prefix=prefix,
            like=str(like or ""),
            tensors=told["tensors"],
            parameters=told["parameters"],
            dtypes=tuple(told["dtypes"]),
            torch=told["torch"],
            network=told["network"],
        )
        made.rename(target)
    beside = target.with_name(target.name + ".json")
    beside.write_text(json.dumps(asdict(record), indent=2) + "\n")
    return record


def _check_names(source: Path, target: Path) -> None:
    if not source.is_file():
        raise WeightsMissingError(
            f"no file at {source.absolute()}; name the downloaded checkpoint."
        )
    if target.suffix != ".safetensors":
        raise WeightsRefusedError(f"{target} must end in .safetensors; that is what is written.")
    if target.exists():
        raise WeightsRefusedError(f"{target} is there already; move it away or name another file.")


def _in_child(wish: Mapping[str, Any], source: Path, *, seconds: float) -> dict[str, Any]:
    root = Path(__file__).resolve().parents[1]
    try:
        child = subprocess.run(
            [sys.executable, "-B", "-s", "-m", "generation.convert"],
            input=json.dumps(wish),
            env={"PATH": os.defpath, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
            cwd=root,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WeightsRefusedError(
            f"{source} was not converted within {seconds:.0f} s and was given up. If the file is "
            "very large, allow more seconds."
        ) from None
    try:
        told: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        last = (child.stderr.strip().splitlines() or ["no word"])[-1]
        raise WeightsRefusedError(
            f"{source} was not converted: its process ended with code {child.returncode} ({last}). "
            "A damaged or hostile file can do that, or too little memory for a large one."
        ) from None
    if "refused" in told:
        raise WeightsRefusedError(f"{source} {told['refused']}")
    return told


def _child() -> None:
    """Read a wish from stdin, do it behind closed doors, and print one line of JSON."""
    from generation.sandbox import close_doors, leave_network

    wish = json.load(sys.stdin)
    # Before torch starts a thread: a process with threads cannot change its namespaces.
    network = leave_network()
    import torch
    from safetensors.torch import save_file

    from generation.checkpoints import NotTheseWeights, compare, cut, weights_in

    like = _shapes_of(Path(wish["like"])) if wish["like"] else None
    size = Path(wish["source"]).stat().st_size
    close_doors(
        may_write=wish["made"],
        memory=4 * size + 2**30,
        file_size=2 * size + 2**24,
        cpu_seconds=600 + size // 2**23,
    )
    try:
        key, state = weights_in(_open(wish["source"]), wish["key"])
        state = cut(state, wish["prefix"])
        if like is not None:
            compare({name: tuple(value.shape) for name, value in state.items()}, like)
    except NotTheseWeights as refused:
        print(json.dumps({"refused": str(refused)}))  # noqa: T201
        return
    # Copies: safetensors refuses tensors that share memory, and pickles are full of them.
    state = {name: value.detach().clone().contiguous() for name, value in state.items()}
    save_file(state, wish["made"], metadata=wish["metadata"])
    told = {
        "key": key,
        "tensors": len(state),
        "parameters": sum(value.numel() for value in state.values()),
        "dtypes": sorted({str(value.dtype).removeprefix("torch.") for value in state.values()}),
        "torch": torch.__version__,
        "network": network,
    }
    print(json.dumps(told))  # noqa: T201


def _open(source: str) -> Any:
    import pickle
    import zipfile

    import torch

    from generation.checkpoints import NotTheseWeights

    try:
        return torch.load(
            source, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(source)
        )
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)|global[^`]*`?([\w.]+\.[\w.]+)", str(error))
        what = f" ({named[1] or named[2]})" if named else ""
        raise NotTheseWeights(
            f"wants to build more than tensors{what}, which is code, and was closed. Nothing in it "
            "was run. Get a file of plain weights, best as safetensors, from its publisher."
        ) from None
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise NotTheseWeights(
            f"cannot be read as a checkpoint of torch ({type(error).__name__}: "
            f"{str(error)[:100].splitlines()[0]}). Get it again; it may be cut short or of another "
            "kind."
        ) from None


def _shapes_of(folder: Path) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the network that a component's config describes."""
    import diffusers
    import torch

    config = json.loads((folder / "config.json").read_text())
    build = {
        "UNet2DConditionModel": diffusers.UNet2DConditionModel,
        "AutoencoderKL": diffusers.AutoencoderKL,
        "ControlNetModel": diffusers.ControlNetModel,
    }[config["_class_name"]]
    with torch.device("meta"):
        network = build.from_config(config)
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


if __name__ == "__main__":
    _child()
