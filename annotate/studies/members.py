"""Who belongs to a study and as what: join, invite, change, rest. It must know no leases.

Whoever deactivates or promotes an annotator also returns their leases (`judging.queue.release`).
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from annotate.people import invitations
from annotate.people.invitations import LIFETIME, InvitationError
from annotate.people.models import Invitation, Role, User
from annotate.studies.models import Event, Membership, Study, StudyInvitation

logger = logging.getLogger(__name__)


class MemberRefused(ValueError):
    """A place in a study that cannot be given or changed."""


@transaction.atomic
def add_member(study: Study, user: User, *, role: str) -> Membership:
    """Give somebody a place under the next free pseudonym: A-01.. annotators, R-01.. others.

    Any number may join at once: the study's row is locked while the pseudonym is drawn.

    Raises:
        MemberRefused: they have a place in this study already, or the role is unknown.
    """
    if role not in Membership.Role.values:
        raise MemberRefused(
            f"role {role!r} is unknown; allowed: {', '.join(Membership.Role.values)}."
        )
    Study.objects.select_for_update().get(pk=study.pk)
    if there := Membership.objects.filter(study=study, user=user).first():
        raise MemberRefused(
            _(
                "%(name)s is in this study already as %(place)s. A person keeps one role in a "
                "study, so that nobody judges what they have seen, unless its owner changes it."
            )
            % {"name": user.username, "place": f"{there.role} {there.pseudonym}"}
        )
    membership = Membership.objects.create(
        study=study, user=user, role=role, pseudonym=_next_pseudonym(study, role)
    )
    logger.info("study=%s member=%s joined as %s", study.pk, membership.pk, role)
    return membership


def invite_to_study(
    study: Study,
    *,
    role: str,
    created_by: User | None,
    now: datetime,
    note: str = "",
    lifetime: timedelta = LIFETIME,
) -> tuple[Invitation, str]:
    """An invitation that opens a place in the study too; for anybody but its owner.

    Raises:
        InvitationError: the role is another one, or the inviter does not manage this study.
    """
    allowed = {
        Membership.Role.ANNOTATOR.value: Role.ANNOTATOR,
        Membership.Role.RESEARCHER.value: Role.RESEARCHER,
        # A reviewer plans nothing: the humblest account will do.
        Membership.Role.REVIEWER.value: Role.ANNOTATOR,
    }
    if role not in allowed:
        raise InvitationError(
            f"role {role!r} cannot be invited to a study; allowed: {', '.join(allowed)}."
        )
    if created_by and not Study.objects.managed_by(created_by).filter(pk=study.pk).exists():
        raise InvitationError(
            f"{created_by.username} does not manage this study. Ask its owner to invite."
        )
    with transaction.atomic():
        invitation, token = invitations.invite(
            role=allowed[role], created_by=created_by, now=now, note=note, lifetime=lifetime
        )
        StudyInvitation.objects.create(invitation=invitation, study=study, role=role)
        Event.objects.create(
            study=study,
            actor=created_by,
            kind="member_invited",
            data={"invitation": invitation.pk, "role": role},
            at=now,
        )
    return invitation, token


def join_by_invitation(user: User, invitation: Invitation) -> Membership | None:
    """The place in a study that this (spent) invitation carries, or None when it carries none.

    Somebody whose place rests gets it back, under their old pseudonym.

    Raises:
        MemberRefused: they have an active place already, or had another role in this study.
    """
    place = StudyInvitation.objects.select_related("study").filter(invitation=invitation).first()
    if place is None:
        return None
    there = Membership.objects.filter(study=place.study, user=user, active=False).first()
    if there is None or there.role != place.role:
        membership = add_member(place.study, user, role=place.role)
    else:
        membership = set_active(there, active=True, actor=user)
    Event.objects.create(
        study=place.study,
        actor=user,
        kind="member_joined",
        data={"member": membership.pseudonym, "invitation": invitation.pk},
    )
    return membership


def join_anew(token: str, *, username: str, password: str, email: str = "", now: datetime) -> User:
    """A new account and its place in the study, or neither. Raises what `accept` raises."""
    return invitations.accept(
        token,
        username=username,
        password=password,
        email=email,
        now=now,
        then=join_by_invitation,
    )


@transaction.atomic
def join_as(token: str, *, user: User, now: datetime) -> Membership | None:
    """Accept with an account that exists: role and place, or neither.

    Raises:
        InvitationError: as in `people.invitations.find`.
        MemberRefused: as in `join_by_invitation`; the invitation stays unused.
    """
    return join_by_invitation(user, invitations.accept_as(token, user=user, now=now))


def set_active(membership: Membership, *, active: bool, actor: User | None) -> Membership:
    """Let a member rest or return; the second of two equal calls changes and logs nothing.

    Raises:
        MemberRefused: the owner cannot rest.
    """
    if membership.role == Membership.Role.OWNER and not active:
        raise MemberRefused(
            f"{membership.pseudonym} owns this study and cannot be deactivated. "
            "Close the study, or ask an admin."
        )
    changed = Membership.objects.filter(pk=membership.pk, active=not active).update(active=active)
    membership.active = active
    if changed:
        Event.objects.create(
            study_id=membership.study_id,
            actor=actor,
            kind="member_activated" if active else "member_deactivated",
            data={"member": membership.pseudonym},
        )
    return membership


def may_change_roles(study: Study, actor: User) -> bool:
    """Its owner and admins: a role decides who sees results before they are out."""
    return actor.is_admin or study.owner_id == actor.pk


def change_role(membership: Membership, role: str, *, actor: User) -> Membership:
    """Make an annotator a researcher of the study or the other way round, or a reviewer one.

    The pseudonym stays: votes and exports that are out already know them by it. The second of two
    equal calls changes and logs nothing.

    Raises:
        MemberRefused: another role; the owner's place; a reviewer is to judge; an annotator's
            account is to be researcher; or the actor neither owns the study nor is an admin.
    """
    here, roles = membership.pseudonym, Membership.Role
    if role not in {roles.ANNOTATOR, roles.RESEARCHER}:
        raise MemberRefused(
            f"{here} cannot become {role!r}; allowed: {roles.ANNOTATOR}, {roles.RESEARCHER}."
        )
    if not may_change_roles(membership.study, actor):
        raise MemberRefused("Only the owner of a study changes roles in it. Ask them, or an admin.")
    if membership.role == roles.OWNER:
        raise MemberRefused(
            f"{here} owns this study and stays its owner. To judge, clone it or ask somebody else."
        )
    if membership.role == roles.REVIEWER and role == roles.ANNOTATOR:
        raise MemberRefused(
            f"{here} has seen how others voted here and cannot judge. Invite somebody else for it."
        )
    if role == roles.RESEARCHER and not membership.user.is_researcher:
        raise MemberRefused(
            f"{membership.user.username} has an annotator's account. Ask an admin to make them a "
            "researcher first."
        )
    with transaction.atomic():
        others = Membership.objects.filter(pk=membership.pk).exclude(role__in=[role, roles.OWNER])
        if others.update(role=role):
            Event.objects.create(
                study_id=membership.study_id,
                actor=actor,
                kind="member_role",
                data={"member": here, "role": role},
            )
    membership.role = role
    return membership


def _next_pseudonym(study: Study, role: str) -> str:
    letter = "A" if role == Membership.Role.ANNOTATOR else "R"
    taken = Membership.objects.filter(study=study, pseudonym__startswith=f"{letter}-")
    numbers = [int(p.removeprefix(f"{letter}-")) for p in taken.values_list("pseudonym", flat=True)]
    return f"{letter}-{max(numbers, default=0) + 1:02d}"
