"""The anchors of a diversity study: how many, and the same whatever arrives first."""

import random
from collections import Counter

import pytest
from django.db import transaction

from annotate.judging.anchors import add_anchors, anchors_wanted
from annotate.judging.launch import launch
from annotate.judging.opening import open_finished, open_ready
from annotate.sampling.models import Sample
from annotate.studies.models import Study
from tests.factories import NOW, make_picture
from tests.judging.test_diversity import ARMS, make_diverse, open_study

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb, pytest.mark.whole]
PICTURES = [(arm, place, replica) for arm in ARMS for place in range(6) for replica in (0, 1)]


def anchors(study: Study) -> list[tuple[int, str, str, str]]:
    rows = study.comparisons.filter(kind="control").order_by("-order")
    return [
        (row.order, row.expected["style"], row.first.digest, row.second.digest)
        for row in rows.select_related("first", "second")
    ]


def arriving(study: Study, pictures, *, same: tuple[str, ...] = ()) -> list:
    """The anchors after these pictures came one by one; nothing of it stays."""
    with transaction.atomic():
        for arm, place, replica in pictures:
            seed = arm if arm in same else None
            came = make_picture(study, arm, f"p{place}", seed, replica=replica)
            open_finished([came], now=NOW)
        found = anchors(study)
        transaction.set_rollback(True)
    return found


@pytest.mark.parametrize("same", [(), ("student",)])
def test_any_order_of_arrival_gives_the_same_anchors(same):
    study = launch(make_diverse(prompts=6, control_rate=0.25), actor=None, now=NOW)
    usual = arriving(study, PICTURES, same=same)
    assert Counter(sort for _, sort, *_ in usual) == {"same": 2, "high": 2}
    rng = random.Random(7)
    for _ in range(6):
        assert arriving(study, rng.sample(PICTURES, len(PICTURES)), same=same) == usual


@pytest.mark.parametrize(
    ("prompts", "rate", "wanted"),
    # Two methods: 12, 24 and 120 pairs; one of each sort at least.
    [(6, 0.08, 2), (12, 0.08, 2), (60, 0.08, 10), (6, 0.3, 5), (12, 0.2, 6)],
)
def test_there_are_as_many_as_one_person_meets_who_judges_all(prompts, rate, wanted):
    study = open_study(prompts=prompts, control_rate=rate)
    found = Counter(sort for _, sort, *_ in anchors(study))
    assert found.total() == wanted == anchors_wanted(2 * prompts, rate=rate)
    assert found["same"] - found["high"] in {0, 1}


def test_one_picture_beside_itself_and_pictures_of_two_prompts():
    study = open_study(prompts=4, control_rate=0.3)
    texts = dict(Sample.objects.values_list("image__digest", "prompt_digest"))
    for _, sort, first, second in anchors(study):
        assert (first == second) == (sort == "same")
        assert (texts[first] == texts[second]) == (sort == "same")


def test_a_second_look_adds_nothing_and_imported_pictures_need_no_plan():
    study = open_study(prompts=4, control_rate=0.3)
    before = anchors(study)
    assert add_anchors(study, study.read_protocol()) == 0
    assert open_ready(study, now=NOW) == 0
    # As if they had all been there at launch: pairs without a plan.
    study.comparisons.filter(kind="control").delete()
    study.planned_items.all().delete()
    add_anchors(study, study.read_protocol())
    assert anchors(study) == before


def test_more_pairs_keep_the_anchors_that_were_drawn():
    few, many = (anchors_wanted(n, rate=0.25) for n in (12, 20))
    study = open_study(prompts=6, control_rate=0.25)
    before = anchors(study)
    # The plan without its last pairs draws the first of the same anchors.
    study.comparisons.filter(kind="control").delete()
    study.planned_items.filter(order__gte=8).delete()
    for row in study.comparisons.filter(order__gte=8):
        row.items.all().delete()
    add_anchors(study, study.read_protocol())
    shorter = anchors(study)
    assert len(shorter) < len(before) == few < many
    assert [one[:3] for one in shorter] == [one[:3] for one in before[: len(shorter)]]


def test_a_study_without_controls_has_no_anchors():
    assert anchors(open_study(prompts=6)) == []
