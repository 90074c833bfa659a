"""Who wins when the truth is known: the exact judge of truth records, and annotators who err.

Must not know how a picture was made or stored: it sees scenes and numbers in [0, 1]; no torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

import numpy as np

from generation.errors import ProfileError
from generation.reference.scenes import Group, Scene

Answer = Literal["first", "second", "tie"]
Truth = Mapping[str, float]

# The order of the cascade: a lower criterion speaks only when all above it are equal.
CRITERIA = ("alignment", "quality", "aesthetics")
TIE_WIDTH = 0.05
_ANSWERS: tuple[Answer, ...] = ("first", "second", "tie")


def attributes(asked: Scene, shown: Scene) -> dict[str, float]:
    """What a picture got right of its caption, per attribute the caption speaks of, in [0, 1].

    Groups are matched in the way that is kindest to the picture, so their order does not matter;
    a missing or extra group counts as wrong. An attribute left open in the caption is absent.

    Args:
        asked: the scene of the caption.
        shown: the scene in the picture, settled.
    """
    most = max(len(asked.groups), len(shown.groups))
    best: dict[str, float] = {}
    for order in permutations(shown.groups):
        pairs = list(zip(asked.groups, order, strict=False))
        verdict = {
            "count": sum(a.count == s.count for a, s in pairs) / most,
            "colour": sum(a.thing.colour == s.thing.colour for a, s in pairs) / most,
            "shape": sum(a.thing.shape == s.thing.shape for a, s in pairs) / most,
        }
        sized = [pair for pair in pairs if pair[0].thing.size]
        told = sum(group.thing.size is not None for group in asked.groups)
        if told:
            verdict["size"] = sum(_same_size(a, s) for a, s in sized) / told
        if not best or sum(verdict.values()) > sum(best.values()):
            best = verdict
    if asked.background:
        best["background"] = float(asked.background == shown.background)
    return best


def _same_size(asked: Group, shown: Group) -> bool:
    return asked.thing.size == shown.thing.size


def alignment(asked: Scene, shown: Scene) -> float:
    """Mean of `attributes`: 1 when the picture shows all its caption says."""
    verdict = attributes(asked, shown)
    return sum(verdict.values()) / len(verdict)


def compare(
    truth_a: Truth, truth_b: Truth, *, criterion: str, tie_width: float = TIE_WIDTH
) -> Answer:
    """The right answer to one question: "first" for a, "second" for b, "tie" within the width.

    Args:
        truth_a: criterion → number in [0, 1], larger is better.
        truth_b: as truth_a.
        criterion: one of CRITERIA, present in both records.
        tie_width: largest difference that still counts as equal.

    Raises:
        ProfileError: the criterion is not in both records, or the width is negative.
    """
    if tie_width < 0:
        raise ProfileError(f"tie_width={tie_width}; give 0 or more")
    missing = [name for name, truth in (("a", truth_a), ("b", truth_b)) if criterion not in truth]
    if missing:
        raise ProfileError(
            f"criterion {criterion!r} is not in truth record {' and '.join(missing)}; "
            f"known criteria are {', '.join(CRITERIA)}"
        )
    difference = truth_a[criterion] - truth_b[criterion]
    if abs(difference) <= tie_width:
        return "tie"
    return "first" if difference > 0 else "second"


def cascade(truth_a: Truth, truth_b: Truth, *, tie_width: float = TIE_WIDTH) -> dict[str, Answer]:
    """The right answers in the order asked; it ends with the criterion that decides."""
    answers: dict[str, Answer] = {}
    for criterion in CRITERIA:
        answers[criterion] = compare(truth_a, truth_b, criterion=criterion, tie_width=tie_width)
        if answers[criterion] != "tie":
            break
    return answers


def overall(answers: Mapping[str, Answer]) -> Answer:
    """What the answers amount to: the first criterion that is not equal decides, else a tie."""
    return next((answers[c] for c in CRITERIA if answers.get(c, "tie") != "tie"), "tie")


@dataclass(frozen=True, kw_only=True)
class NoisyJudge:
    """An annotator who knows the truth and sometimes errs, for simulated studies.

    Each question is answered on its own. With probability |side_bias| the annotator takes the
    favoured side without looking; else gives the right answer with probability `accuracy` and
    otherwise one of the two wrong ones, each as likely. Where the favoured side is right in a share
    q of the questions, (1 - |side_bias|) * accuracy + |side_bias| * q of the answers are right.

    Attributes:
        accuracy: in [0, 1].
        tie_width: as in `compare`.
        side_bias: in [-1, 1]; above 0 favours the first (left) picture, below 0 the second.
        rng: source of the errors; its state moves on with every question.
    """

    accuracy: float
    rng: np.random.Generator
    tie_width: float = TIE_WIDTH
    side_bias: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.accuracy <= 1:
            raise ProfileError(f"accuracy={self.accuracy}; a probability lies in [0, 1]")
        if not -1 <= self.side_bias <= 1:
            raise ProfileError(
                f"side_bias={self.side_bias}; choose -1 (always second) to 1 (always first)"
            )
        if self.tie_width < 0:
            raise ProfileError(f"tie_width={self.tie_width}; give 0 or more")

    def answer(self, left: Truth, right: Truth, *, criterion: str) -> Answer:
        """The answer to one question; "first" is the picture on the left."""
        right_answer = compare(left, right, criterion=criterion, tie_width=self.tie_width)
        # Always three numbers per question, so that streams stay comparable across settings.
        glance, slip, which = self.rng.random(3)
        if glance < abs(self.side_bias):
            return "first" if self.side_bias > 0 else "second"
        if slip < self.accuracy:
            return right_answer
        wrong = [answer for answer in _ANSWERS if answer != right_answer]
        return wrong[int(which * 2)]

    def answers(
        self, left: Truth, right: Truth, *, criteria: Sequence[str] = CRITERIA
    ) -> dict[str, Answer]:
        """Answers as the cascade asks them: on to the next criterion only after "tie"."""
        given: dict[str, Answer] = {}
        for criterion in criteria:
            given[criterion] = self.answer(left, right, criterion=criterion)
            if given[criterion] != "tie":
                break
        return given
