"""The gates of the reference world, measured anew from the weights in the repository.

Must not know how the weights were trained. Prompts are test prompts: neither training nor tuning
has seen them.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest

from generation.estimators import load_scorer
from generation.pipelines import load_bundle
from generation.ranges import seed, whole
from generation.reference.judge import cascade, overall
from generation.reference.s1 import draw, judge, trial, words
from generation.reference.s1.kept import S1, World
from generation.reference.s1.pictures import save_grid

TEACHER_STEPS, GATE_STEPS, REPORTED_STEPS = 50, 2, (1, 2, 4, 5)
TEACHER_GATE, JUDGE_GATE, SHUFFLED_GATE = 0.60, 0.99, 0.01
_RESAMPLES = 10_000
Say = Callable[[str], object]


@dataclass(frozen=True)
class Figure:
    """A measured number with its 95 % interval; `gate` says what it must reach, if anything."""

    name: str
    value: float
    low: float
    high: float
    n: int
    gate: str = ""
    holds: bool | None = None

    def __str__(self) -> str:
        line = f"{self.name}: {self.value:.3f} [{self.low:.3f}, {self.high:.3f}] (n={self.n})"
        if self.holds is None:
            return line
        return f"{line}  {'holds' if self.holds else 'MISSED'}: {self.gate}"


def share(name: str, right: NDArray[np.bool_], **gate: Any) -> Figure:
    """A share with Wilson's interval."""
    found = binomtest(int(right.sum()), len(right))
    interval = found.proportion_ci(method="wilson")
    return Figure(name, float(right.mean()), interval.low, interval.high, len(right), **gate)


def difference(
    name: str, a: NDArray[np.bool_], b: NDArray[np.bool_], *, seed: int, **gate: Any
) -> Figure:
    """Mean of a - b over the same prompts, with a percentile bootstrap interval over prompts."""
    gap = a.astype(float) - b.astype(float)
    rows = np.random.default_rng([seed, 0xB007]).integers(len(gap), size=(_RESAMPLES, len(gap)))
    low, high = np.quantile(gap[rows].mean(axis=1), [0.025, 0.975])
    return Figure(name, float(gap.mean()), float(low), float(high), len(gap), **gate)


def judge_figures(*, seed: int, n: int = 2000) -> list[Figure]:
    """Gate 1: true pictures are read right, other captions agree as often as they should."""
    rng = np.random.default_rng([seed, 0x1D6E])
    asked = words.book().asked[rng.choice(len(words.book().asked), size=n, p=words.book().chance)]
    looks = draw.settle(asked, rng=rng)
    seen = judge.see(draw.draw(looks))
    right = judge.compare(asked, seen).fully
    other = asked[rng.permutation(n)]
    fooled = judge.compare(other, seen).fully
    implied = ((other == looks.attributes()) | (other == words.OPEN)).all(axis=1)
    gap = difference("judge: shuffled captions, judged minus implied", fooled, implied, seed=seed)
    return [
        share(
            "judge: true pictures fully right",
            right,
            gate=f"at least {JUDGE_GATE}",
            holds=bool(right.mean() >= JUDGE_GATE),
        ),
        share("judge: shuffled captions judged fully right", fooled),
        share("judge: shuffled captions, implied by the scenes", implied),
        Figure(
            **asdict(gap)
            | {"gate": f"within {SHUFFLED_GATE}", "holds": abs(gap.value) <= SHUFFLED_GATE}
        ),
    ]


def measure(
    world: World = S1,
    *,
    prompts: int = 400,
    seed: int = 0,
    say: Say,
    grids: Path | None = None,
) -> list[Figure]:
    """All four gates and what is reported beside them.

    Raises:
        WeightsMissingError, WeightsRefusedError: the weights are not there or not the pinned ones.
    """
    texts = words.prompts("test", prompts, seed=seed)
    figures: list[Figure] = []

    def add(figure: Figure) -> None:
        figures.append(figure)
        say(str(figure))

    for figure in judge_figures(seed=seed):
        add(figure)
    teacher_bundle, student_bundle = (
        load_bundle(weights, device="cpu")
        for weights in (world.teacher_weights(), world.student_weights())
    )
    spec = world.teacher(TEACHER_STEPS)
    pictures = {"teacher": trial.sampled(teacher_bundle, spec, texts, seed=seed)}
    verdicts = {"teacher": judge.judge(texts, pictures["teacher"])}
    right = verdicts["teacher"].fully
    add(
        share(
            f"teacher DDIM-{TEACHER_STEPS}, guidance {spec.guidance}: fully right",
            right,
            gate=f"at least {TEACHER_GATE}",
            holds=bool(right.mean() >= TEACHER_GATE),
        )
    )
    for number, name in enumerate(words.ATTRIBUTES):
        told = verdicts["teacher"].asked[:, number]
        add(share(f"teacher: {name} right where asked", verdicts["teacher"].right[told, number]))
    for steps in REPORTED_STEPS:
        control = world.control(steps)
        made = {
            "student": trial.sampled(student_bundle, world.student(steps), texts, seed=seed),
            "control": trial.sampled(teacher_bundle, control, texts, seed=seed),
        }
        ours, theirs = (judge.judge(texts, made[name]) for name in ("student", "control"))
        pictures[f"student-{steps}"], verdicts[f"student-{steps}"] = made["student"], ours
        pictures[f"control-{steps}"] = made["control"]
        add(share(f"student, {steps} steps: fully right", ours.fully))
        add(
            share(f"control, {steps} steps, guidance {control.guidance}: fully right", theirs.fully)
        )
        name = f"student minus control at {steps} steps"
        gap = difference(name, ours.fully, theirs.fully, seed=seed)
        if steps == GATE_STEPS:
            gate = {"gate": "interval above 0", "holds": gap.low > 0}
            gap = Figure(**asdict(gap) | gate)
        add(gap)
    for steps in REPORTED_STEPS:
        for figure in _agreement(world, texts, pictures, verdicts, steps=steps, seed=seed):
            add(figure)
    if grids:
        grids.mkdir(parents=True, exist_ok=True)
        for name, made_ in pictures.items():
            save_grid(made_[:64], grids / f"{name}.png", columns=16, factor=4)
    return figures


def _agreement(
    world: World,
    texts: list[str],
    pictures: dict[str, NDArray[np.uint8]],
    verdicts: dict[str, judge.Verdict],
    *,
    steps: int,
    seed: int,
) -> list[Figure]:
    """Gate 4: pairs of student and teacher that the judge decides; who picks the winner?

    The gate is the estimate's: above the majority answer. Its interval is printed, not gated.
    """
    scorer = load_scorer(world.estimator(), device="cpu")
    name = f"student-{steps}"
    answers = [
        overall(cascade(a, b))
        for a, b in zip(verdicts[name].truths(), verdicts["teacher"].truths(), strict=True)
    ]
    decided = np.array([answer != "tie" for answer in answers])
    first = np.array([answer == "first" for answer in answers])[decided]
    ours, theirs = (scorer.score(texts, list(pictures[key])) for key in (name, "teacher"))
    agrees = ((ours > theirs)[decided]) == first
    majority = first.mean() >= 0.5
    usual = first == majority
    who = "student" if majority else "teacher"
    gain = difference(
        f"estimator minus majority, student {steps} steps / teacher", agrees, usual, seed=seed
    )
    if steps == GATE_STEPS:
        gate = {"gate": "above the majority answer", "holds": gain.value > 0}
        gain = Figure(**asdict(gain) | gate)
    return [
        share(f"estimator: agreement with the judge, student {steps} steps / teacher", agrees),
        share(f"always '{who}', student {steps} steps / teacher", usual),
        gain,
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m generation.reference.s1.report")
    parser.add_argument("--prompts", type=whole(1), default=400)
    parser.add_argument("--seed", type=seed, default=0)
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    parser.add_argument("--grids", type=Path, help="write sample grids into this folder")
    parser.add_argument("--world", type=Path, help="another world's folder than the repository's")
    given = parser.parse_args()
    torch.set_num_threads(1)
    figures = measure(
        World(str(given.world.absolute())) if given.world else S1,
        prompts=given.prompts,
        seed=given.seed,
        say=lambda line: print(line, file=sys.stdout, flush=True),  # noqa: T201  # its purpose
        grids=given.grids,
    )
    if given.out:
        given.out.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n")
    missed = [figure.name for figure in figures if figure.holds is False]
    print(f"gates missed: {', '.join(missed)}" if missed else "all four gates hold")  # noqa: T201
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
