"""Models that stay on the device between jobs, and how many images fit it at a time.

Must not know arms, thresholds or what the images are for.
"""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch

from generation.errors import DoesNotFit
from generation.estimators import Scorer, load_scorer
from generation.pipelines import Bundle, load_bundle
from generation.spec import Estimator, Student, Teacher, Weights

# Latents of one batch before anything is known of the device: 64 images of 512 pixels on a GPU.
# Halving finds what fits, once per model and size; growing would have to fail to stop.
LATENTS_AT_ONCE = 64 * 64 * 64
ON_CPU = 4


class LoadBundle(Protocol):
    """How weights become a loaded pipeline (`pipelines.load_bundle`)."""

    def __call__(
        self,
        weights: Weights,
        *,
        device: str,
        folder_of: Callable[[str], Path] | None,
        shared: MutableMapping[str, Any],
    ) -> Bundle: ...


class LoadScorer(Protocol):
    """How an estimator is loaded (`estimators.load_scorer`)."""

    def __call__(
        self, spec: Estimator, *, device: str, folder_of: Callable[[str], Path] | None
    ) -> Scorer: ...


class Models:
    """Pipelines and scorers of one device, loaded when asked for, the longest unused forgotten.

    One per worker process: batch sizes that were found to fit are remembered with it.

    Args:
        device: "cpu", "cuda", "cuda:1".
        batch: images per batch; None starts from what the device is likely to hold.
        folder_of: where this installation keeps a path that is not there as it stands.
        resident: how many pipelines stay loaded.
        compile: compile the repeated blocks of each UNet; batches are then padded to one shape.
        load, load_scorer: what reads the weights.
    """

    def __init__(
        self,
        *,
        device: str = "cpu",
        batch: int | None = None,
        folder_of: Callable[[str], Path] | None = None,
        resident: int = 4,
        compile: bool = False,
        load: LoadBundle = load_bundle,
        load_scorer: LoadScorer = load_scorer,
    ) -> None:
        if resident < 1 or (batch is not None and batch < 1):
            raise ValueError(f"batch={batch}, resident={resident}: give numbers of at least 1.")
        self.device = torch.device(device)
        self.compile = compile
        self._batch = batch
        self._folder_of = folder_of
        self._resident = resident
        self._load = load
        self._load_scorer = load_scorer
        self._bundles: OrderedDict[str, Bundle] = OrderedDict()
        self._scorers: dict[str, Scorer] = {}
        # Text encoders and VAEs that several pipelines have in common.
        self._shared: MutableMapping[str, Any] = weakref.WeakValueDictionary()
        self._fits: dict[tuple[str, int | None, int | None], int] = {}
        self._side: torch.cuda.Stream | None = None
        if self.device.type == "cuda":
            self._side = torch.cuda.Stream(self.device, priority=-1)  # type: ignore[no-untyped-call]
        # Jobs run one at a time; their finishing threads load scorers beside them.
        self._lock = threading.RLock()

    def bundle(self, weights: Weights) -> Bundle:
        """The pipeline, loaded now or before.

        Raises:
            WeightsMissingError, WeightsRefusedError: as `pipelines.load_bundle`.
        """
        key = weights.digest()
        with self._lock:
            found = self._bundles.get(key)
            if found is None:
                while len(self._bundles) >= self._resident:
                    self._bundles.popitem(last=False)
                found = self._load(
                    weights,
                    device=str(self.device),
                    folder_of=self._folder_of,
                    shared=self._shared,
                )
                self._prepare(found)
                self._bundles[key] = found
            self._bundles.move_to_end(key)
            return found

    def scorer(self, estimator: Estimator) -> Scorer:
        """The estimator, loaded now or before."""
        key = estimator.digest()
        with self._lock:
            if key not in self._scorers:
                self._scorers[key] = self._load_scorer(
                    estimator, device=str(self.device), folder_of=self._folder_of
                )
            return self._scorers[key]

    def resident(self) -> tuple[str, ...]:
        """Digests of the loaded pipelines' recipes, longest unused first."""
        return tuple(self._bundles)

    def batch_size(self, network: Student | Teacher) -> int:
        """How many images of this network's size go through it together."""
        key = self._size_of(network)
        if key not in self._fits:
            self._fits[key] = self._batch or self._likely(network)
        return self._fits[key]

    def too_many(self, network: Student | Teacher, tried: int) -> None:
        """A batch of `tried` images ran out of memory: try half as many from now on.

        A single image that does not fit gets the other pipelines' memory, once.

        Raises:
            DoesNotFit: one image does not fit beside nothing else.
        """
        if tried > 1:
            self._fits[self._size_of(network)] = tried // 2
        elif others := set(self._bundles) - {network.model.digest()}:
            for digest in others:
                del self._bundles[digest]
        else:
            height, width = network.height or "native", network.width or "native"
            raise DoesNotFit.at_all(
                f"one image of {network.model.path} at {height} x {width} pixels",
                device=str(self.device),
                dtype=network.model.dtype,
            )
        free_memory(self.device)

    def beside(self) -> "AbstractContextManager[Any]":
        """A queue of the device's own for what a thread does beside the sampling, ahead of it.

        One for all batches: memory is kept per queue.
        """
        return nullcontext() if self._side is None else torch.cuda.stream(self._side)

    def host(self) -> dict[str, Any]:
        """What an image depends on of this machine, for its record."""
        cuda = self.device.type == "cuda"
        return {
            "device": str(self.device),
            "name": torch.cuda.get_device_name(self.device) if cuda else "",
            "threads": torch.get_num_threads(),
            "compile": self.compile,
        }

    def _size_of(self, network: Student | Teacher) -> tuple[str, int | None, int | None]:
        return network.model.digest(), network.height, network.width

    def _likely(self, network: Student | Teacher) -> int:
        if self.device.type == "cpu":
            return ON_CPU
        _, rows, columns = self.bundle(network.model).latent_shape(network.height, network.width)
        return max(1, LATENTS_AT_ONCE // (rows * columns))

    def _prepare(self, bundle: Bundle) -> None:
        if self.device.type == "cuda":
            bundle.unet.to(memory_format=torch.channels_last)
        if self.compile:
            bundle.unet.compile_repeated_blocks(fullgraph=True)


def free_memory(device: torch.device) -> None:
    """Give back what a failed batch left, outside the except block that still holds it."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
