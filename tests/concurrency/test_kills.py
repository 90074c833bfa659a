"""Thirty-two people judge while processes of the server are killed at random."""

import random
import threading
from collections import Counter

import pytest

from annotate.studies.protocol import Protocol
from tests.concurrency.annotators import Annotator, Habits, Ledger, Tab
from tests.concurrency.site import Site, wait_until
from tests.concurrency.standing import open_slots, standing

pytestmark = [pytest.mark.bothdb, pytest.mark.slow, pytest.mark.server]

PAIRS, PEOPLE, TWO_TABS = 200, 32, 8
LEASE_SECONDS = 3.0
# Shares of pairs; a vote takes a second, so that the run outlasts many kills.
HABITS = Habits(
    doubles=0.10,
    strays=0.05,
    dawdles=0.05,
    skips=0.06,
    leaves=0.05,
    lease=LEASE_SECONDS,
    think=1.0,
    patience=60,
)


def kill_at_random(site: Site, done: threading.Event) -> None:
    """About two kills a second: mostly a worker, at times the master, at times all of them."""
    while not done.wait(site.rng.uniform(0.2, 0.8)):
        dice = site.rng.random()
        kind = "worker" if dice < 0.85 else "master" if dice < 0.93 else "all"
        if site.kill(kind) and kind != "worker":
            # Without a pause nobody would be served between two starts.
            wait_until(lambda: len(site.workers()) == 2 or done.is_set(), seconds=20)


def test_no_acknowledged_vote_is_lost_while_servers_are_killed(site, say):
    protocol = Protocol(lease_minutes=LEASE_SECONDS / 60)
    given = {"lease_minutes": protocol.lease_minutes}
    study = site.fill(name="kills", pairs=PAIRS, annotators=PEOPLE, protocol=given)
    site.start()
    ledger, done = Ledger(), threading.Event()
    sessions = [(n, 0, key) for n, key in enumerate(study["sessions"])]
    # Two tabs of one person share the pairs in hand.
    sessions += [(n, 1, key) for n, _, key in sessions[:TWO_TABS]]
    annotators = [
        Annotator(
            lambda key=key: Tab(site.port, study["uid"], key, patience=HABITS.patience),
            name=f"annotator {n}/{tab}",
            habits=HABITS,
            ledger=ledger,
            done=done,
            rng=random.Random(f"kills {n} {tab}"),
        )
        for n, tab, key in sessions
    ]
    killer = threading.Thread(target=kill_at_random, args=(site, done), daemon=True)
    for thread in (*annotators, killer):
        thread.start()
    emptied = wait_until(lambda: open_slots(site.database) == 0, seconds=240)
    done.set()
    for thread in (killer, *annotators):
        thread.join(90)
    found = standing(site.database, ledger, protocol)
    told = Counter({what: n for what, n in ledger.seen.items() if not what.startswith("hand")})
    broken = sum(a.tab.broken + a.second.broken for a in annotators)
    summary = (
        f"{sum(site.kills.values())} kills ({site.kills['worker']} workers, "
        f"{site.kills['master']} masters, {site.kills['all']} whole servers), {broken} broken "
        f"connections, {PAIRS} pairs, {PEOPLE} people in {len(annotators)} tabs: {found} "
        f"({', '.join(f'{what}: {n}' for what, n in sorted(told.items()))})"
    )
    assert emptied, summary
    assert found.is_right, f"{summary}\n{ledger.errors[:5]}\n{site.log[-3000:]}"
    assert found.votes == 3 * PAIRS
    assert sum(site.kills.values()) >= 20, summary
    assert broken > 0
    assert {"skip 200", "double 200", "stray 409 passed_on"} <= set(told)
    if site.database.url is None:
        assert site.database.rows("PRAGMA integrity_check") == [("ok",)]
    say(summary)
