"""Tau of a design and how it converges, from the tuning samples on its shelf.

Must not know test prompts or torch.
"""

import numpy as np
from numpy.typing import NDArray

from generation.convergence import Convergence, convergence
from generation.reference.s1.arms import Design
from generation.reference.s1.shelf import Shelf
from generation.threshold import percentile_threshold

SIZES = (50, 100, 150, 250, 500, 5000)


def tuning_scores(design: Design, shelf: Shelf) -> NDArray[np.float64]:
    """(replicas, prompts) scores of the student's samples of the tuning prompts."""
    texts = design.tuning_prompts()
    return np.stack(
        [
            shelf.take(design.student, texts, seed=design.seed, replica=replica).scores
            for replica in range(design.replicas)
        ]
    )


def tau_of(design: Design, shelf: Shelf) -> float:
    """The percentile of the first replica's scores, as a study tunes it."""
    return percentile_threshold(tuning_scores(design, shelf)[0], design.percentile)


def converging(design: Design, shelf: Shelf) -> list[Convergence]:
    """Table 2 in this world."""
    rng = np.random.default_rng([design.seed, 0x7AB2])
    scores = tuning_scores(design, shelf)
    return convergence(scores, design.percentile, rng=rng, sizes=SIZES)
