"""Entry links: make, close, sign, and let somebody in. It must know no votes.

An address is signed, so that nobody finds one by trying; what it opens stands in its row, so that
it can be closed and shown again. Whom the platform names gets the account bound to that id.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.core import signing
from django.db import transaction

from annotate.people.external import find_external, find_or_make_external
from annotate.people.models import Role, User
from annotate.studies.entry_models import Entry, EntryLink
from annotate.studies.members import add_member
from annotate.studies.models import Event, Membership, Study
from annotate.studies.platforms import ID, NAME, NOT_TAKEN, PLATFORMS, check_return_url

logger = logging.getLogger(__name__)

_signer = signing.Signer(salt="annotate.studies.entry")
OVER = {Study.State.CLOSED, Study.State.ARCHIVED}


class Why(StrEnum):
    """Why somebody is not let in; pages say it in words of their own."""

    UNKNOWN = "unknown"  # no such link, or the signature does not fit
    INCOMPLETE = "incomplete"  # the platform did not say who comes
    NOT_TAKEN = "not_taken"  # a look before the task was taken
    CLOSED = "closed"
    EXPIRED = "expired"
    NOT_BEGUN = "not_begun"
    FULL = "full"
    USED = "used"  # a single-use address for the second time
    LEFT = "left"  # the place in the study was given up or taken away


class EntryRefused(PermissionError):
    """Somebody who cannot be let in."""

    def __init__(self, why: Why) -> None:
        super().__init__(f"not let in: {why}")
        self.why = why


class LinkRefused(ValueError):
    """A link that cannot be made."""


@dataclass(frozen=True)
class Visit:
    """An address that was opened: its link, who the platform says comes, what else it told."""

    link: EntryLink
    external_id: str
    parameters: dict[str, str]

    @property
    def account(self) -> User | None:
        """The account bound to this person, if they came before."""
        return find_external(source_of(self.link), self.external_id)


def source_of(link: EntryLink) -> str:
    """What the id belongs to. Only large platforms have ids of their own; other lists are a
    study's, else "1" of one researcher would open the account of another's "1"."""
    if link.source in {EntryLink.Source.OTHER, EntryLink.Source.NAMED}:
        return f"{link.source}:{link.study_id}"
    return link.source


@transaction.atomic
def make_link(
    study: Study,
    *,
    source: str,
    created_by: User,
    now: datetime,
    expires_at: datetime,
    note: str = "",
    people: int = 0,
    return_url: str = "",
    person_key: str = "",
    other_keys: Sequence[str] = (),
) -> EntryLink:
    """A new way in. Parameter names are the platform's unless given.

    Raises:
        LinkRefused: source, names, end or return address cannot be used; says what is allowed.
    """
    if source not in PLATFORMS:
        raise LinkRefused(f"source {source!r}; allowed: {', '.join(PLATFORMS)}.")
    if expires_at <= now:
        raise LinkRefused(f"the link would end on {expires_at:%-d %B %Y}: over before it begins.")
    platform = PLATFORMS[source]
    keys = [person_key or platform.person_key, *(other_keys or platform.other_keys)]
    for key in keys:
        if not NAME.fullmatch(key) or keys.count(key) > 1:
            raise LinkRefused(
                f"parameter {key!r}: names are letters, digits, _ and -, begin with a letter, and "
                "differ. Correct it."
            )
    if return_url:
        try:
            check_return_url(return_url)
        except ValueError as error:
            raise LinkRefused(str(error)) from error
    link = EntryLink.objects.create(
        study=study,
        source=source,
        note=note,
        person_key=keys[0],
        other_keys=keys[1:],
        people=people,
        return_url=return_url,
        created_by=created_by,
        created_at=now,
        expires_at=expires_at,
    )
    _note(link, created_by, "entry_link_made", now)
    return link


def close_link(link: EntryLink, *, actor: User, now: datetime) -> bool:
    """Let nobody in by this link any more; False when it was closed before.

    Whoever is in stays in, on the devices they are signed in on.
    """
    done = EntryLink.objects.filter(pk=link.pk, closed_at=None).update(closed_at=now)
    if done:
        _note(link, actor, "entry_link_closed", now)
    link.refresh_from_db(fields=["closed_at"])
    return bool(done)


def token_of(link: EntryLink, external_id: str = "") -> str:
    """The signed end of the address; with somebody's id in it where each has one of their own.

    Raises:
        LinkRefused: the id has characters that no id has.
    """
    if not external_id:
        return _signer.sign_object([link.pk])
    if not ID.fullmatch(external_id):
        raise LinkRefused(
            f"{external_id!r}: letters, digits and . @ + : = - _ only, at most 128. Correct it."
        )
    return _signer.sign_object([link.pk, external_id])


def read_visit(token: str, given: Mapping[str, str]) -> Visit:
    """What an opened address says; reads only.

    Raises:
        EntryRefused: the signature does not fit, or the platform did not say who comes.
    """
    try:
        number, *named = _signer.unsign_object(token)
    except (signing.BadSignature, ValueError) as error:
        raise EntryRefused(Why.UNKNOWN) from error
    link = EntryLink.objects.select_related("study").filter(pk=number).first()
    if link is None or link.single_use != bool(named):
        raise EntryRefused(Why.UNKNOWN)
    if NOT_TAKEN in given.values():
        raise EntryRefused(Why.NOT_TAKEN)
    external_id = named[0] if named else given.get(link.person_key, "")
    if not ID.fullmatch(external_id):
        raise EntryRefused(Why.INCOMPLETE)
    kept = {key: given[key] for key in link.other_keys if ID.fullmatch(given.get(key, ""))}
    return Visit(link, external_id, kept)


def check(visit: Visit, *, now: datetime, signed_in: User | None = None) -> Membership | None:
    """The place this visitor has already, or None when they would get a new one.

    Who came before goes on where they were, also when the link is full or has expired.

    Raises:
        EntryRefused: they cannot be let in.
    """
    link, account = visit.link, visit.account
    if link.closed_at is not None:
        raise EntryRefused(Why.CLOSED)
    place = None
    if account is not None:
        place = Membership.objects.filter(study_id=link.study_id, user=account).first()
        if account.role != Role.ANNOTATOR or not account.is_active:
            raise EntryRefused(Why.LEFT)
    if place is not None:
        if not place.active or place.role != Membership.Role.ANNOTATOR:
            raise EntryRefused(Why.LEFT)
        if link.single_use and account != signed_in:
            raise EntryRefused(Why.USED)
        return place
    if link.study.state in OVER:
        raise EntryRefused(Why.CLOSED)
    if link.study.state == Study.State.DRAFT:
        raise EntryRefused(Why.NOT_BEGUN)
    if now >= link.expires_at:
        raise EntryRefused(Why.EXPIRED)
    if link.people and link.entries.count() >= link.people:
        raise EntryRefused(Why.FULL)
    return None


@transaction.atomic
def enter(visit: Visit, *, now: datetime, signed_in: User | None = None) -> Membership:
    """The visitor's place in the study, made when they have none.

    Any number may come at once: the link's row is locked while places are counted.

    Raises:
        EntryRefused: as in `check`.
    """
    link = visit.link
    EntryLink.objects.select_for_update().get(pk=link.pk)
    place = check(visit, now=now, signed_in=signed_in)
    if place is None:
        user = find_or_make_external(source_of(link), visit.external_id)
        place = add_member(link.study, user, role=Membership.Role.ANNOTATOR)
        Entry.objects.create(membership=place, link=link, parameters=visit.parameters, at=now)
        Event.objects.create(
            study_id=link.study_id,
            actor=user,
            kind="member_joined",
            data={"member": place.pseudonym, "entry_link": link.pk},
            at=now,
        )
    return place


def _note(link: EntryLink, actor: User, kind: str, now: datetime) -> None:
    Event.objects.create(
        study_id=link.study_id,
        actor=actor,
        kind=kind,
        data={"entry_link": link.pk, "source": link.source},
        at=now,
    )
    logger.info("entry_link=%s %s study=%s", link.pk, kind, link.study_id)
