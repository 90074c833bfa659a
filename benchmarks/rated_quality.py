"""Are spammers found where levels are given, and does repair restore the scores? Twenty seeds.

    python -m benchmarks.rated_quality [--seeds 20]     # exits 1 where a promise is missed

Pure simulation: no database, no pictures, no people. Pools of a diversity study with the four kinds
of spammers of `simulate_annotators`, judged by the rules that watch the product's own studies.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from annotate.analysis.habits import HURRY, SPAMMERS, Habit, cast
from annotate.analysis.mixing import extra_at
from annotate.analysis.rated_votes import RatedVote, Sort, rated_work
from annotate.analysis.spammers import HONEST, REPEAT_AFTER, flagged
from annotate.analysis.watching import Judged, Limits, rule_flags, suspicions
from annotate.cli.simulated_rating import press_levels, rate
from benchmarks.annotator_quality import VOTES, area
from benchmarks.diversity import CONFIG, SCALE, picture

PEOPLE, OVERLAP, SPAM, SECONDS = 30, 3, 0.2, 8.0
SPREADS = {"varied": 1.0, "less varied": 0.8, "collapsed": 0.3}
RATES = {"control": 0.08, "repeat": 0.03}
LEVELS = {str(n): score for n, score in enumerate(SCALE)}
Truth = dict[str, float]


@dataclass
class Person:
    """One annotator. Honest ones see differences smaller or larger than they are, each by a factor

    of their own, and are right by that in 75 to 95 of 100 answers, else a level beside it.
    """

    habit: Habit
    rng: np.random.Generator
    before: dict[str, str] | None = None

    def __post_init__(self) -> None:
        self.accuracy = float(self.rng.uniform(0.75, 0.95))
        self.factor = float(self.rng.lognormal(0, 0.2))
        self.pace = SECONDS * float(self.rng.lognormal(0, 0.35))

    def seen(self, truth: Truth) -> Truth:
        """A picture as this person sees it; which scene it shows is no matter of degree."""
        return {k: v if k == "scene" else self.factor * v for k, v in truth.items()}

    def say(self, left: Truth, right: Truth) -> tuple[tuple[str, ...], float]:
        """Levels and seconds on a pair."""
        said = press_levels(self.habit, config=CONFIG, before=self.before, rng=self.rng) or rate(
            self.seen(left), self.seen(right), config=CONFIG, accuracy=self.accuracy, rng=self.rng
        )
        self.before = said
        seconds = self.pace * float(self.rng.lognormal(0, 0.5))
        return tuple(said.values()), HURRY * seconds if self.habit == "fast" else seconds


@dataclass(frozen=True)
class Pool:
    """A judged study: who is what, the votes in order of each person, and their work."""

    kinds: tuple[Habit, ...]
    people: tuple[Person, ...]
    pairs: tuple[tuple[Truth, Truth], ...]
    votes: tuple[RatedVote, ...]

    @property
    def work(self) -> list[tuple[Judged, ...]]:
        found = rated_work(self.votes, LEVELS)
        return [found[who] for who in range(len(self.kinds))]


def rehearse(prompts: int, *, seed: int, honest: bool = False) -> Pool:
    """Everybody judges an equal share of the pairs, three different people each."""
    rng = np.random.default_rng([seed, 0])
    pairs = tuple(
        (picture(spread, n, rng), picture(spread, n, rng))
        for spread in SPREADS.values()
        for n in range(prompts)
    )
    kinds = cast(PEOPLE, spammers=SPAM, rng=rng)
    kinds = (HONEST,) * PEOPLE if honest else kinds
    people = tuple(Person(k, np.random.default_rng([seed, 1, i])) for i, k in enumerate(kinds))
    hands: list[list[int]] = [[] for _ in kinds]
    for pair in rng.permutation(len(pairs)):
        least = sorted(range(PEOPLE), key=lambda i: (len(hands[i]), rng.random()))
        for who in least[:OVERLAP]:
            hands[who].append(int(pair))
    votes: list[RatedVote] = []
    for who, person in enumerate(people):
        votes += judged(person, who, hands[who], pairs, key=f"{seed}|{who}")
    return Pool(kinds, people, pairs, tuple(votes))


def judged(
    person: Person, who: int, hand: list[int], pairs: tuple[tuple[Truth, Truth], ...], *, key: str
) -> list[RatedVote]:
    """One annotator's votes, anchors of both sorts and repeats mixed in as in live work."""
    live, done, place, votes = list(hand), list[int](), 0, list[RatedVote]()

    def vote(pair: int, sort: Sort, left: Truth, right: Truth) -> None:
        votes.append(RatedVote(who, pair, sort, *person.say(left, right)))

    while live:
        kind = extra_at(place, rates=RATES, key=key)
        place += 1
        one, other = (pairs[int(n)][0] for n in person.rng.choice(len(pairs), 2, replace=False))
        if kind == "control":
            same = bool(person.rng.random() < 0.5)
            # Two prompts may show one style from one angle.
            vote(-1, "same" if same else "high", one, one if same else other | {"scene": -1})
        elif kind == "repeat" and len(done) > REPEAT_AFTER:
            pair = done[int(person.rng.integers(len(done) - REPEAT_AFTER))]
            vote(pair, "repeat", *pairs[pair])
        else:
            done.append(live.pop(0))
            vote(done[-1], "live", *pairs[done[-1]])
    return votes


def overall(votes: Collection[RatedVote], pairs: int) -> np.ndarray:
    """(methods,) mean over a method's prompts of the mean of a prompt's votes."""
    on: dict[int, list[float]] = defaultdict(list)
    for vote in votes:
        if vote.sort == "live":
            on[int(str(vote.pair))].append(float(np.mean([LEVELS[one] for one in vote.levels])))
    means = np.array([np.mean(on[pair]) for pair in range(pairs)])
    return np.array(means.reshape(len(SPREADS), -1).mean(axis=1))


def repaired(done: Pool, out: set[int], *, seed: int) -> list[RatedVote]:
    """The votes after those of `out` were voided and others judged those pairs."""
    draw = np.random.default_rng([seed, 2])
    had: dict[object, set[int]] = defaultdict(set)
    live = [vote for vote in done.votes if vote.sort == "live"]
    for vote in live:
        had[vote.pair].add(int(str(vote.annotator)))
    kept = [vote for vote in live if vote.annotator not in out]
    for vote in live:
        if vote.annotator in out:
            who = int(draw.choice(sorted(set(range(PEOPLE)) - out - had[vote.pair])))
            had[vote.pair].add(who)
            said = done.people[who].say(*done.pairs[int(str(vote.pair))])
            kept.append(RatedVote(who, vote.pair, "live", *said))
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description="Are those who do not look found?")
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    areas, by_kind, told = list[float](), defaultdict[str, list[float]](list), Counter[str]()
    off, spoilt, three = list[float](), list[float](), True
    for seed in range(seeds):
        done = rehearse(200, seed=seed)
        work = done.work
        found = suspicions({who: rows[:VOTES] for who, rows in enumerate(work)})
        score = {
            habit: [found[who].score for who, kind in enumerate(done.kinds) if kind == habit]
            for habit in (HONEST, *SPAMMERS)
        }
        areas.append(area([s for habit in SPAMMERS for s in score[habit]], score[HONEST]))
        for habit in SPAMMERS:
            by_kind[habit].append(area(score[habit], score[HONEST]))
        out = flagged(work, Limits(), among=range(PEOPLE))
        for who, kind in enumerate(done.kinds):
            told[f"{kind} of"] += 1
            told[kind] += who in out
            for flag in rule_flags(work[who], Limits()):
                told[f"{kind} {flag.rule}"] += 1
        again = repaired(done, out, seed=seed)
        counts = Counter(vote.pair for vote in again)
        three &= set(counts.values()) == {OVERLAP}
        honest = overall(rehearse(200, seed=seed, honest=True).votes, len(done.pairs))
        off += list(overall(again, len(done.pairs)) - honest)
        spoilt += list(overall(done.votes, len(done.pairs)) - honest)
    print(f"after {VOTES} votes each, {seeds} seeds: mean AUC {np.mean(areas):.3f}, ", end="")
    print(f"lowest {min(areas):.3f}")
    for habit in SPAMMERS:
        print(f"  spammers {habit:8} {np.mean(by_kind[habit]):.3f}")
    for kind in (*SPAMMERS, HONEST):
        rules = [f"{k.split()[1]} {n}" for k, n in sorted(told.items()) if k.startswith(f"{kind} ")]
        said = ", ".join(rule for rule in rules if not rule.startswith("of "))
        print(f"  {kind:8} {told[kind]} of {told[f'{kind} of']} flagged; by rule: {said or 'none'}")
    for name, found_off in (("unrepaired", spoilt), ("repaired", off)):
        size = np.abs(found_off)
        print(f"  overall score, {name:10} mean size {size.mean():.4f}, largest {size.max():.4f}")
    print(f"  every pair has its votes again: {three}")
    met = np.mean(areas) > 0.95 and three and np.mean(np.abs(off)) < np.mean(np.abs(spoilt))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
