"""How often intervals cover and how often a study without a difference is stopped, by simulation.
It must not know Django; exit status 1 when a share leaves the bounds the project has set itself.

    python -m benchmarks.coverage
"""

from __future__ import annotations

import math
import sys
import time

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from annotate.analysis.clustered import crossed_share, kinds
from annotate.analysis.contrast import Result
from annotate.analysis.crossed import crossed_bootstrap
from annotate.analysis.crossed_verdicts import crossed_win_rate
from annotate.analysis.crowd import Crowd, crowd_for, verdict_shares
from annotate.analysis.grouped import grouped_rate
from annotate.analysis.rehearsal import rehearse
from annotate.analysis.sequential import log_e_values
from annotate.analysis.verdict import SPLIT, majority_array
from annotate.analysis.winrate import win_rate
from annotate.studies.protocol import Protocol
from tests.analysis.crowds import crowd, grouped, true_share, true_win_rate, verdicts

PROMPTS, PEOPLE, STUDIES, NULLS = 600, 40, 1000, 10_000
# Pairs that are in work at once: a third vote comes up to so many pairs later.
DELAY = 60
# Of the crossed bootstrap, as in a report.
RESAMPLES = 1000
# Prompts, annotators, and how many of these vote on a prompt: a study, few votes of each annotator,
# and everybody judging everything.
DESIGNS = ((600, 40, 3), (600, 400, 3), (200, 150, 3), (150, 16, 16))


def null_verdicts(
    rng: np.random.Generator, studies: int, *, on_demand: bool = True
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(verdicts 1, 0, -1, asked a third) of studies whose true win rate is exactly one half.

    Prompts and annotators differ (deviations 1 and 0.4 in logits, ties 16 %); annotators come in
    pairs of opposite opinions, so that the pool as a whole has none. On demand two equal votes
    decide; otherwise all three are cast and counted by the rule that makes a study's verdicts.

    Returns:
        two arrays of shape (studies, prompts).
    """
    shape = (studies, PROMPTS)
    half = rng.normal(0, 0.4, (studies, PEOPLE // 2))
    opinions = np.concatenate([half, -half], axis=1)
    first = rng.integers(0, PEOPLE, shape)
    second = (first + rng.integers(1, PEOPLE, shape)) % PEOPLE
    third = rng.integers(0, PEOPLE - 2, shape)
    low, high = np.minimum(first, second), np.maximum(first, second)
    third = third + (third >= low)
    third = third + (third >= high)
    own = rng.normal(0, 1, shape)
    votes = []
    for who in (first, second, third):
        chance = 1 / (1 + np.exp(-(own + np.take_along_axis(opinions, who, axis=1))))
        won = np.where(rng.random(shape) < chance, 1, -1)
        votes.append(np.where(rng.random(shape) < 0.16, 0, won))
    one, two, three = votes
    if not on_demand:
        task, label = np.repeat(np.arange(one.size), 3), np.stack(votes, axis=-1).ravel() + 1
        outcome = majority_array(task, label, n_tasks=one.size).reshape(shape)
        return np.where(outcome == SPLIT, 0, outcome - 1), np.ones(shape, dtype=np.bool_)
    differ = one != two
    # Two equal votes decide; else the third joins one of them, or all three differ: a tie.
    verdict = np.where(~differ, one, np.where(three == one, one, np.where(three == two, two, 0)))
    return verdict, differ


def false_alarms(
    *, a: float, on_demand: bool = True, studies: int = NULLS, seed: int = 20261123
) -> tuple[float, float]:
    """Shares of null studies that are ever stopped, looked at after every decided pair:

    along the serving order over the decided prefix, and in the order in which pairs are decided.
    """
    rng = np.random.default_rng(seed)
    table = log_e_values(np.arange(PROMPTS + 1)[:, None], np.arange(PROMPTS + 1)[None, :], a=a)
    stopped = np.zeros(2)
    for start in range(0, studies, 500):
        n = min(500, studies - start)
        verdict, differ = null_verdicts(rng, n, on_demand=on_demand)
        decided_at = np.arange(PROMPTS) + differ * rng.uniform(0, DELAY, verdict.shape)
        by_completion = np.take_along_axis(verdict, np.argsort(decided_at, axis=1), axis=1)
        # A prefix ends before the first pair that is open at the moment of looking: every prefix
        # is seen at some look, none is seen that is longer.
        for place, order in enumerate((verdict, by_completion)):
            wins, losses = np.cumsum(order > 0, axis=1), np.cumsum(order < 0, axis=1)
            stopped[place] += (table[wins, losses].max(axis=1) >= math.log(20)).sum()
    return float(stopped[0] / studies), float(stopped[1] / studies)


def two_way(*, lean: float, studies: int = STUDIES) -> float:
    """How often the two-way interval of the vote share holds the true share."""
    truth = true_share(lean, math.hypot(1.0, 0.4))
    held = 0
    for seed in range(studies):
        seen = crossed_share(*crowd(seed, prompts=PROMPTS, annotators=PEOPLE, lean=lean))
        assert seen.low is not None
        assert seen.high is not None
        held += seen.low <= truth <= seen.high
    return held / studies


def crossed(*, prompts: int, people: int, each: int, studies: int) -> dict[str, float]:
    """How often intervals over prompts and annotators hold the true share of votes.

    `each` annotators vote on a prompt; with all of them everybody judged everything. The third is
    Owen's bootstrap as he gives it, without the two-way spread: the percentiles of its draws.
    """
    truth, held = true_share(0.2, math.hypot(1.0, 0.4)), np.zeros(3)
    reach = float(stdtrit(min(prompts, people) - 1, 0.975) / ndtri(0.975))
    for seed in range(studies):
        rng = np.random.default_rng([20261123, seed])
        prompt = np.repeat(np.arange(prompts), each)
        person = np.argsort(rng.random((prompts, people)), axis=1)[:, :each].ravel()
        logit = 0.2 + rng.normal(0, 1.0, prompts)[prompt] + rng.normal(0, 0.4, people)[person]
        won = rng.random(len(prompt)) < 1 / (1 + np.exp(-logit))
        results = [Result.WIN if one else Result.LOSS for one in won.tolist()]
        columns = (results, prompt.tolist(), person.tolist())
        two = crossed_share(*columns)
        one = crossed_bootstrap(*columns, rng=rng, resamples=RESAMPLES)
        assert one.estimate is not None
        assert one.spread is not None
        ends = np.array([(two.low, two.high), (one.low, one.high)], dtype=np.float64)
        plain = one.estimate + (ends[1] - one.estimate) / (one.spread * reach)
        ends = np.vstack([ends, plain])
        held += (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    names = ("two-way interval", "crossed bootstrap", "plain percentiles")
    return dict(zip(names, (held / studies).tolist(), strict=True))


def bootstrap(*, groups: int, studies: int = STUDIES) -> float:
    """How often the bootstrap over groups of prompts holds the true win rate."""
    truth, held = true_share(0.2, 1.0), 0
    for seed in range(studies):
        results, of = grouped(seed, groups=groups, size=PROMPTS // groups)
        seen = grouped_rate(results, of, rng=np.random.default_rng(seed))
        assert seen.low is not None
        assert seen.high is not None
        held += seen.low <= truth <= seen.high
    return held / studies


def over_verdicts(*, people: int, size: int = 1, studies: int = STUDIES) -> dict[str, list[float]]:
    """How often intervals over verdicts from clustered votes hold two different truths.

    First the win rate with these annotators, prompts being new; second that with annotators drawn
    anew, too. `size` prompts are a group.
    """
    anew, held = true_win_rate(0.2), np.zeros((3, 2))
    pool = Crowd(lean=0.2, tie=0.16, prompt_sd=1.0, annotator_sd=0.4, annotators=people)
    for seed in range(studies):
        rng = np.random.default_rng([20261123, seed])
        opinions = rng.normal(0, 0.4, people)
        won, lost = (float(share[0]) for share in verdict_shares(pool, opinions[None]))
        truths = np.array([won / (won + lost), anew])
        results, groups, asked = verdicts(seed, annotators=people, size=size, opinions=opinions)
        wins, ties, losses, _ = np.bincount(kinds(results)[0], minlength=4).tolist()
        seen = (
            win_rate(wins, ties, losses),
            grouped_rate(results, groups, rng=rng),
            crossed_win_rate(results, groups, asked),
        )
        ends = np.array([(one.low, one.high) for one in seen], dtype=np.float64)
        held += (ends[:, :1] <= truths) & (truths <= ends[:, 1:])
    names = ("Wilson", "bootstrap", "prompts and annotators")
    return dict(zip(names, (held / studies).tolist(), strict=True))


def decided_again(*, people: int, studies: int = 200, resamples: int = 500) -> tuple[float, float]:
    """Of a bootstrap that draws annotators and prompts and decides by the votes drawn:

    how often its percentiles hold the win rate with annotators drawn anew, and how far the mean of
    its draws lies from the rate that was seen.
    """
    truth, held, off = true_win_rate(0.2), 0, 0.0
    for seed in range(studies):
        votes, _, person = crowd(seed, annotators=people)
        vote = kinds(votes)[0].reshape(PROMPTS, 3)
        rng = np.random.default_rng([20261123, seed])
        often, prompts = (
            rng.multinomial(n, np.full(n, 1 / n), resamples) for n in (people, PROMPTS)
        )
        # (resamples, prompts, votes): how often each vote was drawn by its annotator.
        drawn = often[:, np.array(person).reshape(PROMPTS, 3)]
        won, tied, lost = ((drawn * (vote == kind)).sum(axis=2) for kind in range(3))
        wins = (prompts * (won > np.maximum(tied, lost))).sum(axis=1)
        losses = (prompts * (lost > np.maximum(tied, won))).sum(axis=1)
        rates = wins / (wins + losses)
        low, high = np.quantile(rates, (0.025, 0.975))
        counts = np.array([(vote == kind).sum(axis=1) for kind in range(3)])
        first = (counts[0] > counts[1:].max(axis=0)).sum()
        other = (counts[2] > counts[:2].max(axis=0)).sum()
        held += low <= truth <= high
        off += float(rates.mean() - first / (first + other))
    return held / studies, off / studies


def power_gap(win_rate: float, *, tie: float, studies: int = 5000) -> tuple[float, float]:
    """Planned and simulated power of 600 prompts with prompts and annotators that differ."""
    people = crowd_for(win_rate, tie_rate=tie, prompt_sd=1.0, annotator_sd=0.4, annotators=PEOPLE)
    seen = rehearse(people, PROMPTS, studies=studies, rng=np.random.default_rng(7))
    return seen.expected.power, seen.power


def main() -> int:
    began, fine = time.perf_counter(), True

    def told(what: str, share: float, low: float, high: float) -> None:
        nonlocal fine
        held = low <= share <= high
        fine &= held
        print(f"{what}: {100 * share:.2f} % ({'held' if held else 'MISSED'}: "
              f"{100 * low:g} to {100 * high:g} %)")  # fmt: skip

    print(f"{PROMPTS} prompts, {PEOPLE} annotators, three votes each, nominal 95 %")
    for lean in (0.0, 0.2, 0.6):
        told(f"two-way interval, lean {lean}, {STUDIES:,} studies", two_way(lean=lean), 0.93, 0.97)
    for groups in (600, 300):
        share = bootstrap(groups=groups)
        told(f"bootstrap over {groups} groups, {STUDIES:,} studies", share, 0.93, 0.97)
    for people, size in ((40, 1), (400, 1), (40, 2)):
        of = f"{PROMPTS} verdicts in {PROMPTS // size} groups, {people} annotators"
        held = over_verdicts(people=people, size=size, studies=3 * STUDIES)
        for name in ("Wilson", "bootstrap") if size == 1 else ("bootstrap",):
            these, anew = held[name]
            told(f"{name}, {of}, these annotators, {3 * STUDIES:,} studies", these, 0.93, 0.97)
            print(f"  the same for annotators drawn anew, not claimed: {100 * anew:.2f} %")
        these, anew = held["prompts and annotators"]
        told(f"prompts and annotators, {of}, drawn anew, {3 * STUDIES:,} studies", anew, 0.93, 0.97)
    for people in (40, 400):
        share, off = decided_again(people=people)
        print(f"  deciding again by annotators drawn of {people}, not offered: "
              f"{100 * share:.1f} %, centre {100 * off:+.1f} points")  # fmt: skip
    for prompts, people, each in DESIGNS:
        shares = crossed(prompts=prompts, people=people, each=each, studies=STUDIES)
        plain = shares.pop("plain percentiles")
        for name, share in shares.items():
            what = f"{name}, {prompts} prompts, {each} of {people} annotators on each"
            told(f"{what}, {STUDIES:,} studies", share, 0.93, 0.97)
        print(f"  plain percentiles of its draws, which are not offered: {100 * plain:.2f} %")
    for on_demand, mode in ((False, "three votes each"), (True, "on demand")):
        for a in (0.5, Protocol().stopping_prior):
            # Other studies for each mode: the same votes would give the same verdicts.
            prefix, completion = false_alarms(
                a=a, on_demand=on_demand, seed=20261123 + (not on_demand)
            )
            told(f"e-process, a = {a:g}, {mode}, {NULLS:,} null studies", prefix, 0.0, 0.05)
            print(
                f"  the same in order of completion, which is not offered: {100 * completion:.2f} %"
            )
    for rate, tie in ((0.55, 0.16), (0.58, 0.3)):
        planned, power = power_gap(rate, tie=tie)
        told(f"planned less simulated power, win rate {rate}", abs(planned - power), 0, 0.02)
        print(f"  planned {100 * planned:.1f} %, simulated {100 * power:.1f} %")
    print(f"{time.perf_counter() - began:.0f} s")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
