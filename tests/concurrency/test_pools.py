"""Pools that are voted until nothing is left, on the real server, by people who do all they can."""

import random
import threading

import pytest

from annotate.studies.protocol import Protocol
from tests.concurrency.annotators import Annotator, Habits, Ledger, Tab
from tests.concurrency.site import Site, wait_until
from tests.concurrency.standing import open_slots, standing

pytestmark = [pytest.mark.bothdb, pytest.mark.server]

RUDE = {"doubles": 0.1, "strays": 0.08, "dawdles": 0.06}


def vote_until_empty(site: Site, *, pairs: int, people: int, lease_minutes: float) -> str:
    """Everybody votes as fast as they can; returns the counts, which must be faultless."""
    protocol = Protocol(lease_minutes=lease_minutes)
    given = {"lease_minutes": lease_minutes}
    study = site.fill(name="pool", pairs=pairs, annotators=people, protocol=given)
    site.start()
    ledger, done = Ledger(), threading.Event()
    habits = Habits(**RUDE, lease=60 * lease_minutes)
    annotators = [
        Annotator(
            lambda session=session: Tab(site.port, study["uid"], session),
            name=f"annotator {n}",
            habits=habits,
            ledger=ledger,
            done=done,
            rng=random.Random(f"pool {pairs} {people} {n}"),
        )
        for n, session in enumerate(study["sessions"])
    ]
    for annotator in annotators:
        annotator.start()
    emptied = wait_until(lambda: open_slots(site.database) == 0, seconds=240)
    done.set()
    for annotator in annotators:
        annotator.join(60)
    found = standing(site.database, ledger, protocol)
    counts = ", ".join(f"{what}: {n}" for what, n in sorted(ledger.seen.items()))
    summary = f"{pairs} pairs, C = {people}: {found} ({counts})"
    assert emptied, summary
    assert found.is_right, f"{summary}\n{ledger.errors[:5]}\n{site.log[-3000:]}"
    assert found.votes == 3 * pairs
    assert found.unacknowledged == 0
    assert {"stray 409 passed_on", "double 200", "double 201"} <= set(ledger.seen)
    assert any(what.startswith("late vote") for what in ledger.seen)
    return summary


def test_a_pool_is_voted_until_empty(site, say):
    say(vote_until_empty(site, pairs=60, people=8, lease_minutes=0.02))


@pytest.mark.slow
@pytest.mark.parametrize("people", [8, 32, 64])
@pytest.mark.parametrize("pairs", [60, 600])
def test_pools_are_voted_until_empty(site, say, pairs, people):
    say(vote_until_empty(site, pairs=pairs, people=people, lease_minutes=0.0025 * people))
