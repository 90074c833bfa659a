"""Makes the pictures of a design that its shelf lacks, by the ordinary engine, and tunes tau.

    python -m generation.reference.s1.making FOLDER --prompts 400 --seed 0

Must not know verdicts or reports. Stopped at any time, it goes on with the parts that are missing.
"""

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from generation.produce import Made, Models, Wanted, produce
from generation.provenance import versions
from generation.ranges import seed, whole
from generation.reference.s1.arms import Arm, Design
from generation.reference.s1.shelf import PART, Shelf, Shelved, parts
from generation.reference.s1.tuning import tau_of
from generation.spec import Estimator

Job = tuple[dict[str, Arm], tuple[str, ...], int]


def make(design: Design, shelf: Shelf, *, models: Models, bar: "tqdm[Any]") -> None:
    """Everything the design needs: tuning samples first, as tau decides what the arms are.

    Raises:
        WeightsMissingError, WeightsRefusedError: the world's weights are not the pinned ones.
        RuntimeError: a sample could not be made.
    """
    tuning: list[Job] = [
        ({"tuning": design.student}, part, replica)
        for replica in range(design.replicas)
        for part in parts(design.tuning_prompts())
    ]
    _work(tuning, design, shelf, models=models, bar=bar)
    arms = design.arms(tau_of(design, shelf))
    again = design.again(arms)
    test = parts(design.test_prompts())
    jobs: list[Job] = [(arms, part, 0) for part in test] + [(again, part, 1) for part in test]
    _work(jobs, design, shelf, models=models, bar=bar)


def _work(
    jobs: Sequence[Job], design: Design, shelf: Shelf, *, models: Models, bar: "tqdm[Any]"
) -> None:
    missing = [
        (
            {n: a for n, a in arms.items() if not shelf.has(a, part, seed=design.seed, replica=r)},
            part,
            r,
        )
        for arms, part, r in jobs
    ]
    bar.total = (bar.total or 0) + sum(len(arms) * len(part) for arms, part, _ in missing)
    bar.refresh()
    for arms, part, replica in missing:
        if arms:
            _part(arms, part, design, shelf, replica=replica, models=models, bar=bar)
    for arms, part, replica in jobs:
        for arm in arms.values():
            if (
                shelf.scorer(arm, part, seed=design.seed, replica=replica)
                != design.estimator.digest()
            ):
                _score(arm, part, design, shelf, replica=replica, models=models)


def _score(
    arm: Arm, part: tuple[str, ...], design: Design, shelf: Shelf, *, replica: int, models: Models
) -> None:
    """Pictures outlast an estimator: those that another one scored are scored anew."""
    old = shelf.take(arm, part, seed=design.seed, replica=replica)
    scores = models.scorer(design.estimator).score(part, list(old.pictures))
    scorers = frozenset({design.estimator.digest()})
    new = replace(old, scores=scores.astype(np.float64), scorers=scorers)
    shelf.put(arm, part, new, seed=design.seed, replica=replica)


def _part(
    arms: Mapping[str, Arm],
    part: tuple[str, ...],
    design: Design,
    shelf: Shelf,
    *,
    replica: int,
    models: Models,
    bar: "tqdm[Any]",
) -> None:
    """One call for all arms, so that what they share is made once."""
    by_digest = {arm.digest(): arm for arm in arms.values()}
    wanted = [
        Wanted(
            sample=number * len(part) + place,
            arm=digest,
            prompt=text,
            prompt_digest=hashlib.sha256(text.encode()).hexdigest(),
            seed=design.seed,
            replica=replica,
        )
        for number, digest in enumerate(by_digest)
        for place, text in enumerate(part)
    ]
    made: dict[int, Made] = {}
    started = bar.n

    def sink(sample: Made) -> None:
        made[sample.sample] = sample

    def progress(done: int, total: int) -> None:
        share = len(arms) * len(part) * done / total
        bar.update(started + share - bar.n)

    spent = produce(
        by_digest,
        wanted,
        models=models,
        known={},
        sink=sink,
        progress=progress,
        stop=lambda: None,
        score_with=(design.estimator,),
    )
    if spent.failed:
        number, why = next(iter(spent.failed.items()))
        raise RuntimeError(f"{len(spent.failed)} samples failed, the first is {number}: {why}")
    for number, arm in enumerate(by_digest.values()):
        own = [made[number * len(part) + place] for place in range(len(part))]
        shelved = _shelved(own, design.estimator)
        shelf.put(arm, part, shelved, seed=design.seed, replica=replica)


def _shelved(made: Sequence[Made], estimator: Estimator) -> Shelved:
    return Shelved(
        pictures=np.stack([each.image for each in made]),
        steps=np.array([each.steps for each in made]),
        forwards=np.array([each.forwards for each in made]),
        scores=np.array([each.scores[estimator.digest()] for each in made]),
        decisions=np.array([each.decision for each in made], dtype=np.str_),
        scorers=frozenset({estimator.digest()}),
        codes=frozenset({versions()["code"]}),
    )


_READ = {
    "prompts": whole(2),
    "tuning": whole(2),
    "replicas": whole(1),
    "seed": seed,
    "student_steps": whole(1),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m generation.reference.s1.making")
    parser.add_argument("folder", type=Path)
    plain = Design()
    for name in _READ:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=_READ[name], default=getattr(plain, name))
    parser.add_argument("--threads", type=whole(1), default=torch.get_num_threads())
    given = vars(parser.parse_args(arguments))
    torch.set_num_threads(given.pop("threads"))
    folder: Path = given.pop("folder")
    models = Models(device="cpu", batch=PART)
    with tqdm(
        total=0, desc="pictures", unit="picture", smoothing=0.02, mininterval=1, file=sys.stderr
    ) as bar:
        make(Design(**given), Shelf(folder), models=models, bar=bar)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
