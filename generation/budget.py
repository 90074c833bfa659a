"""What an arm costs before it runs: mean steps, UNet forwards, and the published ceiling.

Must not know torch: studies are priced in web processes.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from generation.spec import Adaptive, Student, Teacher


@dataclass(frozen=True)
class Budget:
    """Mean cost of one image. A step with classifier-free guidance is two forwards."""

    steps: Fraction
    forwards: Fraction

    @property
    def ceiling(self) -> int:
        """Mean steps rounded up, as Tables 3-5 print them."""
        return math.ceil(self.steps)

    def __str__(self) -> str:
        return f"{float(self.steps):g} steps, {float(self.forwards):g} UNet forwards on average"


def exact(number: float | Fraction) -> Fraction:
    """The number as people write it: 0.56 is 56/100, not the binary fraction nearest to it."""
    return number if isinstance(number, Fraction) else Fraction(Decimal(repr(number)))


def forwards_per_step(spec: Teacher | Student) -> int:
    """UNet forwards of one step: 2 with classifier-free guidance, else 1.

    LCM embeds its guidance in the network and ADD has none. Guidance up to 1 is without (as in
    diffusers), so nothing is doubled.
    """
    embedded = isinstance(spec, Student) and spec.sampler != "consistency"
    return 1 if embedded or spec.guidance <= 1 else 2


def steps_of(spec: Teacher | Student) -> int:
    """Steps that are executed: the released sampler's tail is one more."""
    return spec.steps + (isinstance(spec, Student) and spec.legacy_tail)


def ceiling_steps(student: int, improvement: int, *, percentile: int) -> int:
    """n_S + (k/100) n_R rounded up, in integers: floats err at 56 % of 25.

    Args:
        student: n_S, steps of the student.
        improvement: n_R, steps of the teacher on a rejected sample.
        percentile: k, the share of rejected samples in percent.
    """
    return student - (-percentile * improvement // 100)


def rejected_share(arm: Adaptive) -> Fraction | None:
    """The share of samples the arm improves, where tau alone tells: 0, 1, or None."""
    if math.isinf(arm.threshold):
        return Fraction(int(arm.threshold > 0))
    return None


def planned(
    arm: Teacher | Student | Adaptive, *, rejected: float | Fraction | None = None
) -> Budget:
    """The mean budget of an arm: n_S + rejected * n_R steps, and the forwards they take.

    Args:
        arm: the recipe.
        rejected: share of student samples that the teacher improves, k / 100, in [0, 1]. Needed
            for an adaptive arm whose threshold is finite; the others know it themselves.

    Raises:
        ValueError: the share is missing or outside [0, 1].
    """
    if not isinstance(arm, Adaptive):
        steps = Fraction(steps_of(arm))
        return Budget(steps, steps * forwards_per_step(arm))
    share = rejected_share(arm)
    if share is None:
        if rejected is None:
            raise ValueError(
                f"an adaptive arm with threshold {arm.threshold:g} improves a share of samples "
                "that its recipe does not tell. Give rejected, k / 100."
            )
        share = exact(rejected)
    if not 0 <= share <= 1:
        raise ValueError(f"rejected={float(share):g} is no share. Give k / 100, between 0 and 1.")
    own, more = planned(arm.student), planned(arm.teacher)
    return Budget(own.steps + share * more.steps, own.forwards + share * more.forwards)


def share_error(rejected: float | Fraction, *, samples: int, tuned_on: int | None = None) -> float:
    """Standard error of the realised share of rejected samples around the planned one.

        sqrt(p (1 - p) (1 / samples + 1 / tuned_on))

    The second term is the threshold's own: a percentile of few samples is a noisy one. It is left
    out when the threshold was set directly (`tuned_on` is None).
    """
    if samples < 1 or (tuned_on is not None and tuned_on < 1):
        raise ValueError(f"samples={samples}, tuned_on={tuned_on}: give numbers of at least 1.")
    p = float(rejected)
    return math.sqrt(p * (1 - p) * (1 / samples + (1 / tuned_on if tuned_on else 0)))
