"""A run's state in one safetensors file: tensors as tensors, all around them as JSON in its header.

Must not know what trains. It stands where a pickle would: reading it back can run no code.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor


def save(state: dict[str, Any], file: Path) -> None:
    """Write nested dicts, lists and tuples of tensors, numbers, texts and None.

    Raises:
        TypeError: something else is in it, which would not come back.
    """
    tensors: dict[str, Tensor] = {}
    around = json.dumps(_plain(state, tensors))
    save_file(tensors, file, metadata={"around": around})


def load(file: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """What `save` wrote, tensors on `device`."""
    with safe_open(file, framework="pt", device=str(device)) as opened:
        around = json.loads(opened.metadata()["around"])
        # Copies: the file stays mapped behind what it hands out, and it is soon written over.
        tensors = {name: opened.get_tensor(name).clone() for name in opened.keys()}  # noqa: SIM118
    state: dict[str, Any] = _built(around, tensors)
    return state


def _plain(value: Any, tensors: dict[str, Tensor]) -> Any:
    """JSON for everything but tensors, which get a number. Containers are told apart by a letter:
    JSON knows no tuples, and its keys are texts where optimisers count."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().clone(memory_format=torch.contiguous_format)
        # The layout in memory comes back too: a fused optimiser walks weights and moments side by
        # side and mixes them up when only one of them has its channels last.
        return {"n" if _channels_last(value) else "t": name}
    if isinstance(value, dict):
        return {"d": [[_plain(k, tensors), _plain(v, tensors)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        letter = "l" if isinstance(value, list) else "p"
        return {letter: [_plain(each, tensors) for each in value]}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(
        f"{value!r} is a {type(value).__name__}; a run's state holds tensors, numbers, texts, None "
        "and dicts, lists and tuples of them. Convert it first."
    )


def _channels_last(value: Tensor) -> bool:
    return (
        value.ndim == 4
        and not value.is_contiguous()
        and value.is_contiguous(memory_format=torch.channels_last)
    )


def _built(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((letter, inside),) = value.items()
    if letter == "t":
        return tensors[inside]
    if letter == "n":
        return tensors[inside].contiguous(memory_format=torch.channels_last)
    if letter == "d":
        return {_built(k, tensors): _built(v, tensors) for k, v in inside}
    built = [_built(each, tensors) for each in inside]
    return built if letter == "l" else tuple(built)
