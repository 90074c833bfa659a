"""What an oracle is, and the two whose errors are free: M1 symmetric, M2 conditional on the label.
Must not know results or costs: shares of ideal labels in, chances of keeping out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Keep(NamedTuple):
    """The chance that a sample is kept, by its ideal label; NaN where no such oracle exists.

    All models are this pair: errors are independent of the results once the label is given.
    """

    good: Array
    bad: Array


class Oracle(Protocol):
    """A model of an oracle at every point of a grid of settings."""

    @property
    def name(self) -> str:
        """The model as reports call it."""
        ...

    def __len__(self) -> int:
        """The number of settings."""
        ...

    def keep(self, label_share: Array) -> Keep:
        """Chances at every setting: label shares of shape (..., 1) give (..., settings)."""
        ...

    def elsewhere(self, label_share: float, /) -> Oracle:
        """The oracle that is as good on other prompts as this one where pi is `label_share`."""
        ...

    def decide(
        self, labels: NDArray[np.bool_], setting: int, *, draws: int, rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        """Random decisions (keep = True) for every prompt: (draws, prompts)."""
        ...


@dataclass(frozen=True)
class SymmetricOracle:
    """M1: right with probability p on every prompt, independently.

    Keeps (1 - pi) + p (2 pi - 1) of the samples: the budget drifts with p unless pi is 1/2.
    """

    accuracy: tuple[float, ...]

    def __post_init__(self) -> None:
        check_grid(accuracy=self.accuracy)

    @property
    def name(self) -> str:
        return "M1 symmetric"

    def __len__(self) -> int:
        return len(self.accuracy)

    def keep(self, label_share: Array) -> Keep:
        return _independent(self.accuracy, tuple(1 - p for p in self.accuracy), label_share)

    def elsewhere(self, _: float, /) -> SymmetricOracle:
        return self

    def decide(
        self, labels: NDArray[np.bool_], setting: int, *, draws: int, rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        import numpy as np

        right = rng.random((draws, len(labels))) < self.accuracy[setting]
        return np.equal(right, labels)


@dataclass(frozen=True)
class ClassConditionalOracle:
    """M2: keeps what should be kept with chance alpha, and what should not with chance beta."""

    keep_good: tuple[float, ...]
    keep_bad: tuple[float, ...]

    def __post_init__(self) -> None:
        check_grid(keep_good=self.keep_good, keep_bad=self.keep_bad)
        if len(self.keep_good) != len(self.keep_bad):
            raise ValueError(
                f"keep_good has {len(self.keep_good)} settings and keep_bad {len(self.keep_bad)}; "
                "give one pair per setting"
            )

    @property
    def name(self) -> str:
        return "M2 class-conditional"

    def __len__(self) -> int:
        return len(self.keep_good)

    def keep(self, label_share: Array) -> Keep:
        return _independent(self.keep_good, self.keep_bad, label_share)

    def elsewhere(self, _: float, /) -> ClassConditionalOracle:
        return self

    def decide(
        self, labels: NDArray[np.bool_], setting: int, *, draws: int, rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        import numpy as np

        chance = np.where(labels, self.keep_good[setting], self.keep_bad[setting])
        return rng.random((draws, len(labels))) < chance


def _independent(good: tuple[float, ...], bad: tuple[float, ...], label_share: Array) -> Keep:
    import numpy as np

    shape = (*np.shape(label_share)[:-1], len(good))
    return Keep(np.broadcast_to(np.array(good), shape), np.broadcast_to(np.array(bad), shape))


def check_grid(low: float = 0.0, **grids: Sequence[float]) -> None:
    """Refuse a setting outside [low, 1] before anything is computed from it."""
    for name, grid in grids.items():
        wrong = [value for value in grid if not low <= value <= 1]
        if wrong:
            raise ValueError(f"{name}={wrong[0]} lies outside [{low:g}, 1]")
