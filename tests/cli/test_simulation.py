"""Simulated annotators: what they say of a pair, how patient they are, and a study they judge."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from annotate.cli import visit
from annotate.cli.simulated_annotator import (
    Account,
    SimulatedAnnotator,
    Temper,
    answers,
)
from annotate.cli.simulation import (
    NotSimulatedError,
    enlist,
    judge_together,
    open_slots,
    open_votes,
    passed_over,
)
from annotate.cli.visit import SimulationError
from annotate.cli.worth import TruthError, latent_truth, read_truth
from annotate.judging.launch import launch
from annotate.judging.watching import repair
from annotate.people.models import User
from annotate.sampling.images import content_digest
from annotate.studies.models import Membership
from annotate.studies.protocol import Protocol
from generation.reference.judge import NoisyJudge
from tests.factories import join, make_study, make_user
from tests.judging.arrange import vote_all

REPOSITORY = Path(__file__).resolve().parents[2]
GOOD = {"alignment": 1.0, "quality": 1.0, "aesthetics": 1.0}
BLURRED = {"alignment": 1.0, "quality": 0.3, "aesthetics": 1.0}
EXACT = Temper(accuracy=1.0)


def exact() -> NoisyJudge:
    return NoisyJudge(accuracy=1.0, rng=np.random.default_rng(1))


@pytest.mark.parametrize(
    ("judgement", "ties", "left", "right", "said"),
    [
        ("cascade", "equal", GOOD, BLURRED, {"alignment": "equal", "quality": "left"}),
        (
            "cascade",
            "split",
            GOOD,
            GOOD,
            {"alignment": "equal", "quality": "equal", "aesthetics": "equal"},
        ),
        ("single", "equal", BLURRED, GOOD, {"overall": "right"}),
        ("single", "equal", GOOD, GOOD, {"overall": "equal"}),
        (
            "full",
            "forbid",
            BLURRED,
            {**GOOD, "aesthetics": 0.1},
            {"alignment": "equal", "quality": "right", "aesthetics": "left", "overall": "right"},
        ),
    ],
)
def test_the_truth_is_told_in_the_words_of_the_protocol(
    judgement: str, ties: str, left: dict, right: dict, said: dict
) -> None:
    assert answers(exact(), left, right, judgement=judgement, ties=ties) == said


@pytest.mark.parametrize("judgement", ["cascade", "single", "full"])
def test_where_ties_are_forbidden_equals_are_decided_by_a_coin(judgement: str) -> None:
    judge = exact()
    last = [
        list(answers(judge, GOOD, GOOD, judgement=judgement, ties="forbid").values())[-1]
        for _ in range(200)
    ]
    assert set(last) == {"left", "right"}
    assert 70 < last.count("left") < 130


def test_a_latent_worth_is_fixed_by_seed_and_content() -> None:
    digest, other = "0" * 63 + "1", "1" + "0" * 63
    assert latent_truth(3)(digest) == latent_truth(3)(digest)
    assert latent_truth(3)(digest) != latent_truth(4)(digest)
    assert latent_truth(3)(digest) != latent_truth(3)(other)


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"a": 1}', '{"a": {"alignment": 1}}', json.dumps({"a": {**GOOD, "quality": 2}})],
)
def test_a_truth_file_that_says_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "truth.json"
    path.write_text(text)
    with pytest.raises(TruthError, match=r"truth\.json"):
        read_truth(path)


def test_a_picture_without_a_truth_record_stops_the_simulation(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"a" * 64: GOOD}))
    assert read_truth(path)("a" * 64) == GOOD
    with pytest.raises(TruthError, match="bbbbbbbbbbbb"):
        read_truth(path)("b" * 64)


def picture(shade: int) -> Image.Image:
    return Image.new("RGB", (4, 4), (shade, shade, shade))


def png(pixels: Image.Image) -> bytes:
    file = BytesIO()
    pixels.save(file, "PNG")
    # As the site sends it: padded to the length of the pair's longer file.
    return file.getvalue() + bytes(100)


TRUTH = {content_digest(picture(10)): GOOD, content_digest(picture(20)): BLURRED}


@dataclass
class Site:
    """A site with one pair left; the first posts of a vote meet what stands in `trouble`."""

    trouble: list[Callable[[], httpx.Response]] = field(default_factory=list)
    votes: list[dict[str, Any]] = field(default_factory=list)
    tried: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        return getattr(self, f"_{request.method.lower()}")(request)

    def _get(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.startswith("/i/"):
            return httpx.Response(200, content=png(picture(int(path[3:]))))
        if path == "/login/":
            form = '<input type="hidden" name="csrfmiddlewaretoken" value="abc">'
            return httpx.Response(200, text=form, headers={"Set-Cookie": "csrftoken=c; Path=/"})
        if path == "/hand":
            return httpx.Response(200, json=self._hand([]))
        return httpx.Response(200, text=self._page())

    def _page(self) -> str:
        urls = {"hand": "/hand", "votes": "/votes"}
        config = {"judgement": "cascade", "ties": "equal", "urls": urls}
        task = {"token": "t1", "images": ["/i/10", "/i/20"], "context": None}
        return (
            '<meta name="csrf-token" content="def">'
            f'<script id="config" type="application/json">{json.dumps(config)}</script>'
            f'<script id="hand" type="application/json">{json.dumps(self._hand([task]))}</script>'
        )

    def _hand(self, tasks: list) -> dict[str, Any]:
        return {"tasks": tasks, "progress": {"done": 0, "left": len(tasks)}, "state": "open"}

    def _post(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/login/":
            assert b"csrfmiddlewaretoken=abc" in request.content
            return httpx.Response(302, headers={"Location": "/"})
        assert request.headers["X-CSRFToken"] == "def"
        self.tried += 1
        if self.trouble:
            return self.trouble.pop(0)()
        self.votes.append(json.loads(request.content))
        return httpx.Response(201, json={"tasks": [], "state": "open", "stored": True})


def annotator(site: Site, temper: Temper = EXACT) -> SimulatedAnnotator:
    return SimulatedAnnotator(
        Account("simulated-1", "secret"),
        temper,
        url="http://site",
        study="study",
        truth_of=TRUTH.__getitem__,
        seed=1,
        transport=httpx.MockTransport(site),
    )


def busy() -> httpx.Response:
    return httpx.Response(503, json={"error": "busy"}, headers={"Retry-After": "0"})


def cut() -> httpx.Response:
    raise httpx.ReadError("the line broke")


def test_a_pair_is_judged_by_the_content_of_its_pictures() -> None:
    site = Site()
    assert annotator(site).judge_all(threading.Event()) == 1
    (vote,) = site.votes
    assert vote["token"] == "t1"
    assert vote["answers"] == {"alignment": "equal", "quality": "left"}
    assert 0 <= vote["active_ms"] <= vote["elapsed_ms"]


def test_a_vote_is_sent_again_until_a_busy_or_broken_site_has_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(visit, "PAUSE", 0.0)
    site = Site(trouble=[busy, cut, busy])
    assert annotator(site).judge_all(threading.Event()) == 1
    assert (site.tried, len(site.votes)) == (4, 1)


def test_a_pair_that_passed_on_is_left_without_a_vote() -> None:
    one = annotator(site := Site(trouble=[lambda: httpx.Response(409, json={"message": "gone"})]))
    assert one.judge_all(threading.Event()) == 0
    assert (one.passed_on, site.votes) == (1, [])


def test_whoever_the_study_sends_away_goes_and_the_others_judge_on() -> None:
    ended = {"error": "ended", "message": "your place in this study has ended."}
    away = annotator(site := Site(trouble=[lambda: httpx.Response(409, json=ended)]))
    stays = annotator(Site())
    assert judge_together([away, stays], stop=threading.Event(), meanwhile=lambda _: None) == 1
    assert (away.sent_away, stays.sent_away) == (True, False)
    assert (away.passed_on, site.votes) == (0, [])


def test_a_refused_answer_stops_the_annotator_with_the_sites_words() -> None:
    refused = httpx.Response(422, json={"message": "alignment=7 is not allowed"})
    with pytest.raises(SimulationError, match="422 alignment=7 is not allowed"):
        annotator(Site(trouble=[lambda: refused])).judge_all(threading.Event())


def test_a_site_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "TRIES", 3)
    with pytest.raises(SimulationError, match="in 3 tries; the last: 503"):
        annotator(Site(trouble=[busy] * 9)).judge_all(threading.Event())


def test_being_told_to_stop_ends_even_a_long_look() -> None:
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    assert annotator(Site(), Temper(accuracy=1.0, seconds=600)).judge_all(stop) == 0


def test_the_first_who_fails_stops_the_others() -> None:
    refused = httpx.Response(422, json={"message": "no"})
    slow = annotator(Site(), Temper(accuracy=1.0, seconds=600))
    failing = annotator(Site(trouble=[lambda: refused]))
    with pytest.raises(SimulationError, match="422 no"):
        judge_together([slow, failing], stop=threading.Event(), meanwhile=lambda _: None)


def test_equal_seeds_err_alike_on_a_pair() -> None:
    site, again = Site(), Site()
    for one in (site, again):
        annotator(one, Temper(accuracy=0.1)).judge_all(threading.Event())
    assert site.votes[0]["answers"] == again.votes[0]["answers"]


@pytest.mark.django_db
def test_enlisting_twice_gives_the_same_people_new_passwords() -> None:
    study = make_study()
    first, second = enlist(study, 2), enlist(study, 3)
    assert [a.username for a in second] == ["simulated-1", "simulated-2", "simulated-3"]
    assert not {a.password for a in first} & {a.password for a in second}
    assert User.objects.filter(simulated=True).count() == 3
    assert study.memberships.filter(role=Membership.Role.ANNOTATOR).count() == 3


@pytest.mark.django_db
def test_a_program_never_votes_under_a_persons_name() -> None:
    person = make_user(username="simulated-1")
    with pytest.raises(NotSimulatedError, match="a person's"):
        enlist(make_study(), 1)
    person.refresh_from_db()
    assert not person.has_usable_password()


@pytest.mark.django_db
def test_a_resting_simulated_annotator_stays_at_rest_and_the_next_number_comes() -> None:
    study = make_study()
    before = enlist(study, 3)
    places = study.memberships.filter(user__simulated=True)
    places.filter(user__username="simulated-2").update(active=False)
    accounts = enlist(study, 3)
    assert [a.username for a in accounts] == ["simulated-1", "simulated-3", "simulated-4"]
    assert (passed_over(before), passed_over(accounts)) == ([], ["simulated-2"])
    resting = places.get(user__username="simulated-2")
    assert (resting.active, resting.user.check_password(before[1].password)) == (False, True)


@pytest.mark.django_db
def test_a_program_takes_no_other_role_of_a_study() -> None:
    study = make_study()
    enlist(study, 1)
    study.memberships.filter(user__simulated=True).update(role=Membership.Role.REVIEWER)
    with pytest.raises(NotSimulatedError, match="members page"):
        enlist(study, 1)


@pytest.mark.django_db
def test_votes_that_a_repair_frees_are_wanted_again_and_a_new_program_gives_them() -> None:
    study = make_study(pairs=2, protocol={"overlap": 1, "min_votes": 1})
    launch(study, actor=None)
    enlist(study, 1)
    spammer = study.memberships.get(user__simulated=True)
    vote_all([spammer])
    assert open_slots(study) == 0
    repair(spammer, actor=None)
    assert open_slots(study) == open_votes(study, people=1) == 2
    [account] = enlist(study, 1)
    instead = study.memberships.get(user__username=account.username)
    vote_all([instead])
    assert (account.username, open_slots(study)) == ("simulated-2", 0)


@pytest.mark.django_db
@pytest.mark.parametrize(("people", "votes"), [(1, 2), (2, 4), (3, 6), (5, 6)])
def test_votes_to_come_are_bound_by_people_and_by_slots(people: int, votes: int) -> None:
    study = make_study(pairs=2, protocol=Protocol(display="native").model_dump())
    launch(study, actor=None)
    assert open_votes(study, people=people) == votes


@pytest.mark.django_db
def test_only_an_open_study_is_judged() -> None:
    study = make_study()
    join(study)
    with pytest.raises(CommandError, match="the study is draft; only an open one"):
        call_command("simulate_annotators", str(study.uid))


SET_UP = """
import sys
from pathlib import Path
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from annotate.cli import demo
planned = demo.plan(judged=6, yours=1)[0]
folder = Path(sys.argv[1])
demo.draw(planned, folder=folder)
print(demo.open_study(planned, owner=demo.owner_of_demo(), folder=folder).uid)
"""


@pytest.mark.server
def test_three_simulated_annotators_judge_every_pair_of_a_running_site(tmp_path: Path) -> None:
    data = tmp_path / "data"
    env = {**os.environ, "TRIPTYCH_DATA_DIR": str(data)}
    env["DJANGO_SETTINGS_MODULE"] = "annotate.config.settings"
    env.pop("DATABASE_URL", None)

    def python(*arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            env=env,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    study = python("-c", SET_UP, tmp_path).strip()
    with subprocess.Popen(
        [sys.executable, "manage.py", "up", "--port", "0"],
        env=env,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as site:
        assert site.stdout is not None
        url = next(line.split()[3] for line in site.stdout if line.startswith("Triptych is at"))
        truth = tmp_path / "judged" / "truth.json"
        said = python(
            "manage.py", "simulate_annotators", study, "--url", url, "--truth", truth, "--seed", 1
        )
        site.terminate()
        assert site.wait(timeout=40) == 0
    assert said == "36 simulated votes by 3 annotators.\n"
    with sqlite3.connect(data / "triptych.sqlite3") as database:
        pairs = database.execute(
            "select count(*), count(distinct annotator_id), min(simulated) from judging_vote"
            " group by comparison_id"
        ).fetchall()
    assert pairs == [(3, 3, 1)] * 12
