"""The people page of a study: invitations, places, roles, rest."""

import pytest
from django.test import Client
from django.urls import reverse

from annotate.judging import queue
from annotate.judging.launch import launch
from annotate.judging.models import Assignment
from annotate.people.models import Invitation, Role, User
from annotate.reports.people_lines import annotators
from annotate.studies.members import add_member
from annotate.studies.models import Membership, Study
from tests.factories import NOW, make_study, make_user
from tests.judging.arrange import member, vote_all

pytestmark = pytest.mark.django_db


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def url(name: str, study: Study, *more: int) -> str:
    return reverse(name, args=[study.uid, *more])


def test_an_invitation_link_is_shown_once() -> None:
    study = make_study()
    client = client_of(study.owner)
    page = client.post(url("study-invite", study), {"role": "annotator", "note": "Ann"})
    invitation = Invitation.objects.get()
    link = page.context["link"]
    assert link in page.content.decode()
    assert "/join/" in link
    again = client.get(url("study-members", study)).content.decode()
    assert link not in again
    assert "Ann" in again
    client.post(url("study-withdraw", study, invitation.pk))
    invitation.refresh_from_db()
    assert invitation.withdrawn_at is not None


def test_somebody_with_an_account_is_added_by_name() -> None:
    study = make_study()
    ann = make_user(Role.ANNOTATOR)
    client = client_of(study.owner)
    client.post(url("study-add-member", study), {"username": ann.username, "role": "annotator"})
    assert Membership.objects.get(study=study, user=ann).pseudonym == "A-01"


@pytest.mark.parametrize(
    ("name", "role", "said"),
    [
        ("nobody", "annotator", "Nobody here is called"),
        ("ann", "researcher", "has an annotator’s account"),
        ("owner", "annotator", "in this study already"),
    ],
)
def test_who_cannot_be_added_is_said_next_to_the_field(name: str, role: str, said: str) -> None:
    study = make_study(owner=make_user(Role.RESEARCHER, username="owner"))
    make_user(Role.ANNOTATOR, username="ann")
    page = client_of(study.owner).post(
        url("study-add-member", study), {"username": name, "role": role}
    )
    assert page.status_code == 422
    assert said in page.content.decode().replace("&#x27;", "’")
    assert study.memberships.count() == 1


def test_a_deactivated_annotator_gives_back_the_leases_at_once() -> None:
    study = launch(make_study(pairs=3), actor=None)
    who = member(study)
    assert queue.hand(who)
    client = client_of(study.owner)
    client.post(url("study-member-active", study, who.pk), {"active": "0"})
    who.refresh_from_db()
    assert not who.active
    assert not Assignment.objects.filter(study=study, state="leased").exists()
    led = client_of(who.user).get(reverse("judge", args=[study.uid]))
    assert led.headers["Location"] == reverse("finished", args=[study.uid])
    client.post(url("study-member-active", study, who.pk), {"active": "1"})
    who.refresh_from_db()
    assert who.active
    # Else the next round would pause them again for the same old votes.
    assert study.events.filter(kind="annotator_kept").count() == 1


def test_the_owner_cannot_be_deactivated() -> None:
    study = make_study()
    own = study.memberships.get()
    page = client_of(study.owner).post(
        url("study-member-active", study, own.pk), {"active": "0"}, follow=True
    )
    assert "owns this study" in page.content.decode()
    own.refresh_from_db()
    assert own.active


# --- roles ----------------------------------------------------------------------------------------


def give_role(client: Client, place: Membership, role: str) -> str:
    """The people page after the button was pressed."""
    address = url("study-member-role", place.study, place.pk)
    page = client.post(address, {"role": role}, follow=True).content.decode()
    place.refresh_from_db()
    return page


def test_an_annotator_who_becomes_a_researcher_gives_back_the_leases_at_once() -> None:
    study = launch(make_study(pairs=3), actor=None)
    who = member(study, user=make_user(Role.RESEARCHER))
    held = len(queue.hand(who))
    assert held
    page = give_role(client_of(study.owner), who, "researcher")
    assert f"Pairs given back: {held}." in page
    assert who.role == "researcher"
    assert not Assignment.objects.filter(study=study, state="leased").exists()
    own = client_of(who.user)
    assert own.get(reverse("judge", args=[study.uid])).status_code == 404
    assert own.get(url("study-members", study)).status_code == 200


def test_a_researcher_who_becomes_an_annotator_judges_and_sees_no_results() -> None:
    study = launch(make_study(pairs=3), actor=None)
    who = add_member(study, make_user(Role.RESEARCHER), role="researcher")
    page = give_role(client_of(make_user(Role.ADMIN)), who, "annotator")
    assert "no longer judges blindly" in page
    own = client_of(who.user)
    assert own.get(reverse("judge", args=[study.uid])).status_code == 200
    assert own.get(url("study-members", study)).status_code == 404


def test_who_judged_before_becoming_a_researcher_stays_among_the_annotators() -> None:
    study = launch(make_study(pairs=2), actor=None)
    who = member(study, user=make_user(Role.RESEARCHER))
    vote_all([who])
    give_role(client_of(study.owner), who, "researcher")
    assert [(a.pseudonym, a.votes) for a in annotators(study, now=NOW)] == [("A-01", 2)]


def test_a_refused_change_of_role_is_said_and_changes_nothing() -> None:
    study = make_study()
    page = give_role(client_of(study.owner), study.memberships.get(), "annotator")
    assert "stays its owner" in page
    fellow = add_member(study, make_user(Role.RESEARCHER), role="researcher")
    assert "Only the owner" in give_role(client_of(fellow.user), fellow, "annotator")
    assert fellow.role == "researcher"


def test_only_who_may_change_a_role_is_offered_it() -> None:
    study = make_study()
    fellow = add_member(study, make_user(Role.RESEARCHER), role="researcher")
    member(study)  # an annotator's account: nothing to offer

    def offers(user: User) -> int:
        page = client_of(user).get(url("study-members", study)).content.decode()
        return page.count("Make annotator") + page.count("Make researcher")

    assert [offers(u) for u in (study.owner, make_user(Role.ADMIN), fellow.user)] == [1, 1, 0]
