"""Watching those who rate diversity: the same rules, from levels instead of sides."""

from collections import Counter

import numpy as np
import pytest

from annotate.judging import watching
from annotate.judging.models import Assignment
from annotate.reports.diversity_report import diversity_report
from annotate.studies.models import Membership, Study
from tests.judging.arrange import member
from tests.judging.raters import NAMES, honestly, rate_next
from tests.judging.test_diversity import open_study

pytestmark = [pytest.mark.django_db, pytest.mark.whole]
MIDDLE = dict.fromkeys(NAMES, "1")


def rated(*, prompts: int = 25, **protocol: object) -> tuple[Study, list[Membership]]:
    """Judged to the end by five people; the first gives the middle of the scale in a second."""
    study = open_study(prompts=prompts, **{"control_rate": 0.3} | protocol)
    people = [member(study) for _ in range(5)]
    finish(study, people, careless=people[:1])
    return study, people


def finish(study: Study, people: list[Membership], *, careless: list[Membership]) -> None:
    rng = np.random.default_rng(3)
    honest = honestly(study, rng=rng)
    while sum(
        rate_next(who, lambda _: MIDDLE, ms=1000)
        if who in careless
        else rate_next(who, honest, ms=int(rng.integers(4000, 9000)))
        for who in people
    ):
        pass


def test_only_the_careless_one_is_flagged_by_controls_time_and_straight_lines():
    study, people = rated()
    found = {w.membership.pseudonym: {flag.rule for flag in w.flags} for w in watching.watch(study)}
    assert {"controls", "speed", "run"} <= found["A-01"]
    assert "side" not in found["A-01"]
    assert all(not flags for name, flags in found.items() if name != "A-01")
    assert watching.act(study) == [people[0]]  # told, and nothing else
    assert watching.act(study) == []
    assert study.memberships.get(pk=people[0].pk).active


def test_a_repair_voids_the_levels_and_others_judge_those_pairs():
    study, people = rated(prompts=15, watch_action="repair")
    spoilt = study.votes.filter(annotator=people[0].user).count()
    assert watching.act(study) == [people[0]]
    voided = Assignment.objects.filter(study=study, state=Assignment.State.VOID)
    assert voided.filter(annotator=people[0].user).count() == spoilt
    finish(study, people, careless=[])
    live = study.votes.filter(comparison__kind="live")
    assert set(Counter(live.values_list("comparison", flat=True)).values()) == {3}
    assert not live.filter(annotator=people[0].user).exists()
    kinds = study.events.order_by("pk").values_list("kind", flat=True)
    assert list(kinds)[-4:] == [
        *("annotator_flagged", "repair_begun", "member_deactivated", "votes_invalidated"),
    ]


def test_who_says_again_that_nothing_differs_is_no_straight_liner_where_nothing_does():
    study = open_study(prompts=20, same=("teacher", "student"))
    people = [member(study) for _ in range(3)]
    honest = honestly(study, rng=np.random.default_rng(3))
    while sum(rate_next(who, honest, ms=4000) for who in people):
        pass
    assert [one.flags for one in watching.watch(study)] == [(), (), ()]


def test_repeats_tell_whether_somebody_answers_alike_twice_and_change_no_score():
    study = open_study(prompts=30, repeat_rate=0.1, overlap=2, min_votes=1)
    people = [member(study) for _ in range(2)]
    honest = honestly(study, rng=np.random.default_rng(3))
    while sum(rate_next(who, honest, ms=4000) for who in people):
        pass
    repeats = study.votes.filter(comparison__kind="repeat")
    assert repeats.count() == sum(
        v.repeat is True for one in watching.watch(study) for v in one.work
    )
    before = diversity_report(study).scores
    repeats.first().answers.update(choice="cannot")
    assert diversity_report(study).scores == before
    told = [v.repeat for one in watching.watch(study) for v in one.work if v.repeat is not None]
    assert told.count(False) == 1
