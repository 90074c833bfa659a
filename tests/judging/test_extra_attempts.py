"""One more attempt at the exam: granted once, with a reason, on items nobody saw before."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from annotate.judging import qualification
from annotate.judging.extra_attempts import NoExtraAttempt, grant_extra_attempt
from annotate.judging.models import ExtraAttempt
from annotate.judging.qualification import NotNow, Stage
from annotate.studies.models import Event, Membership
from tests.factories import NOW
from tests.judging.arrange import member
from tests.judging.exam_items import add_items, make_examined, prepare, sit

pytestmark = pytest.mark.django_db
DAY = timedelta(hours=24)


def failed(**protocol) -> Membership:
    """Somebody who has failed both attempts; 2 of 10 decided items and no equal one are unseen."""
    who = member(make_examined(**protocol))
    prepare(who)
    for day in (0, 1):
        sit(who, right=False, now=NOW + day * DAY)
    return who


def grant(who: Membership, **given):
    given = {"reason": "power cut", "actor": who.study.owner, "now": NOW + DAY} | given
    return grant_extra_attempt(who, **given)


@pytest.mark.bothdb
def test_an_extra_attempt_has_items_not_seen_before_and_opens_after_the_wait():
    who = failed()
    with pytest.raises(NoExtraAttempt, match="4 exam items in which one picture is better are"):
        grant(who)
    add_items(who.study, training=0, exam=5, ties=0)
    there = grant(who)
    assert (there.stage, there.opens_at) == (Stage.WAIT, NOW + 2 * DAY)
    with pytest.raises(NotNow):
        qualification.begin(who, now=NOW + DAY)
    assert sit(who, now=NOW + 2 * DAY).passed
    drawn = [
        set(sitting.items.values_list("comparison", flat=True))
        for sitting in there.qualification.sittings.filter(kind="exam")
    ]
    assert [len(items) for items in drawn] == [6, 6, 6]
    assert len(set.union(*drawn)) == 18
    assert qualification.standing(who, now=NOW + 2 * DAY).stage is Stage.QUALIFIED
    event = Event.objects.get(kind="exam_extra_attempt")
    assert event.data == {"member": "A-01", "version": 1, "reason": "power cut"}


def test_nobody_is_granted_a_second_one():
    who = failed()
    add_items(who.study, training=0, exam=20, ties=0)
    grant(who)
    with pytest.raises(NoExtraAttempt, match="has not used all attempts"):
        grant(who)
    sit(who, right=False, now=NOW + 2 * DAY)
    with pytest.raises(NoExtraAttempt, match="was granted an extra attempt before"):
        grant(who, now=NOW + 3 * DAY)
    assert ExtraAttempt.objects.count() == 1


def test_an_extra_attempt_needs_a_reason_and_somebody_without_any_left():
    who = failed()
    for reason in ("", "  ", "x" * 501):
        with pytest.raises(NoExtraAttempt, match="give 1 to 500"):
            grant(who, reason=reason)
    with pytest.raises(NoExtraAttempt, match="the next step is “consent”"):
        grant(member(who.study))
    assert not ExtraAttempt.objects.exists()


def test_the_researcher_grants_it_on_the_page_and_reads_what_is_missing():
    who = failed()
    study, client = who.study, Client()
    client.force_login(study.owner, backend="annotate.people.backends.PlainBackend")
    address = reverse("study-exam-extra", args=[study.uid, who.pk])
    refused = client.post(address, {"reason": "a fire alarm"})
    assert refused.status_code == 422
    for said in ("4 exam items", "Nothing was saved", 'value="a fire alarm"'):
        assert said in refused.content.decode()
    add_items(study, training=0, exam=4, ties=0)
    page = client.post(address, {"reason": "a fire alarm"}, follow=True).content.decode()
    assert "A-01 has one more attempt" in page
    assert "Grant one" not in page
    annotator = Client()
    annotator.force_login(who.user, backend="annotate.people.backends.PlainBackend")
    # The last attempt ended in March, so the next one is open.
    own = annotator.get(reverse("qualify", args=[study.uid])).content.decode()
    assert "given you one more attempt" in own
