"""The report's page and downloads: who may see them, what they say, how they refresh."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotate.judging.models import Comparison, Report
from annotate.people.models import Role, User
from annotate.reports.export import NAMES
from annotate.reports.reviewing import make_review_link
from annotate.studies.models import Prompt, Study
from tests.factories import NOW, join, make_study, make_user
from tests.reports.arrange import cast, decide, launched, voted

pytestmark = pytest.mark.whole

PATTERNS = ["aaa", "aab", "abt", "bbt", "tta", "ab", ""]


def open_as(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def address(study: Study) -> str:
    return reverse("study-report", args=[study.uid])


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("\u00a0", " ")


@pytest.mark.bothdb
@pytest.mark.django_db
def test_the_report_says_its_numbers_in_words_drawings_and_tables() -> None:
    study, _ = voted(PATTERNS)
    html = open_as(study.owner).get(address(study)).content.decode()
    told = text_of(html)
    assert "So far annotators chose student on 66.7 % of 3 decided prompts" in told
    for label in (
        "Three ways to count ties",
        "Win rates, ties dropped",
        "Vote share, tied votes dropped",
        "Agreement between annotators",
        "Choices by side, tied votes left out",
        "How each annotator worked",
    ):
        assert label in told
    assert html.count('class="plot plot-wide"') == html.count('class="plot plot-narrow"') == 5
    assert "Simulated" not in told


@pytest.mark.django_db
def test_the_page_obeys_a_strict_content_policy() -> None:
    study, _ = voted(PATTERNS, simulated=True)
    answer = open_as(study.owner).get(address(study))
    html = answer.content.decode()
    assert not re.search(r"<[^>]+\sstyle\s*=", html)
    assert not re.search(r"<style|<script(?![^>]*\ssrc=)|\son\w+=", html)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"].count("no-store") == 1


@pytest.mark.django_db
def test_simulated_votes_are_announced() -> None:
    study, _ = voted(["aaa", "aab"], simulated=True)
    told = text_of(open_as(study.owner).get(address(study)).content.decode())
    assert "Simulated annotators preferred" in told or "simulated annotators preferred" in told
    assert "6 of 6 votes were cast by programs" in told
    assert "A-01, simulated" in told


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["report", *NAMES])
def test_only_the_studys_researchers_and_admins_get_reports_and_exports(name: str) -> None:
    study, people = voted(["aaa"])
    url = address(study) if name == "report" else reverse("study-export", args=[study.uid, name])
    researcher = join(study, make_user(Role.RESEARCHER), role="researcher")
    # A file that takes long to write is written once: who may have it is asked before.
    slow = name.endswith((".pdf", ".zip", "manifest.json"))
    # The factories' pictures have rows and no files: the page then says so.
    found = 302 if name == "dataset-pictures.zip" else 200
    for allowed in (study.owner,) if slow else (study.owner, researcher, make_user(Role.ADMIN)):
        assert open_as(allowed).get(url).status_code == found
    for foreign in (people[0], make_user(Role.ANNOTATOR), make_user(Role.RESEARCHER)):
        assert open_as(foreign).get(url).status_code == 404
    assert Client().get(url).status_code == 302
    assert open_as(study.owner).post(url).status_code == 405


@pytest.mark.django_db
def test_a_download_says_what_it_is() -> None:
    study, _ = voted(["aaa"], name="=Über / Студии")
    answer = open_as(study.owner).get(reverse("study-export", args=[study.uid, "votes.jsonl"]))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="uber-votes.jsonl"'
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    rows = [json.loads(line) for line in answer.getvalue().decode().splitlines()]
    assert len(rows) == 3


@pytest.mark.django_db
def test_an_export_that_does_not_exist_is_not_found() -> None:
    study, _ = voted(["aaa"])
    for name in ("users.csv", "..%2fsecret_key", "votes.csv.bak"):
        assert (
            open_as(study.owner)
            .get(address(study).replace("report/", f"export/{name}"))
            .status_code
            == 404
        )


@pytest.mark.django_db
def test_an_open_page_asks_again_and_gets_only_what_is_new() -> None:
    study, people = voted(["aaa", "aa"])
    client = open_as(study.owner)
    html = client.get(address(study)).content.decode()
    (mark,) = set(re.findall(r'data-mark="([^"]+)"', html))
    assert "data-live" in html
    ask = {"X-Part": "report", "X-Seen": mark}
    assert client.get(address(study), headers=ask).status_code == 204
    waiting = Comparison.objects.get(verdict=None)
    cast(waiting, people[2], "tie")
    decide(waiting, study.read_protocol())
    part = client.get(address(study), headers=ask)
    assert part.status_code == 200
    assert "<html" not in part.content.decode()
    assert mark not in part.content.decode()


@pytest.mark.django_db
def test_before_the_first_verdict_the_page_says_what_will_be_here() -> None:
    study, _ = launched(pairs=2)
    told = text_of(open_as(study.owner).get(address(study)).content.decode())
    assert "No prompt is decided yet: 0 of 6 votes are in." in told
    assert "See how far the study is" in told
    draft = make_study()
    told = text_of(open_as(draft.owner).get(address(draft)).content.decode())
    assert "the study has not been launched" in told


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "shown"), [("all", 7), ("wins", 1), ("losses", 0), ("disputed", 3), ("reported", 1)]
)
def test_the_gallery_filters_by_kind(kind: str, shown: int) -> None:
    study, people = voted(PATTERNS)
    comparison = Comparison.objects.get(votes=None)
    Report.objects.create(
        comparison=comparison, annotator=people[0], reason="broken", comment="<b>half</b>", at=NOW
    )
    html = open_as(study.owner).get(address(study), {"show": kind}).content.decode()
    assert html.count('<article class="card">') == shown
    assert "<b>half</b>" not in html
    assert ("A picture is broken: &lt;b&gt;half&lt;/b&gt;" in html) == (kind in {"all", "reported"})


@pytest.mark.django_db
def test_the_gallery_goes_on_over_pages_and_takes_any_number() -> None:
    study, _ = voted(["aaa"] * 14)
    client = open_as(study.owner)
    counts = {
        page: client.get(address(study), {"page": page, "contrast": page})
        .content.decode()
        .count("<article")
        for page in ("1", "2", "99", "0", "-1", "x", "٣", "9" * 40)
    }
    assert counts == {"1": 12, "2": 2, "99": 2, "0": 12, "-1": 12, "x": 12, "٣": 12, "9" * 40: 12}


@pytest.mark.django_db
def test_the_page_takes_few_queries_however_large_the_study(
    django_assert_max_num_queries: object,
) -> None:
    for patterns in (["aaa"], PATTERNS * 4):
        study, _ = voted(patterns)
        client = open_as(study.owner)
        with django_assert_max_num_queries(36):  # type: ignore[operator]
            assert client.get(address(study)).status_code == 200


@pytest.mark.django_db
def test_each_picture_of_the_gallery_leads_to_its_own_sample_but_not_for_reviewers() -> None:
    study, _ = voted(["aaa", "abt"])
    client = open_as(study.owner)
    html = client.get(address(study)).content.decode()
    links = re.findall(r'<a class="pic-link" href="([^"]+)"><img [^>]*src="([^"]+)"', html)
    assert len(set(links)) == 4
    for href, picture in links:
        assert picture in client.get(href).content.decode()
    _, token = make_review_link(study, created_by=study.owner, now=timezone.now())
    shown = Client().get(reverse("review", args=[token])).content.decode()
    assert shown.count('<article class="card">') == 2
    assert "pic-link" not in shown


def with_metadata(study: Study) -> None:
    """Prompts 0, 1, 2, ... in serving order: of two kinds & half of them busy."""
    for place, prompt in enumerate(Prompt.objects.order_by("pk")):
        prompt.metadata = {"kind": "cats & dogs" if place % 3 else "cars", "objects": place}
        prompt.save()


def cards(html: str) -> int:
    return html.count('<article class="card">')


@pytest.mark.django_db
def test_the_gallery_filters_by_the_slices_of_the_report() -> None:
    study, _ = voted(["aaa"] * 3 + ["bbb"] * 3 + ["abt"])
    with_metadata(study)
    client = open_as(study.owner)
    html = client.get(address(study)).content.decode()
    offered = re.findall(r'<option value="([^"]+)">', html[html.index('id="gallery-slice"') :])
    told = [f"kind: {kind}" for kind in ("cars", "cats &amp; dogs")]
    assert [name for name in offered if name.startswith("kind")] == told
    for name in offered:
        # The same words in the table of slices.
        assert f'<th scope="row">{name}</th>' in html
    assert cards(html) == 7
    one = client.get(address(study), {"slice": "kind: cats & dogs"}).content.decode()
    assert cards(one) == 4
    assert '<option value="kind: cats &amp; dogs" selected>cats &amp; dogs (4)</option>' in one
    # Filters join, and each leads on to the other.
    assert "&amp;slice=kind%3A%20cats%20%26%20dogs#gallery" in one
    wins = client.get(address(study), {"slice": "kind: cats & dogs", "show": "wins"})
    assert cards(wins.content.decode()) == 2
    low = client.get(address(study), {"slice": "objects: 0 to 1"}).content.decode()
    assert cards(low) == 2


@pytest.mark.django_db
def test_a_slice_that_the_report_does_not_have_shows_all_pairs() -> None:
    study, _ = voted(["aaa"] * 3)
    client = open_as(study.owner)
    plain = client.get(address(study)).content.decode()
    assert 'id="gallery-slice"' not in plain
    with_metadata(study)
    for name in ("kind: ships", "<b>", "x" * 5000, "\u0000"):
        html = client.get(address(study), {"slice": name}).content.decode()
        assert cards(html) == 3
        assert "slice=" not in html
        assert "<b>" not in html.partition('id="gallery"')[2].partition("</form>")[0]


@pytest.mark.django_db
def test_pages_of_the_gallery_stay_within_their_slice() -> None:
    study, _ = voted(["aaa"] * 28)
    with_metadata(study)
    page = open_as(study.owner).get(address(study), {"slice": "kind: cats & dogs", "page": "2"})
    html = page.content.decode()
    assert cards(html) == 18 - 12
    assert "Page 2 of 2" in html
    assert "slice=kind%3A%20cats%20%26%20dogs&amp;page=1#gallery" in html


@pytest.mark.django_db
def test_the_gallery_of_a_slice_holds_all_prompts_of_a_group_the_table_one() -> None:
    study, _ = voted(["aaa"] * 4)
    for place, prompt in enumerate(Prompt.objects.order_by("pk")):
        prompt.group = "photo" if place < 3 else ""
        prompt.metadata = {"kind": "cars" if place < 3 else "cats"}
        prompt.save()
    html = open_as(study.owner).get(address(study), {"slice": "kind: cars"}).content.decode()
    assert cards(html) == 3
