"""What every estimator does around its network: check the pairs, refuse scores that are no numbers.

Must not know any one estimator.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generation.errors import NonFiniteScoreError

DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def check_pairs(prompts: Sequence[str], images: Sequence[NDArray[np.uint8]]) -> None:
    """Raises ValueError unless there is one image per prompt."""
    if isinstance(prompts, str) or len(prompts) != len(images):
        given = "one text" if isinstance(prompts, str) else f"{len(prompts)} prompts"
        raise ValueError(
            f"{given} and {len(images)} images; a scorer takes one prompt per image. "
            "Repeat the prompt for each of its images."
        )


def finite(scores: Tensor, *, estimator: str) -> NDArray[np.float32]:
    """(n,) scores as numpy; the one place where a batch waits for its device.

    Raises:
        NonFiniteScoreError: a score is nan or infinite.
    """
    values: NDArray[np.float32] = scores.float().cpu().numpy()
    rows = np.flatnonzero(~np.isfinite(values))
    if rows.size:
        raise NonFiniteScoreError(
            tuple(int(row) for row in rows), of=len(values), estimator=estimator
        )
    return values
