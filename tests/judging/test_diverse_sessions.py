"""A diversity study over a whole session, and one that grows by a method."""

from itertools import groupby

import pytest

from annotate.judging import queue
from annotate.judging.growing import GrowthRefused, grow
from annotate.judging.opening import open_ready
from annotate.studies.create import clone_study, update_draft
from annotate.studies.models import Study
from annotate.studies.spec import parse_spec
from tests.factories import NOW, TEACHER, make_picture
from tests.judging.arrange import member, vote_all, vote_next
from tests.judging.test_diversity import ARMS, CLEARLY, open_study

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]
# Another recipe than the teacher's, and so other pictures.
THIRD = {"kind": "teacher", "settings": {"arm": TEACHER["arm"] | {"steps": 10}}}


def session(study: Study) -> list[str]:
    """The method of each pair in the order in which one person who judges all is given them."""
    who, served = member(study), []
    while queue.hand(who, now=NOW):
        comparison = vote_next(who, CLEARLY).comparison
        served.append(comparison.items.select_related("contrast__a").get().contrast.a.name)
    return served


@pytest.mark.parametrize("seed", range(3))
def test_methods_are_shuffled_within_a_session_alike_for_one_seed(seed):
    first, second = (
        session(open_study(prompts=12, seed=seed, overlap=1, min_votes=1)) for _ in "12"
    )
    assert first == second
    assert len(first) == 24
    # Of fair shuffles about one in thirty has a longer run, and one in three hundred a poorer half.
    assert max(len(list(run)) for _, run in groupby(first)) <= 8
    for half in (first[:12], first[12:]):
        assert min(half.count(arm) for arm in ARMS) >= 3


def with_third(study: Study) -> Study:
    """A clone of the study that has one method more."""
    draft = clone_study(study, owner=study.owner, name="more")
    methods = [*draft.spec["methods"], {"name": "third", **THIRD}]
    return update_draft(draft, parse_spec(draft.spec | {"methods": methods}), actor=study.owner)


def test_a_new_method_brings_its_contrast_with_itself_its_pairs_and_their_anchors():
    study = open_study(prompts=4, control_rate=0.25, overlap=1, min_votes=1)
    vote_all([member(study)], lambda lease: CLEARLY)
    votes = set(study.votes.values_list("pk", "comparison"))
    controls = study.comparisons.filter(kind="control")
    anchors, last = set(controls.values_list("order", "first", "second")), latest(study)
    grown = grow(study, with_third(study), actor=study.owner, now=NOW)
    assert (grown.methods, grown.contrasts, grown.prompts, grown.items) == (1, 1, 0, 4)
    assert grown.jobs
    contrast = study.contrasts.get(a__name="third")
    assert contrast.b_id == contrast.a_id
    for place in range(4):
        for replica in (0, 1):
            make_picture(study, "third", f"p{place}", replica=replica)
    open_ready(study, now=NOW)
    added = study.comparisons.filter(kind="live", items__contrast=contrast)
    assert added.count() == 4
    assert min(added.values_list("order", flat=True)) > last
    # 8 pairs have 3 anchors at this rate and 12 have 4; those that were drawn stay.
    assert (len(anchors), controls.count()) == (3, 4)
    assert set(controls.values_list("order", "first", "second")) > anchors
    assert set(study.votes.values_list("pk", "comparison")) == votes
    vote_all([member(study)], lambda lease: CLEARLY)
    assert set(added.filter(assignments__vote__isnull=False)) == set(added)


def latest(study: Study) -> int:
    return max(study.comparisons.filter(kind="live").values_list("order", flat=True))


def test_a_study_of_diversity_does_not_grow_by_other_levels():
    study = open_study(prompts=1)
    draft = with_third(study)
    draft.spec = draft.spec | {"protocol": draft.spec["protocol"] | {"attribute_levels": 5}}
    draft.save()
    with pytest.raises(GrowthRefused, match="attribute_levels is 5 in the draft"):
        grow(study, draft, actor=None, now=NOW)
    assert not study.methods.filter(name="third").exists()
