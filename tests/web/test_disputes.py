"""The review page: who sees it, what a mark does there, and what it keeps to itself."""

import pytest
from django.test import Client
from django.urls import reverse

from annotate.judging.models import Comparison, ReviewMark
from annotate.people.models import Role, User
from annotate.studies.members import add_member
from annotate.studies.models import Study
from tests.factories import join, make_user
from tests.reports.arrange import voted

pytestmark = [pytest.mark.django_db, pytest.mark.whole]


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="annotate.people.backends.PlainBackend")
    return client


def page_of(study: Study) -> str:
    return reverse("study-disputes", args=[study.uid])


def test_a_reviewer_sees_votes_but_no_method_no_inner_name_and_no_button_of_the_study() -> None:
    study, _ = voted(["abt"], name="Secret arms", methods=("alpha", "omega"))
    client = client_of(join(study, role="reviewer"))
    html = client.get(page_of(study)).content.decode()
    for shown in ("Three-way splits", "A-01", "Text match", "Add the mark", "Side by side"):
        assert shown in html
    for hidden in ("Secret arms", "alpha", "omega", reverse("study", args=[study.uid])):
        assert hidden not in html.replace(page_of(study), "")
    own = client.get(reverse("home")).content.decode()
    assert page_of(study) in own
    assert "To judge" not in own


def test_a_researcher_who_only_reviews_a_study_finds_it_beside_their_own() -> None:
    study, _ = voted(["abt"])
    user = make_user(Role.RESEARCHER)
    add_member(study, user, role="reviewer")
    client = client_of(user)
    assert page_of(study) in client.get(reverse("studies")).content.decode()
    assert client.get(reverse("study", args=[study.uid])).status_code == 404


def test_a_mark_comes_back_to_where_it_was_made_and_counts_on_the_quality_page() -> None:
    study, _ = voted(["abt", "aaa"])
    pair = Comparison.objects.get(verdict__reason="split")
    client = client_of(join(study, role="reviewer"))
    address = reverse("study-mark", args=[study.uid, pair.pk])
    given = {"says": "doubtful", "comment": "both fit", "show": "three", "page": "1"}
    answer = client.post(address, given)
    assert answer["Location"] == f"{page_of(study)}?show=three&page=1#pair-{pair.pk}"
    assert "“both fit”" in client.get(page_of(study)).content.decode()
    researcher = client_of(study.owner)
    quality = researcher.get(reverse("study-quality", args=[study.uid])).content.decode()
    assert "One pair is marked: 1 × labels doubtful" in quality
    assert (
        "1 pair marked in review"
        in researcher.get(reverse("study", args=[study.uid])).content.decode()
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Choose a mark first."),
        ({"says": "wrong"}, "choose one of the three"),
        ({"says": "right", "comment": "x" * 1001}, "at most 1000 characters"),
    ],
)
def test_a_refused_mark_is_told_beside_its_pair_and_keeps_the_words(given, said) -> None:
    study, _ = voted(["abt"])
    address = reverse("study-mark", args=[study.uid, study.comparisons.get().pk])
    answer = client_of(study.owner).post(address, given)
    assert answer.status_code == 422
    assert answer.content.decode().count(said) == 2  # on top, and beside the pair
    assert given.get("comment", "") in answer.content.decode()
    assert not ReviewMark.objects.exists()


def test_a_pair_of_another_study_or_of_another_kind_is_not_there_to_be_marked() -> None:
    study, _ = voted(["abt"])
    other, _ = voted(["abt"])
    client = client_of(join(study, role="reviewer"))
    foreign = reverse("study-mark", args=[study.uid, other.comparisons.get().pk])
    assert client.post(foreign, {"says": "right"}).status_code == 404
    Comparison.objects.filter(study=study).update(kind="exam")
    own = reverse("study-mark", args=[study.uid, study.comparisons.get().pk])
    assert client.post(own, {"says": "right"}).status_code == 404


def test_a_reviewer_who_rests_sees_nothing_more() -> None:
    study, _ = voted(["abt"])
    user = join(study, role="reviewer")
    study.memberships.filter(user=user).update(active=False)
    assert client_of(user).get(page_of(study)).status_code == 404
