"""What scores a sample without a reference: ImageReward, PickScore, CLIP score, HPSv2.

Must not know arms, thresholds or jobs: a scorer takes prompts and pictures and gives numbers.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from generation.spec import Estimator


class Scorer(Protocol):
    """A loaded estimator. A score depends on its own pair only, but for float noise (1e-5)."""

    # SHA-256 over the recipe's digest and the digest of the weights it was loaded from.
    digest: str

    def score(
        self, prompts: Sequence[str], images: Sequence[NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """One number per pair; higher is better. No unit that two estimators share.

        Args:
            prompts: as the annotators read them; what does not fit the text encoder is cut off.
            images: (height, width, 3) RGB each, of any size.

        Raises:
            ValueError: different numbers of prompts and images, or an image of another shape.
            NonFiniteScoreError: a score is nan or infinite; `.rows` says which.
        """
        ...


def load_scorer(
    spec: Estimator, *, device: str, folder_of: Callable[[str], Path] | None = None
) -> Scorer:
    """Read an estimator from its folder (or from the hub's local cache) onto `device`.

    Nothing is downloaded and no pickle is read.

    Args:
        device: as torch names it.
        folder_of: where this installation keeps a path that is neither absolute nor here.

    Raises:
        WeightsMissingError: the folder or a file in it is not on this machine.
        WeightsRefusedError: a pickle, another hash than `spec.sha256`, or tensors that are not
            exactly those of the model.
    """
    from generation.estimators import clip, hpsv2, imagereward
    from generation.estimators.folders import open_folder
    from generation.estimators.lot import Lot
    from generation.reference.s1 import scorer

    if spec.name == "random":
        return Lot(spec)

    loaders: dict[str, Callable[..., Any]] = {
        "imagereward": imagereward.load,
        "pickscore": clip.load_pickscore,
        "clip": clip.load_clip_score,
        "hpsv2": hpsv2.load,
        "reference": scorer.load,
    }
    loaded: Scorer = loaders[spec.name](spec, open_folder(spec, folder_of=folder_of), device=device)
    return loaded
