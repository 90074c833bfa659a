"""Accounts: roles, rest and the end of sessions."""

import pytest

from annotate.people.accounts import (
    AccountRefused,
    deactivate,
    end_sessions,
    reactivate,
    set_role,
)
from annotate.people.invitations import InvitationError, find, invite
from annotate.people.models import Role
from tests.factories import NOW, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss():
    return make_user(Role.ADMIN)


def test_a_new_role_is_a_new_session_hash(boss):
    user = make_user()
    before = user.get_session_auth_hash()
    set_role(user, "researcher", actor=boss, now=NOW)
    assert user.get_session_auth_hash() != before


def test_djangos_flags_leave_with_the_admin_role(boss):
    other = make_user(Role.ADMIN, is_staff=True, is_superuser=True)
    set_role(other, "annotator", actor=boss, now=NOW)
    other.refresh_from_db()
    assert (other.role, other.is_staff, other.is_superuser) == ("annotator", False, False)


def test_sessions_do_not_wake_up_when_an_account_is_opened_again(boss):
    user = make_user()
    before = user.get_session_auth_hash()
    deactivate(user, actor=boss, now=NOW)
    reactivate(user, actor=boss)
    user.refresh_from_db()
    assert user.is_active
    assert user.get_session_auth_hash() != before


@pytest.mark.parametrize("change", ["deactivate", "lower"])
def test_whoever_is_let_go_leaves_no_way_back_in(boss, change):
    other = make_user(Role.ADMIN)
    _, token = invite(role="admin", created_by=other, now=NOW)
    if change == "deactivate":
        deactivate(other, actor=boss, now=NOW)
    else:
        set_role(other, "researcher", actor=boss, now=NOW)
    with pytest.raises(InvitationError, match="withdrawn"):
        find(token, now=NOW)


def test_a_higher_role_keeps_the_invitations_given_out(boss):
    other = make_user(Role.RESEARCHER)
    _, token = invite(role="annotator", created_by=other, now=NOW)
    set_role(other, "admin", actor=boss, now=NOW)
    assert find(token, now=NOW)


def test_nobody_changes_their_own_account(boss):
    make_user(Role.ADMIN)
    with pytest.raises(AccountRefused, match="your own"):
        deactivate(boss, actor=boss, now=NOW)
    with pytest.raises(AccountRefused, match="your own"):
        set_role(boss, "annotator", actor=boss, now=NOW)


def test_the_last_admin_stays(boss):
    gone = make_user(Role.ADMIN)
    deactivate(gone, actor=boss, now=NOW)
    with pytest.raises(AccountRefused, match="last active admin"):
        set_role(boss, "researcher", actor=gone, now=NOW)


def test_two_admins_who_demote_each_other_leave_one():
    first, second = make_user(Role.ADMIN), make_user(Role.ADMIN)
    make_user(Role.ADMIN)
    set_role(second, "annotator", actor=first, now=NOW)
    with pytest.raises(AccountRefused, match="Only an active admin"):
        set_role(first, "annotator", actor=second, now=NOW)


def test_an_unknown_role_is_refused(boss):
    with pytest.raises(AccountRefused, match="'king' is unknown"):
        set_role(make_user(), "king", actor=boss, now=NOW)


def test_end_sessions_changes_the_session_hash():
    user = make_user()
    before = user.get_session_auth_hash()
    end_sessions(user)
    assert user.get_session_auth_hash() != before
