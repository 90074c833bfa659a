"""An estimator's folder, and its tensors put into a model: all of them, and of the right shape.

Must not know which estimator it is; reads safetensors and nothing else, and never a network.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from generation.errors import WeightsMissingError, WeightsRefusedError
from generation.spec import Estimator
from generation.weights import (
    digests_of,
    locate,
    refuse_other_hash,
    scorer_files,
    together,
    weight_files,
)


@dataclass(frozen=True)
class Folder:
    """An estimator's folder that was looked at: it has weights, and they are the pinned ones."""

    path: Path
    weights: tuple[Path, ...]
    # Over the names and digests of every file that a score depends on.
    sha256: str

    def digest_of(self, spec: Estimator) -> str:
        """One digest for the recipe and the very files."""
        return together({"recipe": spec.digest(), "files": self.sha256})

    def file(self, name: str) -> Path:
        """A file that must lie beside the weights."""
        path = self.path / name
        if not path.is_file():
            raise WeightsMissingError(f"{self.path} has no {name}. Put it beside the weights.")
        return path

    def state(self) -> dict[str, Tensor]:
        """Every tensor, on the CPU, mapped from disk."""
        tensors: dict[str, Tensor] = {}
        for path in self.weights:
            try:
                with safe_open(path, framework="pt") as opened:
                    tensors |= {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            except SafetensorError as broken:
                raise WeightsRefusedError(
                    f"{path} is not a whole safetensors file ({broken}). Copy it again; a pickle "
                    "stays one under any name."
                ) from None
        return tensors


def open_folder(spec: Estimator, *, folder_of: Callable[[str], Path] | None = None) -> Folder:
    """Find the weights of `spec` and hold them to `spec.sha256`.

    Raises:
        WeightsMissingError: no such folder, or no weights in it.
        WeightsRefusedError: pickles, a hub id with nothing to pin it, or another hash.
    """
    path = locate(spec.path, revision=spec.revision, sha256=spec.sha256, folder_of=folder_of)
    files = scorer_files(path)
    sha256 = together(digests_of(files))
    refuse_other_hash(path, sha256, asked=spec.sha256, what="estimator")
    return Folder(path, tuple(weight_files(path)), sha256)


def check_table(state: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse a state dict that has not exactly the wanted names and shapes.

    Raises:
        WeightsRefusedError: naming the first that are missing, unknown or of another shape.
    """
    faults = [f"{name} is missing" for name in wanted if name not in state]
    faults += [f"{name} belongs to no part of this model" for name in state if name not in wanted]
    faults += [
        f"{name} has shape {tuple(state[name].shape)} instead of {tuple(shape)}"
        for name, shape in wanted.items()
        if name in state and tuple(state[name].shape) != tuple(shape)
    ]
    if faults:
        more = f" … and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise WeightsRefusedError(
            f"the weights do not fit the model: {'; '.join(faults[:5])}{more}. They are of another "
            "model or size; give those of this one."
        )


def table_of(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name and shape of everything a checkpoint of `model` holds."""
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


def fill(
    model: nn.Module,
    state: Mapping[str, Tensor],
    *,
    dtype: torch.dtype,
    device: str,
    precise: tuple[str, ...] = (),
) -> None:
    """Put `state` into a model made on the meta device: strictly.

    Args:
        dtype: of every floating tensor, but those whose names begin with one of `precise`, which
            stay float32.

    Raises:
        WeightsRefusedError: names or shapes differ (`check_table`).
    """
    check_table(state, table_of(model))

    def type_of(name: str, value: Tensor) -> torch.dtype:
        if not value.is_floating_point():
            return value.dtype
        return torch.float32 if name.startswith(precise) else dtype

    # Copies: a tensor mapped from a file dies with the file, and adds up in another order when it
    # does not begin where memory of the process would.
    moved = {
        name: value.to(device, type_of(name, value), copy=True) for name, value in state.items()
    }
    model.load_state_dict(moved, strict=True, assign=True)
    for part in model.modules():
        for name, buffer in list(part.named_buffers(recurse=False)):
            # Left out of checkpoints because it is only a count; transformers keeps no other.
            if buffer.is_meta and name == "position_ids":
                count = torch.arange(buffer.shape[-1], device=device).expand(buffer.shape)
                setattr(part, name, count)
    left = [name for name, value in model.named_buffers() if value.is_meta]
    if left:
        raise WeightsRefusedError(
            f"no checkpoint fills the buffers {', '.join(left)} of this model."
        )
    model.requires_grad_(requires_grad=False).eval()
