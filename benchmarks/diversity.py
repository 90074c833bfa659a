"""Whether diversity scores find a collapsed method: simulated honest annotators, 100 prompts.

python -m benchmarks.diversity      # exits 1 where a promise fails
"""

import sys
from collections.abc import Iterator

import numpy as np

from annotate.analysis.diversity import (
    OVERALL,
    Attribute,
    DiversityScore,
    DiversityVote,
    diversity_differences,
    diversity_scores,
    levels,
)
from annotate.cli.simulated_rating import rate

PROMPTS, PEOPLE, ACCURACY, SEEDS = 100, 3, 0.9, 20
# How far a method's pictures of one prompt spread on each attribute; 1 is anything at all.
SPREADS = {"varied": 1.0, "less varied": 0.8, "collapsed": 0.3}
SCALE = levels(3)
CONFIG = {
    "attributes": [{"key": str(a)} for a in Attribute],
    "levels": [{"value": str(i), "digit": i + 1} for i in range(len(SCALE))],
}


def picture(spread: float, scene: int, rng: np.random.Generator) -> dict[str, float]:
    """A picture's truth: a place on each attribute, and the scene it shows."""
    places = spread * rng.random(len(Attribute))
    return dict(zip(map(str, Attribute), places.tolist(), strict=True)) | {"scene": scene}


def answers(
    left: dict[str, float], right: dict[str, float], rng: np.random.Generator
) -> Iterator[tuple[Attribute, float]]:
    """(attribute, score) of every honest annotator's answers to a pair."""
    for _ in range(PEOPLE):
        said = rate(left, right, config=CONFIG, accuracy=ACCURACY, rng=rng)
        yield from ((Attribute(name), SCALE[int(level)]) for name, level in said.items())


def main() -> int:
    last, significant, highs, sames = 0, 0, list[float](), list[float]()
    shown: dict[str, DiversityScore] = {}
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        votes = []
        for method, spread in SPREADS.items():
            for prompt in range(PROMPTS):
                pair = picture(spread, prompt, rng), picture(spread, prompt, rng)
                votes += [DiversityVote(method, prompt, a, s) for a, s in answers(*pair, rng)]
        one, other = picture(1.0, 0, rng), picture(1.0, 1, rng)
        sames += [score for _, score in answers(one, one, rng)]
        highs += [score for _, score in answers(one, other, rng)]
        overall = {s.method: s for s in diversity_scores(votes, rng=rng) if s.attribute == OVERALL}
        shown = shown or overall
        last += min(overall, key=lambda m: overall[m].estimate or 0) == "collapsed"
        against = [
            d.adjusted_p
            for d in diversity_differences(votes, rng=rng)
            if "collapsed" in (d.first, d.second)
        ]
        significant += max(against) < 0.01
    for s in shown.values():
        print(f"{s.method}: {s.estimate:.3f} [{s.low:.3f}, {s.high:.3f}] (seed 0)")
    print(f"identical pairs: mean {np.mean(sames):.3f}; pairs of two prompts: {np.mean(highs):.3f}")
    print(f"collapsed last: {last} of {SEEDS} seeds")
    print(f"Holm-adjusted p < .01 on every attribute against both others: {significant} of {SEEDS}")
    fine = last == significant == SEEDS and max(sames) == 0 and np.mean(highs) > 0.8
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
