"""Studies of diversity: pairs of one method's pictures, judged attribute by attribute."""

import pytest

from annotate.analysis.diversity import Attribute
from annotate.judging import queue
from annotate.judging.answers import BadAnswer
from annotate.judging.launch import LaunchRefused, launch, plan
from annotate.judging.models import Comparison
from annotate.judging.opening import open_ready
from annotate.people.models import Role
from annotate.sampling.models import Sample
from annotate.studies.create import contrast_with_themselves, create_study
from annotate.studies.protocol import Protocol
from annotate.studies.spec import SpecError, parse_spec
from tests.factories import NOW, STUDENT, TEACHER, make_image, make_picture, make_study, make_user
from tests.judging.arrange import member, vote_all, vote_next

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]
CLEARLY = dict.fromkeys(map(str, Attribute), "2")
ARMS = {"teacher": ("teacher", TEACHER), "student": ("student", STUDENT)}


def make_diverse(*, prompts=2, prompt_sets=None, **protocol):
    """A draft of diversity with two generated methods."""
    data = {
        "name": "Variety",
        "methods": [{"name": n, "kind": k, "settings": s} for n, (k, s) in ARMS.items()],
        "replicas": 2,
        "protocol": {"kind": "diversity", **protocol},
        "prompt_sets": prompt_sets
        or [{"name": "p", "prompts": [{"id": f"p{i}", "text": f"{i}"} for i in range(prompts)]}],
    }
    return create_study(parse_spec(data), owner=make_user(Role.RESEARCHER))


def open_study(*, prompts=2, same=(), **protocol):
    """Launched, with every picture made; methods in `same` have one picture for both replicas."""
    study = launch(make_diverse(prompts=prompts, **protocol), actor=None, now=NOW)
    for method in ARMS:
        for place in range(prompts):
            for replica in (0, 1):
                seed = f"{method} {place}" if method in same else None
                make_picture(study, method, f"p{place}", seed, replica=replica)
    open_ready(study, now=NOW)
    return study


def test_a_pair_is_two_pictures_of_one_method_and_equal_ones_are_asked_as_well():
    study = open_study(prompts=2, same=("student",))
    live = study.comparisons.filter(kind="live")
    assert live.count() == 4  # two methods, two prompts
    assert live.filter(identical=True).count() == 2
    for row in live:
        (item,) = row.items.all()
        assert item.contrast.a_id == item.contrast.b_id
        assert row.assignments.count() == 3


def test_answers_are_kept_by_attribute_and_make_no_verdict():
    study = open_study(prompts=1)
    people = [member(study) for _ in range(3)]
    vote_all(people, lambda lease: CLEARLY | {"main_object": "cannot"})
    assert study.votes.count() == 6
    vote = study.votes.first()
    assert dict(vote.answers.values_list("criterion", "choice")) == CLEARLY | {
        "main_object": "cannot"
    }
    assert (vote.choice, vote.side) == ("tie", "")
    assert not Comparison.objects.filter(verdict__isnull=False).exists()


@pytest.mark.parametrize(
    "given",
    [
        {"style": "2"},  # an attribute is missing
        CLEARLY | {"style": "3"},  # no such level among three
        CLEARLY | {"style": "left"},
    ],
)
def test_answers_that_do_not_fit_are_refused(given):
    study = open_study(prompts=1)
    with pytest.raises(BadAnswer):
        vote_next(member(study), given)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"ties": "split"}, "nobody wins. Leave ties out"),
        ({"judgement": "single"}, "Leave judgement out"),
        ({"overlap_mode": "on_demand"}, "Leave overlap_mode out"),
        ({"kind": "pairwise", "attribute_levels": 5}, "Set kind diversity"),
    ],
)
def test_choices_about_winners_are_refused(choices, said):
    with pytest.raises(ValueError, match=said):
        Protocol(**{"kind": "diversity", **choices})


def test_a_study_of_diversity_has_replicas_and_no_contrasts():
    data = {
        "name": "x",
        "methods": [{"name": n, "kind": k, "settings": s} for n, (k, s) in ARMS.items()],
        "protocol": {"kind": "diversity"},
    }
    with pytest.raises(SpecError, match="Set replicas 2"):
        parse_spec(data)
    with pytest.raises(SpecError, match="Remove the contrasts"):
        parse_spec(data | {"replicas": 2, "contrasts": [{"a": "teacher", "b": "student"}]})


def test_imported_pictures_are_paired_by_their_replica_column():
    study = make_study(pairs=3, methods=("one",), protocol={"kind": "diversity"})
    contrast_with_themselves(study)
    with pytest.raises(LaunchRefused, match="No contrast has a prompt"):
        launch(study, actor=None, now=NOW)
    for n, sample in enumerate(list(Sample.objects.all())[:2]):
        image = make_image(f"second {n}")
        Sample.objects.create(
            method_digest=sample.method_digest,
            prompt_digest=sample.prompt_digest,
            replica=1,
            state="done",
            image=image,
        )
    assert "replica 1: no picture for 1 of 3 prompts" in plan(study).missing[0]
    launch(study, actor=None, now=NOW)
    assert study.comparisons.count() == 2


def test_anchors_are_mixed_in_as_controls():
    # They come with the pairs, so nobody is told to add some.
    assert not any("control tasks" in w for w in plan(make_diverse(control_rate=0.3)).warnings)
    study = open_study(prompts=3, control_rate=0.3)
    anchors = study.comparisons.filter(kind="control")
    assert {row.identical for row in anchors} == {True, False}
    for row in anchors:
        assert set(row.expected.values()) == {"same" if row.identical else "high"}
    who = member(study)
    for _ in range(12):
        if queue.hand(who, now=NOW):
            vote_next(who, CLEARLY)
    assert study.votes.filter(comparison__kind="control").exists()
