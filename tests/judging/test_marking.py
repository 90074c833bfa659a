"""Marks of reviewers: kept as they were made, and without a hand in any verdict."""

from datetime import timedelta

import pytest

from annotate.judging.marking import BadMark, mark
from annotate.judging.models import ReviewMark, Verdict, Vote
from annotate.people.invitations import accept_as
from annotate.studies.members import (
    MemberRefused,
    change_role,
    invite_to_study,
    join_by_invitation,
)
from annotate.studies.models import Event, Study
from tests.factories import NOW, join, make_user
from tests.reports.arrange import voted

pytestmark = [pytest.mark.django_db]


def told(study: Study) -> tuple[list, list]:
    return (
        list(Verdict.objects.filter(comparison__study=study).order_by("pk").values()),
        list(Vote.objects.filter(study=study).order_by("pk").values()),
    )


@pytest.mark.bothdb
def test_a_mark_changes_no_vote_and_no_verdict_and_stands_in_the_log():
    study, _ = voted(["abt", "aab"])
    author = join(study, role="reviewer")
    pair = study.comparisons.order_by("order").first()
    before = told(study)
    mark(pair, says="doubtful", comment=" both are right ", author=author, now=NOW)
    assert told(study) == before
    event = Event.objects.get(study=study, kind="pair_marked")
    assert (event.actor, event.data["comparison"], event.data["says"]) == (
        author,
        pair.pk,
        "doubtful",
    )
    assert ReviewMark.objects.get().comment == "both are right"


def test_whoever_changes_their_mind_adds_a_mark_and_the_first_one_stays():
    study, _ = voted(["abt"])
    author, other = join(study, role="reviewer"), study.owner
    pair = study.comparisons.get()
    mark(pair, says="right", author=author, now=NOW)
    with pytest.raises(BadMark, match="latest mark"):
        mark(pair, says="right", author=author, now=NOW)
    later = NOW + timedelta(minutes=1)
    mark(pair, says="broken", author=author, now=later)
    mark(pair, says="right", author=other, now=later)
    mark(pair, says="right", author=author, now=later + timedelta(minutes=1))
    assert list(pair.marks.order_by("pk").values_list("says", "author")) == [
        ("right", author.pk),
        ("broken", author.pk),
        ("right", other.pk),
        ("right", author.pk),
    ]


def test_a_mark_that_says_nothing_known_or_too_much_is_refused():
    study, _ = voted(["abt"])
    pair = study.comparisons.get()
    with pytest.raises(BadMark, match="Looks right, Labels doubtful"):
        mark(pair, says="wrong", author=study.owner)
    with pytest.raises(BadMark, match="1001 characters; at most 1000"):
        mark(pair, says="right", comment="x" * 1001, author=study.owner)
    pair.kind = "control"
    with pytest.raises(BadMark, match="only live pairs"):
        mark(pair, says="right", author=study.owner)
    assert not ReviewMark.objects.exists()


def test_who_reviews_can_never_judge_the_study():
    study, people = voted(["abt"])
    user = make_user()
    made, token = invite_to_study(study, role="reviewer", created_by=study.owner, now=NOW)
    place = join_by_invitation(user, accept_as(token, user=user, now=NOW))
    assert (made.role, place.role, place.pseudonym) == ("annotator", "reviewer", "R-02")
    with pytest.raises(MemberRefused, match="cannot judge"):
        change_role(place, "annotator", actor=study.owner)
    # An annotator, on the other hand, does not become one by a second invitation.
    _, token = invite_to_study(study, role="reviewer", created_by=study.owner, now=NOW)
    with pytest.raises(MemberRefused, match="in this study already as annotator"):
        join_by_invitation(people[0], accept_as(token, user=people[0], now=NOW))
