"""Members: pseudonyms, places by invitation, rest."""

import pytest

from annotate.people.invitations import InvitationError, find, withdraw
from annotate.people.models import Role, User
from annotate.studies.members import (
    MemberRefused,
    add_member,
    change_role,
    invite_to_study,
    join_anew,
    join_as,
    set_active,
)
from tests.factories import NOW, PASSWORD, join, make_study, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]


@pytest.fixture(autouse=True)
def _cheap_hash(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def invited(study, role="annotator"):
    return invite_to_study(study, role=role, created_by=study.owner, now=NOW)[1]


def test_pseudonyms_count_up_by_letter():
    study = make_study()
    got = [
        add_member(study, make_user(), role=r).pseudonym
        for r in ("annotator", "annotator", "researcher", "annotator")
    ]
    assert got == ["A-01", "A-02", "R-02", "A-03"]


def test_pseudonyms_go_on_past_ninety_nine():
    study = make_study()
    for n in (9, 99, 100):
        study.memberships.create(user=make_user(), role="annotator", pseudonym=f"A-{n:02d}")
    assert add_member(study, make_user(), role="annotator").pseudonym == "A-101"


def test_pseudonyms_of_two_studies_are_independent():
    user = make_user()
    join(first := make_study())
    assert add_member(first, user, role="annotator").pseudonym == "A-02"
    assert add_member(make_study(), user, role="annotator").pseudonym == "A-01"


def test_a_person_has_one_place_in_a_study():
    study = make_study()
    user = join(study)
    with pytest.raises(MemberRefused, match="already as annotator A-01"):
        add_member(study, user, role="researcher")


def test_a_new_person_gets_account_and_place_together():
    study = make_study()
    user = join_anew(invited(study), username="mira", password=PASSWORD, now=NOW)
    place = study.memberships.get(user=user)
    assert (user.role, place.role, place.pseudonym) == ("annotator", "annotator", "A-01")
    assert study.events.filter(kind="member_joined").get().actor == user


def test_an_account_is_not_made_without_its_place(monkeypatch):
    token = invited(make_study())

    def refuse(*args, **kwargs):
        raise MemberRefused("no room")

    monkeypatch.setattr("annotate.studies.members.add_member", refuse)
    with pytest.raises(MemberRefused):
        join_anew(token, username="mira", password=PASSWORD, now=NOW)
    assert not User.objects.filter(username="mira").exists()
    assert find(token, now=NOW).used_at is None


def test_an_existing_account_takes_a_place_in_a_further_study():
    user = join(make_study())
    study = make_study()
    assert join_as(invited(study), user=user, now=NOW).study == study
    assert user.memberships.count() == 2


def test_an_annotator_invited_as_researcher_becomes_one():
    study, user = make_study(), make_user()
    join_as(invited(study, "researcher"), user=user, now=NOW)
    user.refresh_from_db()
    assert user.role == Role.RESEARCHER
    assert study.memberships.get(user=user).manages


def test_who_judged_a_study_does_not_become_its_researcher():
    study = make_study()
    user, token = join(study), invited(study, "researcher")
    with pytest.raises(MemberRefused, match="keeps one role"):
        join_as(token, user=user, now=NOW)
    user.refresh_from_db()
    assert user.role == Role.ANNOTATOR
    assert find(token, now=NOW).used_at is None


def test_a_resting_member_returns_by_invitation_under_the_old_pseudonym():
    study = make_study()
    user = join(study)
    join(study)
    set_active(study.memberships.get(user=user), active=False, actor=study.owner)
    place = join_as(invited(study), user=user, now=NOW)
    assert (place.pseudonym, place.active) == ("A-01", True)
    assert study.memberships.filter(user=user).count() == 1


def test_resting_twice_is_logged_once():
    study = make_study()
    place = study.memberships.get(user=join(study))
    for _ in range(2):
        set_active(place, active=False, actor=study.owner)
    assert study.events.filter(kind="member_deactivated").count() == 1


def test_the_owner_cannot_rest():
    study = make_study()
    with pytest.raises(MemberRefused, match="owns this study"):
        set_active(study.memberships.get(user=study.owner), active=False, actor=study.owner)


def test_only_who_manages_a_study_invites_to_it():
    study = make_study()
    for stranger in (make_user(Role.RESEARCHER), join(study)):
        with pytest.raises(InvitationError, match="does not manage"):
            invite_to_study(study, role="annotator", created_by=stranger, now=NOW)
    assert invite_to_study(study, role="annotator", created_by=make_user("admin"), now=NOW)


def test_nobody_is_invited_as_owner():
    study = make_study()
    with pytest.raises(InvitationError, match="'owner' cannot be invited"):
        invite_to_study(study, role="owner", created_by=study.owner, now=NOW)


def test_a_withdrawn_place_is_not_given():
    study = make_study()
    made, token = invite_to_study(study, role="annotator", created_by=study.owner, now=NOW)
    withdraw(made, now=NOW)
    with pytest.raises(InvitationError, match="withdrawn"):
        join_as(token, user=make_user(), now=NOW)
    assert study.memberships.count() == 1


# --- roles ----------------------------------------------------------------------------------------


def place_of(study, role="annotator", account=Role.RESEARCHER):
    return add_member(study, make_user(account), role=role)


def test_an_owner_makes_an_annotator_a_researcher_and_back():
    study = make_study()
    place = place_of(study)
    for role in ("researcher", "annotator"):
        change_role(place, role, actor=study.owner)
        place.refresh_from_db()
        assert (place.role, place.pseudonym) == (role, "A-01")


def test_an_admin_changes_roles_too():
    study = make_study()
    place = place_of(study, "researcher")
    assert change_role(place, "annotator", actor=make_user(Role.ADMIN)).role == "annotator"


def test_other_researchers_of_the_study_change_no_role_not_even_their_own():
    study = make_study()
    fellow, other = place_of(study, "researcher"), place_of(study)
    for place, role in ((other, "researcher"), (fellow, "annotator")):
        with pytest.raises(MemberRefused, match="Only the owner"):
            change_role(place, role, actor=fellow.user)
    assert not study.events.filter(kind="member_role").exists()


def test_an_owner_stays_owner():
    study = make_study()
    own = study.memberships.get(user=study.owner)
    for actor in (study.owner, make_user(Role.ADMIN)):
        with pytest.raises(MemberRefused, match="stays its owner"):
            change_role(own, "annotator", actor=actor)
    own.refresh_from_db()
    assert own.role == "owner"


def test_nobody_becomes_owner_by_a_change_of_role():
    study = make_study()
    with pytest.raises(MemberRefused, match="allowed: annotator, researcher"):
        change_role(place_of(study), "owner", actor=study.owner)


def test_an_annotators_account_does_not_become_a_studys_researcher():
    study = make_study()
    place = study.memberships.get(user=join(study))
    with pytest.raises(MemberRefused, match="has an annotator's account"):
        change_role(place, "researcher", actor=study.owner)
    place.refresh_from_db()
    assert place.role == "annotator"


def test_changing_a_role_twice_is_logged_once():
    study = make_study()
    place = place_of(study)
    for _ in range(2):
        change_role(place, "researcher", actor=study.owner)
    event = study.events.get(kind="member_role")
    assert event.actor == study.owner
    assert event.data == {"member": "A-01", "role": "researcher"}
