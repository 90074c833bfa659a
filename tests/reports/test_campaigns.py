"""A campaign: one figure and one Holm family over the primary comparisons of several studies."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse

from annotate.analysis.significance import holm
from annotate.people.models import User
from annotate.reports.campaign_page import FILES, campaign_section, campaign_table
from annotate.reports.campaigning import CampaignRefused, campaign_report, make_campaign
from annotate.reports.models import Campaign
from annotate.studies.lifecycle import move
from annotate.studies.models import Contrast, Study
from tests.factories import NOW, join, make_study, make_user
from tests.reports.arrange import voted

pytestmark = pytest.mark.whole


def open_as(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.django_db
def test_p_values_are_corrected_over_the_primary_comparisons_of_all_studies() -> None:
    owner = make_user("researcher")
    patterns = (["aaa"] * 9 + ["bbb"], ["aaa"] * 6, ["aaa", "bbb"], [""])
    studies = [voted(p, owner=owner, simulated=n == 0)[0] for n, p in enumerate(patterns)]
    move(studies[1], Study.State.CLOSED, actor=owner)
    made = make_campaign("Figure 9", studies, created_by=owner, now=NOW)
    found = campaign_report(made, now=NOW)
    # Exact: 9 of 10 is 22 / 1024, 6 of 6 is 2 / 64; the empty study counts with 1.
    by_hand = [22 / 1024, 2 / 64, 1.0, 1.0]
    assert [row.p_value for row in found.rows] == [*map(pytest.approx, by_hand[:3]), None]
    assert [row.holm for row in found.rows[:3]] == pytest.approx(holm(by_hand)[:3])
    assert found.rows[3].holm is None
    client = open_as(owner)
    html = client.get(reverse("campaign", args=[made.uid])).content.decode()
    assert "Simulated votes" in html
    for name in FILES:
        answer = client.get(reverse("campaign-file", args=[made.uid, name]))
        assert answer.status_code == 200, name
        assert answer.content == client.get(answer.request["PATH_INFO"]).content, name
    assert b"<svg" in client.get(reverse("campaign-file", args=[made.uid, "bars.svg"])).content


@pytest.mark.django_db
def test_studies_with_other_levels_of_confidence_are_not_called_by_one_s() -> None:
    owner = make_user("researcher")
    levels = ({"confidence": 0.95}, {"confidence": 0.9})
    studies = [voted(["aaa"], owner=owner, protocol=protocol)[0] for protocol in levels]
    made = make_campaign("Both", studies, created_by=owner, now=NOW)
    columns = campaign_table(campaign_report(made, now=NOW)).columns
    assert "90 % and 95 % CI, %" in [c.title.replace("\xa0", " ") for c in columns]


@pytest.mark.django_db
def test_two_studies_of_one_name_are_told_apart_by_their_number_in_table_and_figures() -> None:
    owner = make_user("researcher")
    studies = [voted(["aaa"], owner=owner)[0] for _ in range(2)]
    Study.objects.filter(owner=owner).update(name="Evening pictures, all prompts of the spring")
    made = make_campaign("Both", studies, created_by=owner, now=NOW)
    found = campaign_report(made, now=NOW)
    named = [str(row[0].text) for row in campaign_table(found).rows]
    assert [name[:3] for name in named] == ["1. ", "2. "]
    assert named[0][3:] == named[1][3:]
    for plate in campaign_section(found).plates:
        for drawing in (plate.figure.wide, plate.figure.narrow):
            words = ElementTree.fromstring(str(drawing)).itertext()
            assert {word[:2] for word in words} >= {"1.", "2."}


@pytest.mark.django_db
def test_only_who_manages_every_study_sees_the_campaign() -> None:
    one, other = voted(["aaa"])[0], voted(["aaa"])[0]
    made = make_campaign("Both", [one, other], created_by=one.owner, now=NOW)
    page = reverse("campaign", args=[made.uid])
    assert open_as(one.owner).get(page).status_code == 404
    join(other, one.owner, role="researcher")
    assert open_as(one.owner).get(page).status_code == 200
    assert open_as(make_user("admin")).get(page).status_code == 200
    assert not Campaign.objects.seen_by(other.owner).exists()


@pytest.mark.django_db
def test_a_campaign_is_of_one_s_own_launched_studies() -> None:
    one, foreign = voted(["aaa"])[0], voted(["aaa"])[0]
    draft = make_study(owner=one.owner)
    with pytest.raises(CampaignRefused, match="joins 2 to"):
        make_campaign("Alone", [one], created_by=one.owner, now=NOW)
    with pytest.raises(CampaignRefused, match="is a draft"):
        make_campaign("Early", [one, draft], created_by=one.owner, now=NOW)
    client = open_as(one.owner)
    answer = client.post(reverse("campaigns"), {"name": "Theirs", "studies": [one.pk, foreign.pk]})
    assert answer.status_code == 422
    assert not Campaign.objects.exists()


@pytest.mark.django_db
def test_a_study_in_which_nobody_wins_is_neither_offered_nor_taken() -> None:
    one, other = (voted(["aaa"], name=name)[0] for name in ("Compared", "By itself"))
    Contrast.objects.filter(study=other).update(a=F("b"))
    admin = make_user("admin")
    html = open_as(admin).get(reverse("campaigns")).content.decode()
    assert "Compared" in html
    assert "By itself" not in html
    with pytest.raises(CampaignRefused, match="compares no two methods"):
        make_campaign("Both", [one, other], created_by=admin, now=NOW)
