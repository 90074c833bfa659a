"""Whatever people do, one after the other in any order, the database agrees with a model."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.concurrency.machine import CLASSES, Judging, happened

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb, pytest.mark.server]

# Kinds of events without which a run has shown nothing.
OFTEN = {"created", "repeated", "passed_on", "reopened", "voided", "verdict majority"}
SELDOM = {
    *("late", "conflict", "undone", "bad_answer", "too_late", "skipped", "reported", "held"),
    *("renewed", "released", "study open", "study paused", "study closed", *CLASSES.values()),
    *("verdict unanimous", "verdict split", "verdict gone"),
}


# Which events come up depends on what Hypothesis draws; longer histories hold more seldom ones.
ROUNDS, LONGER = 3, 20


def explore(*, examples: int, steps: int, must_happen: set[str]) -> str:
    """Run the machine until everything has happened; says what happened how often."""
    happened.clear()
    for more in range(ROUNDS):
        run_state_machine_as_test(
            Judging,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps + more * LONGER,
                derandomize=True,
                database=None,
                deadline=None,
                print_blob=True,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            ),
        )
        if must_happen <= set(happened):
            break
    assert must_happen - set(happened) == set()
    counts = ", ".join(f"{name} {n:,}" for name, n in sorted(happened.items()))
    return f"{more + 1} x {examples} examples x {steps} steps or more: {counts}"


# Long enough to shrink a failing example to a readable one.
@pytest.mark.timeout(900)
def test_the_database_agrees_with_a_model(say):
    say(explore(examples=50, steps=30, must_happen=OFTEN))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_database_agrees_with_a_model_for_long(say):
    say(explore(examples=300, steps=50, must_happen=OFTEN | SELDOM))
