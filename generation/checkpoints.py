"""What a published checkpoint holds, once it is open: which of it are weights, and of what network.

Must not open anything: it is handed plain containers and says what it finds in them.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

# Where training scripts put the weights when they save more than weights.
USUAL_KEYS = ("state_dict", "model", "module", "ema", "model_state_dict")

Shapes = Mapping[str, tuple[int, ...]]


class NotTheseWeights(ValueError):
    """A predicate about the checkpoint ("has no …"); who raises it further puts the file before."""


def weights_in(loaded: Any, key: str) -> tuple[str, dict[str, Tensor]]:
    """The state dict inside a checkpoint, and under which key it was.

    Args:
        loaded: what was in the file.
        key: path to the weights, with dots; empty takes the whole, or the one usual place.

    Raises:
        NotTheseWeights: no such key, or what is there is not names with tensors and nothing else.
    """
    found = loaded
    for step in key.split(".") if key else ():
        if not isinstance(found, Mapping) or step not in found:
            raise NotTheseWeights(f"has no {key!r}; {_inside(found)}.")
        found = found[step]
    if not key and not _is_weights(found) and isinstance(found, Mapping):
        usual = [name for name in USUAL_KEYS if _is_weights(found.get(name))]
        if len(usual) == 1:
            return usual[0], dict(found[usual[0]])
    if not _is_weights(found):
        raise NotTheseWeights(
            f"has no weights {f'at {key!r}' if key else 'at the usual places'}; "
            f"{_inside(found)}. Name the key that holds only tensors."
        )
    return key, dict(found)


def cut(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Only the keys that start with `prefix`, without it."""
    kept = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    if not kept:
        raise NotTheseWeights(f"has no key that starts with {prefix!r}; {_inside(state)}.")
    return kept


def compare(here: Shapes, like: Shapes) -> None:
    """Refuse names and shapes that are not exactly those of `like`."""
    faults = {
        "missing": sorted(like.keys() - here.keys()),
        "unknown": sorted(here.keys() - like.keys()),
        "of the wrong shape": sorted(k for k in like.keys() & here.keys() if here[k] != like[k]),
    }
    told = [f"{len(k)} {what} ({', '.join(k[:3])})" for what, k in faults.items() if k]
    if told:
        raise NotTheseWeights(f"does not hold the network that was asked for: {'; '.join(told)}.")


def _is_weights(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(name, str) for name in value)
        and all(isinstance(each, Tensor) for each in value.values())
    )


def _inside(value: Any) -> str:
    if not isinstance(value, Mapping):
        return f"there is a {type(value).__name__}"
    names = [f"{name} ({type(each).__name__})" for name, each in value.items()]
    return f"there are {', '.join(names[:12])}{', …' if len(names) > 12 else ''}"
