"""The researcher's pages: who may open them, what they say, and what their buttons do."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotate.judging import queue
from annotate.judging.launch import launch
from annotate.judging.models import Assignment, Comparison, Report
from annotate.judging.voting import submit
from annotate.people.models import Role, User
from annotate.studies.models import ProtocolTemplate, Study
from annotate.studies.spec import parse_toml
from annotate.web.forms import StudyForm
from tests.factories import join, make_study, make_user
from tests.judging.arrange import ballot, member, vote_all
from tests.web.test_researcher_form import RICH, posted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_kept_numbers() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def launched(**options: Any) -> Study:
    """An open study without picture files: nothing has to be fitted."""
    return launch(make_study(**options), actor=None)


def url(name: str, study: Study, *more: int) -> str:
    return reverse(name, args=[study.uid, *more])


PAGES = ["study", "study-edit", "study-launch", "study-import", "study-samples", "study-members"]
ACTIONS = ["study-clone", "study-move", "study-template", "study-invite", "study-add-member"]


@pytest.mark.parametrize("name", [*PAGES, "study-toml"])
def test_a_page_is_for_those_who_manage_the_study(name: str) -> None:
    study = make_study(pairs=2)
    assert client_of(study.owner).get(url(name, study)).status_code == 200
    assert client_of(make_user(Role.ADMIN)).get(url(name, study)).status_code == 200
    for outsider in (make_user(Role.RESEARCHER), join(study), make_user(Role.ANNOTATOR)):
        assert client_of(outsider).get(url(name, study)).status_code == 404
    assert Client().get(url(name, study)).status_code == 302


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_is_for_those_who_manage_the_study(name: str) -> None:
    study = make_study()
    for outsider in (make_user(Role.RESEARCHER), join(study)):
        assert client_of(outsider).post(url(name, study)).status_code == 404
    assert client_of(study.owner).get(url(name, study)).status_code == 405


@pytest.mark.parametrize("state", ["draft", "open", "archived"])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_inline_style_or_script(name: str, state: str) -> None:
    study = make_study(pairs=2) if state == "draft" else launched(pairs=2)
    join(study)
    if state == "archived":
        Study.objects.filter(pk=study.pk).update(state=state)
    html = client_of(study.owner).get(url(name, study), follow=True).content.decode()
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", html)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))


def test_the_list_shows_the_studies_one_manages_with_their_votes() -> None:
    study = launched(pairs=2, name="Mine")
    launched(name="Somebody else's")
    vote_all([member(study)])
    page = client_of(study.owner).get(reverse("studies"))
    row = page.context["studies"].get()
    assert (row.name, row.method_count, row.voted, row.wanted) == ("Mine", 2, 2, 6)
    assert row.my_role == "owner"
    assert "Somebody else" not in page.content.decode()


def test_an_empty_list_says_what_to_do() -> None:
    page = client_of(make_user(Role.RESEARCHER)).get(reverse("studies"))
    assert "Make a study" in page.content.decode()


def test_the_list_costs_the_same_queries_for_one_study_and_for_many(
    django_assert_max_num_queries: Any,
) -> None:
    owner = make_user(Role.RESEARCHER)
    for _ in range(6):
        make_study(owner=owner)
    client = client_of(owner)
    with django_assert_max_num_queries(5):
        client.get(reverse("studies"))


def test_a_study_is_made_with_the_form() -> None:
    owner = make_user(Role.RESEARCHER)
    data = posted(StudyForm(spec=RICH)).dict()
    answer = client_of(owner).post(reverse("study-new"), data)
    study = Study.objects.get()
    assert answer["Location"] == url("study", study)
    assert study.read_spec() == RICH
    assert study.owner == owner


def test_mistakes_are_listed_on_top_and_next_to_their_fields() -> None:
    client = client_of(make_user(Role.RESEARCHER))
    data = {"name": "x", "protocol-overlap": "12", "protocol-min_votes": "3"}
    page = client.post(reverse("study-new"), data)
    said = "&#x27;12&#x27; was given; input should be less than or equal to 9. Change it."
    assert page.status_code == 422
    assert page.content.decode().count(said) == 2
    assert not Study.objects.exists()


def test_a_preview_shows_the_instructions_and_saves_nothing() -> None:
    client = client_of(make_user(Role.RESEARCHER))
    data = {"name": "x", "preview": "1", "protocol-instructions": "# Look\n\n<script>x</script>"}
    html = client.post(reverse("study-new"), data).content.decode()
    assert "<h1>Look</h1>" in html
    assert "<script>x" not in html
    assert not Study.objects.exists()


def test_native_display_warns_about_blinding() -> None:
    client = client_of(make_user(Role.RESEARCHER))
    data = {"name": "x", "preview": "1", "protocol-display": "native"}
    assert "annotators can tell them apart" in client.post(
        reverse("study-new"), data
    ).content.decode().replace("\n", " ")


def test_a_template_fills_the_form() -> None:
    client = client_of(make_user(Role.RESEARCHER))
    page = client.get(reverse("study-new"), {"template": "Single decision"})
    assert page.context["form"].initial["protocol-judgement"] == "single"
    assert client.get(reverse("study-new"), {"template": "nope"}).status_code == 404


def test_a_toml_file_fills_the_form_and_a_bad_one_says_why() -> None:
    study = make_study()
    client = client_of(study.owner)
    download = client.get(url("study-toml", study)).content
    assert parse_toml(download.decode()) == study.read_spec()
    file = SimpleUploadedFile("s.toml", download)
    page = client.post(reverse("study-new"), {"toml": file})
    assert page.context["form"].initial["name"] == study.name
    bad = SimpleUploadedFile("s.toml", b'name = "x"\n[protocol]\noverlap = 12\n')
    page = client.post(reverse("study-new"), {"toml": bad})
    assert page.status_code == 422
    assert "protocol.overlap: 12 was given" in page.content.decode()
    assert Study.objects.count() == 1


def test_a_launched_study_cannot_be_edited_in_the_browser() -> None:
    study = launched()
    client = client_of(study.owner)
    page = client.post(url("study-edit", study), {"name": "other"})
    study.refresh_from_db()
    assert study.name != "other"
    html = page.content.decode()
    assert "its protocol cannot change" in html
    assert "Save" not in html.replace("Save the protocol", "")


def test_cloning_leads_to_the_new_draft() -> None:
    study = launched()
    answer = client_of(study.owner).post(url("study-clone", study))
    copy = Study.objects.get(cloned_from=study)
    assert answer["Location"] == url("study", copy)
    assert copy.name == f"{study.name}, again"


def test_a_protocol_is_kept_as_a_template() -> None:
    study = make_study(protocol={"overlap": 5})
    client_of(study.owner).post(url("study-template", study), {"name": "Five"})
    assert ProtocolTemplate.objects.get().protocol["overlap"] == 5


def test_the_launch_page_shows_what_would_be_judged_and_launches() -> None:
    study = make_study(pairs=3, same=frozenset({0}))
    client = client_of(study.owner)
    plan = client.get(url("study-launch", study)).context["plan"]
    assert (plan.prompts, plan.comparisons, plan.identical, plan.votes) == (3, 3, 1, 6)
    answer = client.post(url("study-launch", study))
    study.refresh_from_db()
    assert (study.state, answer["Location"]) == ("open", url("study", study))


def test_a_refused_launch_says_why() -> None:
    study = make_study()
    study.contrasts.all().delete()
    page = client_of(study.owner).post(url("study-launch", study))
    assert page.status_code == 422
    assert "The study has no contrast" in page.content.decode()


def test_the_buttons_of_a_study_are_its_legal_moves() -> None:
    study = launched()
    client = client_of(study.owner)
    moves = {
        "open": ["paused", "closed"],
        "paused": ["open", "closed"],
        "closed": ["open", "archived"],
        "archived": [],
    }
    for state, targets in moves.items():
        Study.objects.filter(pk=study.pk).update(state=state)
        page = client.get(url("study", study))
        assert [move.target for move in page.context["moves"]] == targets


def test_closing_a_study_gives_back_every_lease() -> None:
    study = launched(pairs=3)
    queue.hand(member(study))
    client_of(study.owner).post(url("study-move", study), {"to": "closed"})
    study.refresh_from_db()
    assert study.state == "closed"
    assert not Assignment.objects.filter(study=study, state="leased").exists()


def test_an_illegal_move_is_explained() -> None:
    study = launched()
    page = client_of(study.owner).post(url("study-move", study), {"to": "archived"}, follow=True)
    assert "cannot become archived" in page.content.decode()


def test_the_live_part_comes_alone() -> None:
    study = launched()
    html = client_of(study.owner).get(url("study", study), headers={"X-Part": "live"})
    assert "<html" not in html.content.decode()
    assert "Votes per pair" in html.content.decode()


def test_a_dashboard_costs_a_bounded_number_of_queries(
    django_assert_max_num_queries: Any,
) -> None:
    study = launched(pairs=4)
    people = [member(study) for _ in range(5)]
    vote_all(people)
    client = client_of(study.owner)
    with django_assert_max_num_queries(26):
        client.get(url("study", study))


def reported_pair(study: Study) -> Comparison:
    """A pair that two people reported, hence held back."""
    pair = study.comparisons.get()
    for text in ("it is black", ""):
        Report.objects.create(
            comparison=pair,
            annotator=member(study).user,
            reason="broken",
            comment=text,
            at=timezone.now(),
        )
    queue.hold(pair, held=True)
    return pair


@pytest.mark.parametrize(("keep", "held"), [("0", False), ("1", True)])
def test_a_reported_pair_waits_until_a_researcher_has_looked(keep: str, held: bool) -> None:
    study = launched()
    pair = reported_pair(study)
    client = client_of(study.owner)
    assert "it is black" in client.get(url("study", study)).content.decode()
    client.post(url("study-reported", study, pair.pk), {"keep_held": keep})
    pair.refresh_from_db()
    assert pair.held is held
    assert "it is black" not in client.get(url("study", study)).content.decode()


def test_a_pair_of_another_study_cannot_be_released() -> None:
    study, other = launched(), launched()
    pair = reported_pair(other)
    answer = client_of(study.owner).post(url("study-reported", study, pair.pk), {"keep_held": "0"})
    pair.refresh_from_db()
    assert (answer.status_code, pair.held) == (404, True)


def test_simulated_votes_say_so() -> None:
    study = launched()
    who = member(study, user=make_user(Role.ANNOTATOR, simulated=True))
    vote_all([who])
    assert "cast by programs" in client_of(study.owner).get(url("study", study)).content.decode()


def test_samples_are_found_by_words_and_method() -> None:
    study = make_study(pairs=30)
    client = client_of(study.owner)
    page = client.get(url("study-samples", study))
    assert len(page.context["rows"]) == 24
    assert page.content.decode().count("<img") == 48
    page = client.get(url("study-samples", study), {"q": ".29", "method": "teacher"})
    (row,) = page.context["rows"]
    assert row.text.endswith(".29")
    assert [method for method, _ in row.cells] == ["teacher"]


def test_the_sample_browser_asks_once_for_a_page(django_assert_max_num_queries: Any) -> None:
    study = make_study(pairs=30)
    client = client_of(study.owner)
    with django_assert_max_num_queries(10):
        client.get(url("study-samples", study))


def test_an_empty_browser_leads_to_the_import() -> None:
    study = make_study(pairs=0)
    study.prompt_sets.clear()
    assert (
        "Import samples" in client_of(study.owner).get(url("study-samples", study)).content.decode()
    )


def test_a_vote_shows_on_the_dashboard_at_once() -> None:
    study = launched(pairs=1)
    who = member(study)
    now = timezone.now()
    slot = queue.hand(who, now=now)[0]
    submit(who, ballot(slot.token), now=now + timedelta(seconds=2))
    context = client_of(study.owner).get(url("study", study)).context
    assert context["counts"].votes == 1
    assert context["counts"].by_votes == (0, 1, 0, 0)
