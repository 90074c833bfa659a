"""An arm that cannot run costs its own samples, with the reason, and no other arm's."""

import math

import pytest

from generation.spec import Estimator, Teacher, Weights
from tests.generation.production import WatchedModels, adaptive, made, stored, student, teacher
from tests.generation.tiny_models import weights

pytestmark = pytest.mark.torch

CANNOT_RUN = {
    "another VAE": (
        adaptive(teacher=Teacher(model=weights("sdxl"), scheduler="unipc", steps=2)),
        "rollback_from='image'",
    ),
    "another size": (
        adaptive(math.inf, teacher=teacher(height=128, width=128)),
        "one size for both",
    ),
    "teacher missing": (
        adaptive(math.inf, strategy="regenerate", teacher=Teacher(model=Weights(path="gone"))),
        "no weights at 'gone'",
    ),
    "estimator missing": (adaptive(estimator=Estimator(path="gone")), "no weights at 'gone'"),
}


@pytest.mark.parametrize("arm", CANNOT_RUN)
def test_an_arm_that_cannot_run_fails_alone_with_its_reason(arm):
    broken, words = CANNOT_RUN[arm]
    arms = [student(), broken, adaptive(math.inf)]
    outcome = made(arms)
    assert [len(outcome.of(number)) for number in range(3)] == [8, 0, 8]
    assert set(outcome.spent.failed) == set(range(100, 108))
    (reason,) = set(outcome.spent.failed.values())
    assert words in reason
    assert outcome.told[-1] == (24, 24)
    # Made again from the store, it is refused still: another VAE is no longer seen by the path.
    again = made([broken], known=stored(outcome, student()))
    assert (len(again.made), set(again.spent.failed.values())) == (0, {reason})


def test_who_alone_would_use_a_students_sample_and_cannot_asks_for_none():
    broken, _ = CANNOT_RUN["another VAE"]
    by = WatchedModels(batch=4)
    assert len(made([broken], by=by).spent.failed) == 8
    assert by.calls == []
