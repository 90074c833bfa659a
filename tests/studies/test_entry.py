"""Entry links: who is let in, who goes on where they were, and who is refused and why."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from annotate.judging.launch import launch
from annotate.people.accounts import deactivate, end_sessions
from annotate.people.models import ExternalAccount, Role, User
from annotate.studies.entry import (
    EntryRefused,
    LinkRefused,
    Why,
    check,
    close_link,
    enter,
    make_link,
    personal_token,
    read_visit,
    token_of,
)
from annotate.studies.lifecycle import move
from annotate.studies.members import set_active
from annotate.studies.models import Event
from annotate.studies.platforms import PLATFORMS, check_return_url, template
from tests.factories import NOW, make_study, make_user

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=30)


def link_to(study, source="prolific", **extra):
    extra = {"expires_at": LATER, "now": NOW, "created_by": study.owner} | extra
    return make_link(study, source=source, **extra)


def open_link(source="prolific", **extra):
    study = make_study()
    return link_to(launch(study, actor=study.owner), source, **extra)


def arrive(link, who="5f3a", *, now=NOW, signed_in=None, browser="", **given):
    visit = read_visit(token_of(link), {link.person_key: who} | given, browser=browser)
    return enter(visit, now=now, signed_in=signed_in)


def refused(call, *args, **given):
    with pytest.raises(EntryRefused) as caught:
        call(*args, **given)
    return caught.value.why


@pytest.mark.parametrize("source", ["prolific", "mturk", "toloka", "other"])
def test_a_worker_of_each_platform_gets_a_place_and_gets_it_again(source):
    """What the platform fills into the template is read back from the address."""
    link = open_link(source)
    keys = [link.person_key, *link.other_keys]
    pasted = template(source, "https://here.example/enter/x/", keys)
    filled = {key: f"{key}-7" for key in parse_qs(urlsplit(pasted).query)}
    assert list(filled) == keys
    place = enter(read_visit(token_of(link), filled), now=NOW)
    assert (place.pseudonym, place.role) == ("A-01", "annotator")
    assert place.entry.parameters == {key: f"{key}-7" for key in link.other_keys}
    assert enter(read_visit(token_of(link), filled), now=NOW, signed_in=place.user) == place
    assert User.objects.filter(role="annotator").count() == 1


def test_a_changed_or_foreign_signature_opens_nothing():
    link = open_link()
    token, other = token_of(link), token_of(open_link())
    forged = other.split(":")[0] + ":" + token.split(":")[1]
    for bad in (token[:-1], forged, "nonsense", ""):
        assert refused(read_visit, bad, {"PROLIFIC_PID": "5f3a"}) is Why.UNKNOWN
    assert read_visit(token, {"PROLIFIC_PID": "5f3a"}).link == link


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, Why.INCOMPLETE),
        ({"workerId": "${workerId}"}, Why.INCOMPLETE),
        ({"workerId": "a" * 129}, Why.INCOMPLETE),
        ({"workerId": "A1", "assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE"}, Why.NOT_TAKEN),
    ],
)
def test_an_address_that_names_nobody_makes_nobody(given, why):
    link = open_link("mturk")
    assert refused(read_visit, token_of(link), given) is why
    assert not ExternalAccount.objects.exists()


def test_beyond_its_people_a_link_lets_in_nobody_new():
    link = open_link(people=2)
    first = arrive(link, "one", browser="mine")
    arrive(link, "two")
    assert refused(arrive, link, "three") is Why.FULL
    assert arrive(link, "one", browser="mine") == first


def test_an_expired_link_lets_in_nobody_new_and_a_closed_one_nobody():
    link = open_link()
    first = arrive(link, "one", browser="mine")
    assert refused(arrive, link, "two", now=LATER) is Why.EXPIRED
    assert arrive(link, "one", browser="mine", now=LATER) == first
    assert close_link(link, actor=link.created_by, now=NOW)
    assert not close_link(link, actor=link.created_by, now=NOW)
    assert refused(arrive, link, "one") is Why.CLOSED
    assert [e.data["source"] for e in Event.objects.filter(kind="entry_link_closed")] == [
        "prolific"
    ]


def test_an_address_of_ones_own_works_once():
    """Elsewhere it is refused; on the device where it was used it leads on."""
    link = open_link("named")
    visit = read_visit(token_of(link, "ada@lab"), {})
    place = enter(visit, now=NOW)
    assert refused(enter, visit, now=NOW) is Why.USED
    assert refused(enter, visit, now=NOW, signed_in=make_user()) is Why.USED
    assert enter(visit, now=NOW, signed_in=place.user) == place
    assert refused(read_visit, token_of(link), {"participant": "bob"}) is Why.UNKNOWN
    with pytest.raises(LinkRefused, match="Correct it"):
        token_of(link, "no spaces")


def test_who_gave_up_their_place_or_was_let_go_is_not_let_in_again():
    link = open_link()
    left, closed = arrive(link, "left"), arrive(link, "closed")
    set_active(left, active=False, actor=left.user)
    deactivate(closed.user, actor=make_user(Role.ADMIN), now=NOW)
    assert refused(arrive, link, "left") is Why.LEFT
    assert refused(arrive, link, "closed") is Why.LEFT


@pytest.mark.parametrize(("state", "why"), [("draft", Why.NOT_BEGUN), ("closed", Why.CLOSED)])
def test_nobody_new_comes_into_a_study_that_is_not_open(state, why):
    study = make_study()
    link = link_to(study)
    if state == "closed":
        move(launch(study, actor=study.owner), state, actor=study.owner)
    visit = read_visit(token_of(link), {"PROLIFIC_PID": "5f3a"})
    assert refused(check, visit, now=NOW) is why


def test_ids_belong_to_a_platform_or_to_one_study():
    """One researcher's "1" is not another's; a Prolific worker's browser is the same everywhere."""
    for source, accounts in (("prolific", 1), ("other", 2)):
        here, there = (arrive(open_link(source), "1", browser="mine").user for _ in range(2))
        assert len({here, there}) == accounts


def test_who_only_knows_the_id_of_somebody_does_not_come_in_as_them():
    """Ids are no secret: neither this place nor those in other studies open by them."""
    link = open_link()
    place = arrive(link, browser="mine")
    assert refused(arrive, link) is Why.ELSEWHERE
    assert refused(arrive, link, browser="another") is Why.ELSEWHERE
    assert refused(arrive, link, signed_in=make_user()) is Why.ELSEWHERE
    assert refused(arrive, link_to(link.study, people=9), browser="another") is Why.ELSEWHERE
    elsewhere = open_link()
    stranger = arrive(elsewhere, browser="another")
    assert stranger.user != place.user
    assert refused(arrive, elsewhere, browser="mine") is Why.ELSEWHERE  # one id, one place
    assert arrive(link, browser="mine") == place
    assert arrive(elsewhere, browser="another") == stranger


def test_logging_out_everywhere_forgets_every_browser():
    link = open_link()
    end_sessions(arrive(link, browser="mine").user)
    assert refused(arrive, link, browser="mine") is Why.ELSEWHERE


def test_a_personal_link_opens_a_place_on_another_device_once_and_for_its_days():
    link = open_link()
    place = arrive(link, browser="mine")
    close_link(link, actor=link.created_by, now=NOW)
    token = personal_token(place, actor=link.created_by, now=NOW)

    def come(browser, *, now=NOW):
        return enter(read_visit(token, {}, browser=browser), now=now)

    assert refused(come, "new", now=NOW + timedelta(days=7)) is Why.OUTDATED
    assert come("new") == place
    User.objects.filter(pk=place.user_id).update(last_login=NOW)  # the page logs them in
    assert refused(come, "third") is Why.USED
    assert come("new") == place
    assert place.study.events.filter(kind="personal_link_made").count() == 1
    set_active(place, active=False, actor=None)
    assert refused(come, "new") is Why.LEFT
    with pytest.raises(LinkRefused, match="has ended"):
        personal_token(place, actor=link.created_by, now=NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"source": "fiverr"},
        {"expires_at": NOW},
        {"person_key": "who is it"},
        {"other_keys": ["PROLIFIC_PID"]},
        {"return_url": "http://app.example/done"},
        {"return_url": "javascript:alert(1)"},
        {"return_url": "https://{code}.example/"},
        {"return_url": "https://app.example/{study}"},
    ],
)
def test_a_link_that_could_not_work_is_not_made(changed):
    with pytest.raises(LinkRefused):
        link_to(make_study(), **changed)


def test_the_return_address_of_prolific_is_one():
    assert check_return_url(PLATFORMS["prolific"].return_url).endswith("?cc={code}")
