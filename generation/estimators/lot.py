"""The control that a real estimator has to beat: a lot drawn for each prompt and picture.

Must not know what the picture shows.
"""

import hashlib
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generation.estimators.scoring import check_pairs
from generation.spec import Estimator


class Lot:
    """Uniform on [0, 1): at threshold k / 100 about k % of samples are improved, no matter which.

    The lot hangs on the prompt and the pixels, so that it is drawn once and for all, without a
    state: the same sample draws the same lot in any batch and on any worker.
    """

    def __init__(self, spec: Estimator) -> None:
        self.digest = spec.digest()
        # `path` holds no weights; another one is another lottery.
        self._lottery = spec.path

    def score(
        self, prompts: Sequence[str], images: Sequence[NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """The lots, as `Scorer.score` gives scores."""
        check_pairs(prompts, images)
        return np.array(
            [self._draw(prompt, image) for prompt, image in zip(prompts, images, strict=True)],
            dtype=np.float32,
        )

    def _draw(self, prompt: str, image: NDArray[np.uint8]) -> float:
        text = unicodedata.normalize("NFC", prompt)
        drawn = hashlib.sha256(f"{self._lottery}\0{text}\0{image.shape}\0".encode())
        drawn.update(np.ascontiguousarray(image).tobytes())
        # 24 bits: every one of them is a float32 below 1.
        return int.from_bytes(drawn.digest()[:3], "big") / 2**24
