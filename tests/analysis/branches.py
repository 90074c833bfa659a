"""Shorthand for verdicts on both branches in tests: W, T and L against the teacher."""

import numpy as np

from annotate.analysis.contrast import Result
from annotate.analysis.oracle import Cost

LETTERS = {"W": Result.WIN, "T": Result.TIE, "L": Result.LOSS}
COST = Cost(student_steps=5, refine_steps=10)


def results(letters: str) -> list[Result]:
    return [LETTERS[letter] for letter in letters]


STUDENT, REFINED = results("WWWWTLLLLL"), results("WTLWWWWTLW")
"""Ten prompts that can be worked out by hand."""


def random_branches(n: int, *, seed: int = 5) -> tuple[list[Result], list[Result]]:
    """Verdicts in which the refined sample wins more often, and more so where the student lost."""
    rng = np.random.default_rng(seed)
    student = rng.choice(3, size=n, p=(0.35, 0.2, 0.45))
    easy, hard = rng.choice(3, size=n, p=(0.5, 0.3, 0.2)), rng.choice(3, size=n, p=(0.3, 0.2, 0.5))
    refined = np.where(student == 2, easy, hard)
    every = list(Result)
    return [every[code] for code in student], [every[code] for code in refined]
