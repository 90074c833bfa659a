"""Nothing that annotators read is hard-coded: their pages in a language that marks translations."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override, trans_real

from annotate.judging import qualification
from annotate.judging.finishing import End
from annotate.judging.launch import launch
from annotate.people.invitations import invite
from annotate.studies.entry import Why, make_link, personal_token, token_of
from annotate.studies.entry_models import CompletionCode
from annotate.studies.members import invite_to_study
from annotate.studies.models import Membership, Study
from annotate.web import bench_words as bench_words_module
from annotate.web.entry_words import refusal
from tests.factories import join, make_study, make_user, with_password
from tests.judging.arrange import member
from tests.judging.exam_items import make_examined, sit
from tests.judging.test_diversity import CLEARLY, open_study
from tests.judging.test_rated_items import SAME, examined
from tests.web.letters import all_letters_sent
from tests.web.pseudo import PSEUDO, Marking, untranslated

pytestmark = pytest.mark.django_db
# Names of keys, of the product, and of a time zone are the same everywhere.
NAMES = ("Triptych", "UTC")


@pytest.fixture(autouse=True)
def _pseudo(settings, monkeypatch):
    settings.LANGUAGES = [("en", "English"), (PSEUDO, "Pseudo")]
    monkeypatch.setitem(trans_real._translations, PSEUDO, Marking())
    yield
    trans_real.deactivate()


def browser(user=None) -> Client:
    client = Client(headers={"Accept-Language": PSEUDO})
    if user is not None:
        client.force_login(user, backend="annotate.people.backends.PlainBackend")
    return client


def left_english(response, *given: str) -> list[str]:
    return english_in(response.content.decode(), *given)


def english_in(html: str, *given: str) -> list[str]:
    assert f'<html lang="{PSEUDO}"' in html
    assert "⟦" in html
    return untranslated(html, given=(*given, *NAMES))


@pytest.mark.parametrize(
    "name", ["login", "password_reset", "password_reset_done", "password_reset_complete"]
)
def test_pages_before_the_log_in_are_translated(name):
    assert left_english(browser().get(reverse(name))) == []


def test_mistakes_at_the_log_in_and_unknown_addresses_are_told_in_the_readers_language():
    wrong = browser().post(reverse("login"), {"username": "x1", "password": "y2"})
    assert wrong.status_code == 200
    assert left_english(wrong, "x1") == []
    assert left_english(browser().get("/nowhere/")) == []
    for token in ("nobody", "cut-off"):
        assert left_english(browser().get(reverse("join", args=[token]))) == []
    assert left_english(browser().get(reverse("enter", args=["nothing"]))) == []


@pytest.mark.parametrize("name", ["403", "403_csrf", "429", "people/locked_out", "people/erased"])
def test_refusals_of_any_page_are_translated(name):
    """As templates: most come from pages that are English for everybody, or after many tries."""
    told = {"limit": 10, "minutes": 15, "for_all": True}
    with override(PSEUDO):
        html = render_to_string(f"{name}.html", told, RequestFactory().get("/"))
    assert english_in(html) == []


def test_a_forgotten_password_is_asked_for_and_set_in_the_readers_language(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    user, client = with_password(make_user(email="mira@example.org")), browser()
    client.post(reverse("password_reset"), {"email": user.email})
    all_letters_sent()
    [letter] = mail.outbox
    link = re.search(r"https?://[^/]+(/\S+)", letter.body)
    assert untranslated(letter.subject) == []
    assert untranslated(letter.body, given=(link[0],)) == []
    form = client.get(link[1], follow=True)
    assert left_english(form) == []
    wrong = {"new_password1": "1", "new_password2": "2"}
    assert left_english(client.post(form.request["PATH_INFO"], wrong)) == []
    gone = reverse("password_reset_confirm", args=["MQ", "cut-off"])
    assert left_english(client.get(gone)) == []


def test_an_invitation_and_its_form_are_translated():
    study = make_study()
    _, token = invite_to_study(study, role="annotator", created_by=study.owner, now=timezone.now())
    address = reverse("join", args=[token])
    assert left_english(browser().get(address)) == []
    refused = browser().post(address, {"username": "", "password1": "1", "password2": "2"})
    assert left_english(refused) == []
    person = join(make_study())
    assert left_english(browser(person).get(address), person.username) == []
    _, token = invite(role="researcher", created_by=None, now=timezone.now())
    assert left_english(browser().get(reverse("join", args=[token]))) == []


def test_what_one_owns_is_translated():
    study = launch(make_study(pairs=2), actor=None)
    person = join(study)
    join(make_study(name="Draft"), person)
    client = browser(person)
    titles = ("A-01", person.username)
    for name in ("my-work", "account", "password_change", "erase"):
        assert left_english(client.get(reverse(name)), *titles) == [], name
    assert left_english(client.get(reverse("leave", args=[study.uid])), *titles) == []
    assert left_english(client.post(reverse("erase")), *titles) == []


@pytest.mark.parametrize(
    "protocol",
    [
        {},
        {"judgement": "single", "deciding_factor": True, "ties": "split"},
        {"judgement": "full", "ties": "forbid"},
        {"kind": "diversity"},
    ],
)
def test_the_judging_screen_and_all_its_scripts_say_are_translated(protocol):
    if "kind" in protocol:
        study = open_study()
    else:
        study = launch(make_study(pairs=2, protocol=protocol), actor=None)
    client = browser(join(study))
    page = client.get(reverse("judge", args=[study.uid]))
    assert page.status_code == 200
    assert left_english(page) == []
    for answer in refusals(client, study):
        assert (answer.status_code, answer.json()["message"][:1]) == (answer.status_code, "⟦")


def refusals(client: Client, study: Study) -> list:
    """What the judging screen is told when it sends what cannot be taken."""
    names = ("judge-votes", "judge-report", "judge-hand")
    votes, report, hand = (reverse(name, args=[study.uid]) for name in names)
    nobodys = {"token": "6f1a7c0e-6a55-4bd0-9c9e-0e3f4c1d2b3a", "answers": {}}
    mine = {"token": client.get(hand).json()["tasks"][0]["token"]}
    sent = [
        (votes, nobodys, 409),
        (votes, mine | {"answers": {"size": "big"}}, 422),
        (report, mine | {"reason": "dull"}, 422),
        (votes, {"token": "x"}, 400),
        (hand, {}, 405),
    ]
    answers = [client.post(to, body, content_type="application/json") for to, body, _ in sent]
    assert [answer.status_code for answer in answers] == [status for *_, status in sent]
    return [*answers, browser().get(hand)]


STAGES = ("consent", "instructions", "training", "again", "exam", "wait", "failed", "qualified")


def at_stage(stage: str) -> Membership:
    """Somebody who has come so far; `again` is before another round of training."""
    who, now = member(make_examined()), timezone.now()
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("instructions", lambda: qualification.consent(who, device={"viewport": [1280, 720]})),
        ("training", lambda: qualification.instructed(who)),
        ("again", lambda: sit(who, right=False, now=now - timedelta(days=3))),
        ("exam", lambda: sit(who, now=now - timedelta(days=3))),
        ("wait", lambda: sit(who, right=False, now=now - timedelta(hours=25 * (stage != "wait")))),
        ("failed", lambda: sit(who, right=False, now=now)),
    )
    before = "exam" if stage == "qualified" else stage
    for name, step in steps[: STAGES.index(before)]:
        if name != "again" or stage == "again":
            step()
    if stage == "qualified":
        sit(who)
    return who


@pytest.mark.parametrize("stage", STAGES)
def test_what_comes_before_live_work_is_translated(stage):
    who = at_stage(stage)
    there = qualification.standing(who)
    assert there.stage == ("training" if stage == "again" else stage)
    client, name = browser(who.user), who.user.username
    address = reverse("qualify", args=[who.study.uid])
    assert left_english(client.get(address), name) == []
    if stage == "consent":
        assert left_english(client.post(address, {"step": "consent"}), name) == []
    if stage in {"training", "exam"}:
        client.post(address, {"step": "begin"})
        assert left_english(client.get(reverse("trial", args=[who.study.uid])), name) == []


def test_what_a_training_answer_brings_is_translated():
    who = at_stage("training")
    who.study.comparisons.update(explanation="All 5 annotators of a pilot gave this answer.")
    for item in qualification.in_hand(qualification.begin(who)):
        said = browser(who.user).post(
            reverse("trial-verb", args=[who.study.uid, "votes"]),
            {"token": str(item.token), "answers": {"alignment": "left"}},
            content_type="application/json",
        )
        feedback = said.json()["feedback"]
        assert all(feedback[part][:1] == "⟦" for part in ("heading", "reason", "count"))


def test_the_way_to_live_work_on_diversity_is_translated():
    who = member(examined())
    client, name = browser(who.user), who.user.username
    address, trial = (reverse(to, args=[who.study.uid]) for to in ("qualify", "trial"))
    assert left_english(client.get(address), name) == []
    qualification.consent(who, device={"viewport": [1280, 720]})
    assert left_english(client.get(address), name) == []
    qualification.instructed(who)
    assert left_english(client.get(address), name) == []
    for item in qualification.in_hand(qualification.begin(who)):
        page = client.get(trial)
        assert b'id="lesson"' in page.content
        assert left_english(page, name) == []
        said = client.post(
            reverse("trial-verb", args=[who.study.uid, "votes"]),
            {"token": str(item.token), "answers": SAME | {"style": CLEARLY["style"]}},
            content_type="application/json",
        )
        feedback = said.json()["feedback"]
        # One explanation is told in two parts.
        told = [feedback["heading"], f"{feedback['reason']} {feedback['more']}", feedback["count"]]
        assert untranslated("\n".join(told)) == []


def test_the_way_in_from_a_platform_and_its_end_are_translated():
    study = make_study(pairs=1, protocol={"votes_per_annotator": 1})
    study = launch(study, actor=study.owner)
    now = timezone.now()
    link = make_link(
        study,
        source="prolific",
        created_by=study.owner,
        now=now,
        expires_at=now + timedelta(days=1),
    )
    client = browser()
    address = reverse("enter", args=[token_of(link, "")])
    given = {"PROLIFIC_PID": "5f3a", "STUDY_ID": "s1", "SESSION_ID": "v1"}
    assert left_english(client.get(address, given)) == []
    client.post(f"{address}?PROLIFIC_PID=5f3a&STUDY_ID=s1&SESSION_ID=v1")
    [pair] = client.get(reverse("judge-hand", args=[study.uid])).json()["tasks"]
    ballot = {"token": pair["token"], "answers": {"alignment": "left"}, "active_ms": 6000}
    client.post(reverse("judge-votes", args=[study.uid]), ballot, content_type="application/json")
    guest = study.memberships.get(role="annotator").user.username
    end = client.get(reverse("finished", args=[study.uid]))
    code = CompletionCode.objects.get().code
    assert left_english(end, guest, code) == []


@pytest.mark.parametrize("why", Why)
def test_whoever_is_not_let_in_is_told_so_in_their_language(why):
    with override(PSEUDO):
        heading, words, _ = refusal(why)
    assert untranslated(f"{heading}\n{words}") == []


def came_in(study: Study, return_url: str) -> Membership:
    """Somebody from a platform, in their place."""
    now = timezone.now()
    until = now + timedelta(days=1)
    link = make_link(
        study,
        source="prolific",
        created_by=study.owner,
        now=now,
        expires_at=until,
        return_url=return_url,
    )
    came = {"PROLIFIC_PID": "5f3a", "STUDY_ID": "s1", "SESSION_ID": "v1"}
    browser().post(reverse("enter", args=[token_of(link, "")]), query_params=came)
    return study.memberships.get(role="annotator")


# Why nothing is left, and what the code says of it.
ENDS = [
    *((end, end.value) for end in End if end is not End.TODAY),
    *((end, reason) for end in (End.EMPTY, End.CLOSED) for reason in ("trained", "no_work")),
    (End.TODAY, None),
    (End.ENDED, None),
    (None, "empty"),
]


@pytest.mark.parametrize(("end", "reason"), ENDS)
@pytest.mark.parametrize("return_url", ["", "https://example.org/?cc={code}", None])
def test_every_end_and_the_personal_link_back_to_it_are_translated(
    monkeypatch, end, reason, return_url
):
    study, now = launch(make_study(pairs=1), actor=None), timezone.now()
    place = member(study) if return_url is None else came_in(study, return_url)
    if return_url is not None:
        back = reverse("enter", args=[personal_token(place, actor=study.owner, now=now)])
        assert left_english(browser().get(back)) == []

    code = reason and CompletionCode.objects.create(
        membership=place, code="ABCDEFGH23", reason=reason, given_at=now
    )
    monkeypatch.setattr("annotate.web.entering.end_of", lambda _: end)
    monkeypatch.setattr("annotate.web.entering.own_code", lambda *_, **__: code)
    page = browser(place.user).get(reverse("finished", args=[study.uid]))
    assert left_english(page, place.user.username, "ABCDEFGH23") == []


def test_the_judging_scripts_say_the_servers_words_all_of_them_and_no_other():
    folder = Path(bench_words_module.__file__).parent / "static/triptych/judge"
    lines = [line for path in folder.glob("*.js") for line in path.read_text("utf-8").splitlines()]
    code = "\n".join(line.split("// ")[0] for line in lines if not line.lstrip().startswith("*"))
    named = set(re.findall(r"[\"`](\w+)[\"`]", code)) | set(re.findall(r"words\.(\w+)", code))
    words = bench_words_module.bench_words()
    assert set(re.findall(r"say\(\"(\w+)\"", code)) <= words.keys()
    # Values of answers, and the number of votes that each pair has, are names too.
    assert words.keys() - named == {"nothing_1", "nothing_2", "nothing_3"}
    assert re.findall(r"[\"`][A-Z][a-z]+ [a-z][^\"`]*[\"`]", code) == []


def test_researchers_pages_stay_english_so_that_a_report_is_the_same_for_every_reader():
    study = make_study()
    page = browser(study.owner).get(reverse("study", args=[study.uid]))
    assert '<html lang="en"' in page.content.decode()
    assert "⟦" not in page.content.decode()


@pytest.mark.parametrize("path", ["/studies/", "/campaigns/", "/review/secret/"])
def test_reports_and_researchers_pages_are_english_in_every_browser(path):
    assert f'<html lang="{PSEUDO}"' not in browser().get(path, follow=False).content.decode()
    assert "Content-Language" not in browser().get(path).headers
