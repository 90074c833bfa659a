"""Guidance chosen on validation prompts, for every sampler and step count of the reference world.

Must not know test prompts: what is chosen here is measured there.
"""

from collections.abc import Callable, Sequence

from generation.bundle import Bundle
from generation.reference.s1 import judge, trial, words
from generation.spec import Student, Teacher, Weights

# What is tried. The teacher's best is low: more discolours the backgrounds.
TEACHER_GUIDANCE = (1.0, 1.5, 2.0, 2.5)
CONTROL_GUIDANCE = (1.0, 2.0, 3.0, 4.0)
TEACHER_STEPS: tuple[tuple[str, int], ...] = (
    ("ddim", 50),
    ("ddim", 20),
    ("unipc", 10),
    ("unipc", 20),
)
CONTROL_STEPS = (1, 2, 4, 5)

# scheduler or "control" → steps → guidance → share fully right
Table = dict[str, dict[str, dict[str, float]]]


def tune(
    bundle: Bundle,
    weights: Weights,
    *,
    prompts: int = 200,
    seed: int = 1,
    say: Callable[[str], object] = str,
) -> Table:
    """Share of validation prompts fully right for every setting tried."""
    texts = words.prompts("validation", prompts, seed=seed)
    table: Table = {}

    def enter(row: str, spec: Teacher | Student) -> None:
        share = fully_right(bundle, spec, texts, seed=seed)
        table.setdefault(row, {}).setdefault(str(spec.steps), {})[str(spec.guidance)] = share
        say(f"{row} {spec.steps} steps, guidance {spec.guidance}: {share:.3f} fully right")

    for scheduler, steps in TEACHER_STEPS:
        for w in TEACHER_GUIDANCE:
            teacher = {"model": weights, "scheduler": scheduler, "steps": steps, "guidance": w}
            enter(scheduler, Teacher.model_validate(teacher))
    for steps in CONTROL_STEPS:
        for w in CONTROL_GUIDANCE:
            enter("control", Student(model=weights, steps=steps, guidance=w))
    return table


def fully_right(
    bundle: Bundle, spec: Teacher | Student, prompts: Sequence[str], *, seed: int
) -> float:
    """Share of prompts whose picture shows all that was asked."""
    pictures = trial.sampled(bundle, spec, prompts, seed=seed)
    return float(judge.judge(prompts, pictures).fully.mean())


def chosen(table: Table) -> dict[str, dict[str, float]]:
    """The best guidance of each row at each step count; the lower one of equals.

    A teacher's sampler has one for all its step counts, the best on their average: 200 prompts
    cannot tell the counts apart, and arms that are compared at one budget, refined in half the
    steps or sampled in all, must not differ by it. The control's counts differ by more.
    """
    found = {}
    for row, by_steps in table.items():
        alone = {steps: _best([tried]) for steps, tried in by_steps.items()}
        shared = dict.fromkeys(by_steps, _best(list(by_steps.values())))
        found[row] = alone if row == "control" else shared
    return found


def _best(tried: Sequence[dict[str, float]]) -> float:
    """Of the settings tried, the guidance that shows most on average; the lower one of equals."""
    return min((-sum(shares[w] for shares in tried), float(w)) for w in tried[0])[1]
