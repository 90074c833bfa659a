"""Rules on how annotators work, tried on rehearsed pools with spammers among them."""

from collections import Counter

import numpy as np
import pytest

from annotate.analysis.mixing import extra_at, next_extra
from annotate.analysis.spammers import (
    HONEST,
    Pool,
    flagged,
    rehearse_pool,
    repaired,
    win_share,
)
from annotate.analysis.watching import Judged, Limits, rule_flags, suspicions

pytestmark = pytest.mark.whole

SEEDS = range(20)


def rules(votes: list[Judged]) -> list[str]:
    return [flag.rule for flag in rule_flags(votes, Limits())]


def hand(n: int, *, seconds: float = 4.0, **said: bool) -> list[Judged]:
    """Votes that no rule speaks of: two sides, no pattern that copying would make."""
    rng = np.random.default_rng(5)
    return [Judged(str(side), seconds, **said) for side in rng.permutation(["left", "right"] * n)]


def test_controls_keep_their_share_and_come_in_no_pattern():
    rates = {"control": 0.08, "repeat": 0.03}
    stands = [extra_at(n, rates=rates, key="seed|7") for n in range(1000)]
    assert stands.count("control") in {79, 80, 81}
    assert 25 <= stands.count("repeat") <= 31  # where both meet, the control stands
    places = [n for n, kind in enumerate(stands) if kind]
    assert len(set(np.diff(places))) > 10
    assert next_extra(places[3], rates=rates, key="seed|7") == places[4]
    assert next_extra(0, rates={"control": 0.0}, key="seed|7") is None


@pytest.mark.parametrize(
    ("votes", "rule"),
    [
        (hand(20) + hand(5, control=False), "controls"),
        (hand(20) + hand(5, repeat=False), "consistency"),
        (hand(20) + hand(20, seconds=1.2), "speed"),
        ([Judged("left", 4.0)] * 14 + hand(20) + [Judged("left", 4.0)] * 14, "side"),
        (hand(20) + [Judged("equal", 4.0)] * 15, "run"),
        ([Judged(side, 4.0) for side in ("left", "right") for _ in range(5)] * 5, "copies"),
    ],
)
def test_each_rule_speaks_of_what_it_is_for(votes, rule):
    assert rules(hand(30)) == []
    assert rule in rules(votes)


def test_two_wrong_controls_of_twenty_are_forgiven_and_old_ones_forgotten():
    old = hand(5, control=False)
    late = hand(9, control=True) + [Judged("left", 4.0, control=False)] * 2
    assert rules(old + late) == []


def test_spammers_stand_out_after_forty_votes_each():
    """Four kinds, a fifth of thirty people: mean area under the ROC curve over all signals."""
    areas = []
    for seed in SEEDS:
        done = rehearse_pool(Pool(pairs=360), seed=seed)
        found = suspicions({who: work[:40] for who, work in enumerate(done.work)})
        scores = {kind == HONEST: [] for kind in done.kinds}
        for who, kind in enumerate(done.kinds):
            scores[kind == HONEST].append(found[who].score)
        spam, honest = np.array(scores[False])[:, None], np.array(scores[True])
        areas.append(np.mean((spam > honest) + 0.5 * (spam == honest)))
    assert np.mean(areas) > 0.95


@pytest.mark.slow
def test_repair_brings_the_win_rate_back_to_that_of_honest_people():
    """Flags, voids, refills; against the same run with honest people in the spammers' place."""
    pool = Pool()
    off, off_unrepaired = [], []
    for seed in SEEDS:
        done = rehearse_pool(pool, seed=seed)
        honest = win_share(rehearse_pool(pool, seed=seed, honest=True).cast)
        out = flagged(done.work, Limits(), among=range(pool.annotators))
        votes = repaired(done, out, pool, seed=seed)
        assert set(Counter(vote.pair for vote in votes).values()) == {3}
        assert len({(vote.pair, vote.annotator) for vote in votes}) == len(votes)
        off.append(abs(win_share(votes) - honest))
        off_unrepaired.append(abs(win_share(done.cast) - honest))
    assert np.mean(off) < 0.01
    assert np.mean(off) < np.mean(off_unrepaired)
