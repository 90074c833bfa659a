"""Entry links: make, close, sign, and let somebody in. It must know no votes.

An address is signed, so that nobody finds one by trying; what it opens stands in its row, so that
it can be closed and shown again. The platform says who comes and signs nothing: an id that is known
here leads back only in the browser it came by, or by a personal link (docs/decisions/0014).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.core import signing
from django.db import transaction

from annotate.people.erasure import was_erased
from annotate.people.external import find_external, find_or_make_external, is_known, know
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
    OUTDATED = "outdated"  # a personal link after its days
    ELSEWHERE = "elsewhere"  # this id came by another browser
    ERASED = "erased"  # they judged here, and had their data erased
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
    """An address that was opened: its link, who the platform says comes, what else it told.

    `browser` is the secret of the browser that opened it; `place` is set by a personal link.
    """

    link: EntryLink
    external_id: str
    parameters: dict[str, str]
    browser: str = ""
    place: Membership | None = None

    @property
    def accounts(self) -> dict[str, User]:
        """The accounts bound to this id, by source; the platform's own first."""
        found = {s: find_external(s, self.external_id) for s in sources_of(self.link)}
        return {source: user for source, user in found.items() if user is not None}


def sources_of(link: EntryLink) -> list[str]:
    """What the id belongs to. Only large platforms have ids of their own; other lists are a
    study's, else "1" of one researcher would open the account of another's "1". A platform's
    worker who cannot show that they are the one of an earlier study is this study's, too."""
    own = f"{link.source}:{link.study_id}"
    if link.source in {EntryLink.Source.OTHER, EntryLink.Source.NAMED}:
        return [own]
    return [link.source, own]


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
    early_url: str = "",
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
    for url in filter(None, (return_url, early_url)):
        try:
            check_return_url(url)
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
        early_url=early_url,
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


def read_visit(token: str, given: Mapping[str, str], *, browser: str = "") -> Visit:
    """What an opened address says; reads only. `browser` is the secret of the one that opened it.

    Raises:
        EntryRefused: the signature does not fit, or the platform did not say who comes.
    """
    try:
        number, *named = _signer.unsign_object(token)
    except (signing.BadSignature, ValueError) as error:
        raise EntryRefused(Why.UNKNOWN) from error
    if number == _PERSONAL:
        return _read_personal(*named, browser=browser)
    link = EntryLink.objects.select_related("study").filter(pk=number).first()
    if link is None or link.single_use != bool(named):
        raise EntryRefused(Why.UNKNOWN)
    if NOT_TAKEN in given.values():
        raise EntryRefused(Why.NOT_TAKEN)
    external_id = named[0] if named else given.get(link.person_key, "")
    if not ID.fullmatch(external_id):
        raise EntryRefused(Why.INCOMPLETE)
    kept = {key: given[key] for key in link.other_keys if ID.fullmatch(given.get(key, ""))}
    return Visit(link, external_id, kept, browser)


# Stands where other addresses have the number of their link.
_PERSONAL = 0
PERSONAL_DAYS = 7


def personal_token(place: Membership, *, actor: User, now: datetime) -> str:
    """The signed end of an address by which one annotator comes back on any browser.

    It works once, for `PERSONAL_DAYS`: whenever they log in or out everywhere it ends.

    Raises:
        LinkRefused: they came by no link, or their place has ended.
    """
    entry = Entry.objects.filter(membership=place).first()
    if entry is None:
        raise LinkRefused(f"{place.pseudonym} came by no entry link: they log in as always.")
    if not _is_open(place):
        raise LinkRefused(f"The place of {place.pseudonym} has ended. Let them return first.")
    ends = now + timedelta(days=PERSONAL_DAYS)
    _log(place.study_id, actor, "personal_link_made", {"member": place.pseudonym}, now)
    return _signer.sign_object([_PERSONAL, place.pk, _stamp(place.user), int(ends.timestamp())])


def _stamp(user: User) -> str:
    """Changes whenever they come in, or log out everywhere."""
    at = user.last_login.isoformat() if user.last_login else ""
    return f"{user.session_epoch}|{at}"


def _read_personal(place_id: int, stamp: str, ends: int, *, browser: str) -> Visit:
    entries = Entry.objects.select_related("link__study", "membership__user", "membership__study")
    entry = entries.filter(membership=place_id).first()
    if entry is None:
        raise EntryRefused(Why.UNKNOWN)
    said = {"stamp": stamp, "ends": str(ends)}
    return Visit(entry.link, "", said, browser, place=entry.membership)


def _check_personal(visit: Visit, place: Membership, now: datetime, who: User | None) -> Membership:
    if not _is_open(place):
        raise EntryRefused(Why.LEFT)
    if place.user == who or is_known(place.user, visit.browser):
        return place
    if now >= datetime.fromtimestamp(int(visit.parameters["ends"]), UTC):
        raise EntryRefused(Why.OUTDATED)
    if visit.parameters["stamp"] != _stamp(User.objects.get(pk=place.user_id)):
        raise EntryRefused(Why.USED)
    return place


def _is_open(place: Membership) -> bool:
    user = place.user
    mine = place.active and place.role == Membership.Role.ANNOTATOR
    return mine and user.is_active and user.role == Role.ANNOTATOR


def check(visit: Visit, *, now: datetime, signed_in: User | None = None) -> Membership | None:
    """The place this visitor has already, or None when they would get a new one.

    Who came before goes on where they were, also when the link is full or has expired, if they are
    signed in, come by a browser they came by before, or by a personal link.

    Raises:
        EntryRefused: they cannot be let in.
    """
    if visit.place is not None:
        return _check_personal(visit, visit.place, now, signed_in)
    link, accounts = visit.link, visit.accounts.values()
    if link.closed_at is not None:
        raise EntryRefused(Why.CLOSED)
    if was_erased(link.source, visit.external_id, scope=str(link.study.uid)):
        raise EntryRefused(Why.ERASED)
    if any(user.role != Role.ANNOTATOR or not user.is_active for user in accounts):
        raise EntryRefused(Why.LEFT)
    places = Membership.objects.filter(study_id=link.study_id, user__in=accounts)
    place = places.select_related("user", "study").first()
    if place is not None:
        if not _is_open(place):
            raise EntryRefused(Why.LEFT)
        if not _shown(place.user, visit, signed_in):
            raise EntryRefused(Why.USED if link.single_use else Why.ELSEWHERE)
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


def _shown(user: User, visit: Visit, signed_in: User | None) -> bool:
    """Whether the visitor has what only this person has: their session, or a browser of theirs."""
    return user == signed_in or is_known(user, visit.browser)


def _account_for(visit: Visit, signed_in: User | None) -> User:
    """The account of somebody new to the study. One of an earlier study is theirs only if they can
    show it; else this study gets one of its own."""
    accounts = visit.accounts
    for source in sources_of(visit.link):
        if source not in accounts:
            return find_or_make_external(source, visit.external_id)
        if _shown(accounts[source], visit, signed_in):
            return accounts[source]
    raise EntryRefused(Why.ELSEWHERE)


@transaction.atomic
def enter(visit: Visit, *, now: datetime, signed_in: User | None = None) -> Membership:
    """The visitor's place in the study, made when they have none.

    Any number may come at once: the study's links are locked while places are counted, so that
    one id that comes by two of them gets one place.

    Raises:
        EntryRefused: as in `check`.
    """
    link = visit.link
    links = EntryLink.objects.filter(study_id=link.study_id).order_by("pk")
    list(links.select_for_update().values_list("pk", flat=True))
    place = check(visit, now=now, signed_in=signed_in)
    if place is None:
        user = _account_for(visit, signed_in)
        place = add_member(link.study, user, role=Membership.Role.ANNOTATOR)
        Entry.objects.create(membership=place, link=link, parameters=visit.parameters, at=now)
        said = {"member": place.pseudonym, "entry_link": link.pk}
        _log(link.study_id, user, "member_joined", said, now)
    know(place.user, visit.browser)
    return place


def _log(study: int, actor: User, kind: str, data: Mapping[str, Any], now: datetime) -> None:
    Event.objects.create(study_id=study, actor=actor, kind=kind, data=data, at=now)


def _note(link: EntryLink, actor: User, kind: str, now: datetime) -> None:
    said = {"entry_link": link.pk, "source": link.source}
    _log(link.study_id, actor, kind, said, now)
    logger.info("entry_link=%s %s study=%s", link.pk, kind, link.study_id)
