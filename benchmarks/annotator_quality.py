"""Are spammers found, and does repair restore the result? Rehearsed pools, twenty seeds.

    python -m benchmarks.annotator_quality [--seeds 20] [--pairs 600]

Exits 1 where a promise is missed.

Pure simulation (`annotate.analysis.spammers`): no database, no pictures, no people.
"""

import argparse
import sys
from collections import Counter, defaultdict

import numpy as np

from annotate.analysis.habits import SPAMMERS
from annotate.analysis.spammers import (
    HONEST,
    Pool,
    flagged,
    rehearse_pool,
    repaired,
    win_share,
)
from annotate.analysis.watching import Limits, rule_flags, suspicions

VOTES = 40


def areas(seeds: int) -> tuple[list[float], dict[str, list[float]], dict[str, list[float]]]:
    """Area under the ROC curve per seed; by kind of spammer; and by signal alone."""
    whole: list[float] = []
    by_kind: dict[str, list[float]] = defaultdict(list)
    by_signal: dict[str, list[float]] = defaultdict(list)
    for seed in range(seeds):
        done = rehearse_pool(Pool(pairs=360), seed=seed)
        found = suspicions({who: work[:VOTES] for who, work in enumerate(done.work)})
        honest = [who for who, kind in enumerate(done.kinds) if kind == HONEST]
        spam = [who for who, kind in enumerate(done.kinds) if kind != HONEST]
        whole.append(area([found[w].score for w in spam], [found[w].score for w in honest]))
        for kind in SPAMMERS:
            those = [found[w].score for w in spam if done.kinds[w] == kind]
            by_kind[kind].append(area(those, [found[w].score for w in honest]))
        for signal in ("controls", "others", "consistency", "speed", "side", "copies"):
            # Who met no control or repeat yet is like anybody by that signal.
            score = {w: -found[w].signals.get(signal, 1.0) for w in range(len(done.kinds))}
            by_signal[signal].append(area([score[w] for w in spam], [score[w] for w in honest]))
    return whole, by_kind, by_signal


def area(above: list[float], below: list[float]) -> float:
    a, b = np.array(above)[:, None], np.array(below)
    return float(np.mean((a > b) + 0.5 * (a == b)))


def repairs(seeds: int, pool: Pool) -> tuple[list[float], list[float], Counter[str], bool]:
    """(repaired - honest, spoilt - honest) win rates by seed, who was flagged, all votes there."""
    off, spoilt, told, whole = [], [], Counter[str](), True
    for seed in range(seeds):
        done = rehearse_pool(pool, seed=seed)
        honest = win_share(rehearse_pool(pool, seed=seed, honest=True).cast)
        out = flagged(done.work, Limits(), among=range(pool.annotators))
        votes = repaired(done, out, pool, seed=seed)
        whole &= set(Counter(vote.pair for vote in votes).values()) == {pool.votes}
        off.append(win_share(votes) - honest)
        spoilt.append(win_share(done.cast) - honest)
        for who, kind in enumerate(done.kinds):
            told[f"{kind} {'flagged' if who in out else 'not'}"] += 1
            told[f"{kind} by a rule"] += bool(rule_flags(done.work[who], Limits()))
    return off, spoilt, told, whole


def main() -> int:
    parser = argparse.ArgumentParser(description="Are spammers found, and does repair restore?")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=600, help="of the repaired studies (600)")
    args = parser.parse_args()
    seeds = args.seeds
    whole, by_kind, by_signal = areas(seeds)
    print(f"after {VOTES} votes each, {seeds} seeds: mean AUC {np.mean(whole):.3f}, ", end="")
    print(f"lowest {min(whole):.3f}")
    for title, by in (("spammers", by_kind), ("signal", by_signal)):
        for name, found in by.items():
            print(f"  {title} {name:12} {np.mean(found):.3f}")
    met = bool(np.mean(whole) > 0.95)
    for lean in (0.2, 0.5):
        off, spoilt, told, three = repairs(seeds, Pool(lean=lean, pairs=args.pairs))
        print(f"lean {lean}: win rate against honest people in the spammers' place, in points")
        for name, found in (("unrepaired", spoilt), ("repaired", off)):
            points = 100 * np.array(found)
            print(
                f"  {name:12} mean {points.mean():+.2f}, mean size {abs(points).mean():.2f}, "
                f"largest {abs(points).max():.2f}"
            )
        for kind in (*SPAMMERS, HONEST):
            n = told[f"{kind} flagged"] + told[f"{kind} not"]
            rules = told[f"{kind} by a rule"]
            print(f"  {kind:12} {told[f'{kind} flagged']} of {n} flagged, {rules} by a single rule")
        print(f"  every pair has its votes again: {three}")
        met = met and three and bool(np.mean(np.abs(off)) < 0.01)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
