"""Arranges people, studies and pictures on a site's database, asked line by line on stdin.

Run by `tests.browser.site` in the site's environment; it uses the product's own verbs. Each line
is [verb, arguments] as JSON; each answer {"value": …} or {"error": …}.
"""

import csv
import json
import os
import sys
import traceback
import uuid
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "annotate.config.settings"
django.setup()

from axes.models import AccessAttempt  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.auth.tokens import default_token_generator  # noqa: E402
from django.template.loader import render_to_string  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402
from django.utils.encoding import force_bytes  # noqa: E402
from django.utils.http import urlsafe_base64_encode  # noqa: E402

from annotate.cli.site import prepare as prepare_site  # noqa: E402
from annotate.judging.launch import launch  # noqa: E402
from annotate.judging.marking import mark  # noqa: E402
from annotate.people import invitations  # noqa: E402
from annotate.people.models import User  # noqa: E402
from annotate.reports.campaigning import make_campaign  # noqa: E402
from annotate.reports.disputes import disputes  # noqa: E402
from annotate.reports.reviewing import make_review_link  # noqa: E402
from annotate.sampling.importing import import_samples  # noqa: E402
from annotate.studies import lifecycle  # noqa: E402
from annotate.studies.create import create_study  # noqa: E402
from annotate.studies.members import add_member, invite_to_study  # noqa: E402
from annotate.studies.models import Membership, Study  # noqa: E402
from annotate.studies.spec import parse_spec  # noqa: E402
from tests import stand_ins  # noqa: E402
from tests.browser import entrants, generated, judged  # noqa: E402
from tests.browser import examined as exams  # noqa: E402
from tests.browser.pictures import scene  # noqa: E402
from tests.judging.test_diversity import make_diverse  # noqa: E402
from tests.judging.test_watching_diversity import rated as rated_to_the_end  # noqa: E402
from tests.reports.laboratory_arrange import generated_branches, score  # noqa: E402

VERBS: dict[str, Callable[..., Any]] = {act.__name__: act for act in judged.VERBS}
METHODS = ("student", "teacher")


def verb(function: Callable[..., Any]) -> Callable[..., Any]:
    VERBS[function.__name__] = function
    return function


@verb
def prepare() -> list[str]:
    """Migrations and collected static files, as `manage.py up` does; weights to launch with."""
    for fill in (stand_ins.of_the_paper, stand_ins.of_the_factories):
        fill(Path(settings.MODELS_DIR))
    return prepare_site()


@verb
def person(*, role: str = "annotator", password: str = "", name: str = "") -> dict[str, Any]:
    """An account with a session; a name of its own where none is given."""
    user = User(username=name or f"{role}-{uuid.uuid4().hex[:8]}", role=role)
    user.email = f"{user.username}@example.org"
    if password:
        user.set_password(password)
    else:
        user.set_unusable_password()
    user.save()
    return {"id": user.pk, "username": user.username, "session": _session(user)}


@verb
def add_researcher(*, uid: str) -> None:
    """Somebody beside its owner who plans the study, hence whose role can be changed."""
    user = User.objects.get(pk=person(role="researcher")["id"])
    add_member(Study.objects.get(uid=uid), user, role=Membership.Role.RESEARCHER)


@verb
def reviewer(*, uid: str) -> dict[str, Any]:
    """Somebody who reviews the study, on which its annotators differ, and a pair marked twice."""
    judged.differ(uid=uid)
    there, account = Study.objects.get(uid=uid), person()
    user = User.objects.get(pk=account["id"])
    add_member(there, user, role=Membership.Role.REVIEWER)
    pair = disputes(there).cards[0].row
    mark(pair, says="broken", comment="the left picture is torn", author=user)
    mark(pair, says="doubtful", comment="torn, but one can still tell", author=there.owner)
    return account


def _session(user: User) -> str:
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.save()
    return session.session_key or ""


@verb
def end_session(*, key: str) -> None:
    """What time does to a session: from now on its cookie opens nothing."""
    import_module(settings.SESSION_ENGINE).SessionStore(key).delete()


@verb
def study(
    *,
    pairs: int = 3,
    people: int = 1,
    protocol: dict[str, Any] | None = None,
    prompts: list[str] | None = None,
    sizes: list[tuple[int, int]] | None = None,
    context: bool = False,
    launched: bool = True,
    password: str = "",
    name: str = "Browser study",
    public_name: str = "Side by side",
) -> dict[str, Any]:
    """A study with pictures, its owner and `people` annotators, all signed in."""
    manifest = _write_package(pairs, prompts or [], sizes or [(320, 320)] * 2, context=context)
    return study_of(
        manifest=str(manifest),
        people=people,
        protocol={"overlap": 1, "min_votes": 1, "min_view_ms": 30} | (protocol or {}),
        launched=launched,
        password=password,
        name=name,
        public_name=public_name,
    )


@verb
def study_of(
    *,
    manifest: str,
    people: int,
    protocol: dict[str, Any],
    methods: tuple[str, str] = METHODS,
    launched: bool = True,
    password: str = "",
    name: str = "Browser study",
    public_name: str = "Side by side",
) -> dict[str, Any]:
    """The same from a manifest with its pictures beside it."""
    owner = person(role="researcher")
    spec = {
        "name": name,
        "public_name": public_name,
        "methods": [{"name": m} for m in methods],
        "contrasts": [{"a": methods[0], "b": methods[1], "primary": True}],
        "protocol": protocol,
    }
    if protocol.get("kind") == "diversity":
        spec["contrasts"] = []
    made = create_study(parse_spec(spec), owner=User.objects.get(pk=owner["id"]))
    import_samples(made, Path(manifest), Path(manifest).parent, actor=made.owner)
    accounts = [person(password=password) for _ in range(people)]
    for account in accounts:
        add_member(made, User.objects.get(pk=account["id"]), role=Membership.Role.ANNOTATOR)
    if launched:
        launch(made, actor=made.owner)
    return {"uid": str(made.uid), "owner": owner, "people": accounts}


def _write_package(
    pairs: int, prompts: list[str], sizes: list[tuple[int, int]], *, context: bool
) -> Path:
    """A manifest and its pictures; different pictures for every pair and method."""
    folder = Path(settings.DATA_DIR) / "packages" / uuid.uuid4().hex
    folder.mkdir(parents=True)
    columns = ["prompt_id", "prompt", "method", "file"]
    columns += ["context", "context_role"] if context else []
    with (folder / "manifest.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(columns)
        if context:
            scene(99, width=320, height=240).save(folder / "source.png")
        for n in range(pairs):
            text = prompts[n] if n < len(prompts) else f"scene number {n} in the evening light"
            for m, method in enumerate(METHODS):
                width, height = sizes[m]
                name = f"{n}-{m}.png"
                scene(2 * n + m, width=width, height=height).save(folder / name)
                row = [f"p{n}", text, method, name]
                out.writerow(row + (["source.png", "source"] if context else []))
    return folder / "manifest.csv"


@verb
def generated_study(*, state: str, name: str, prompts: list[str]) -> dict[str, Any]:
    """A study whose pictures are made here: a "draft" with scored tuning samples, or "running"."""
    owner = person(role="researcher")
    user = User.objects.get(pk=owner["id"])
    if state == "draft":
        made = generated.draft(user, name=name, prompts=prompts)
        return {"uid": str(made.uid), "owner": owner}
    made = generated.running(user, name=name, prompts=prompts)
    return {"uid": str(made.uid), "owner": owner, "sample": generated.refined(made)}


@verb
def examined(
    *,
    people: int = 1,
    stage: str = "",
    launched: bool = True,
    protocol: dict[str, Any] | None = None,
    name: str = "Browser study",
    public_name: str = "Side by side",
) -> dict[str, Any]:
    """A study with training and exam; its first annotator is brought to `stage`."""
    here = {**exams.PROTOCOL, "examples": [exams.worked_pair()], **(protocol or {})}
    made = study(people=people, protocol=here, launched=False, name=name, public_name=public_name)
    row = Study.objects.get(uid=made["uid"])
    exams.add_items(row)
    if launched:
        launch(row, actor=row.owner)
    if stage:
        exams.bring_to(row, stage)
    return made


@verb
def train_in_diversity(*, uid: str) -> None:
    """Launch a draft of diversity with items drawn from its pictures; people are in training."""
    exams.train_in_diversity(Study.objects.get(uid=uid))


@verb
def launch_with_worked_pairs(*, uid: str) -> None:
    """Launch a draft of diversity whose lines have worked pairs."""
    draft = Study.objects.get(uid=uid)
    exams.give_worked_pairs(draft)
    launch(draft, actor=draft.owner)


@verb
def draft_with_worked_pairs(*, name: str) -> dict[str, Any]:
    """A draft of diversity whose lines have worked pairs."""
    made = make_diverse()
    exams.give_worked_pairs(made)
    Study.objects.filter(pk=made.pk).update(name=name)
    return _owned(made)


@verb
def right_keys(*, uid: str) -> list[str]:
    """The keys that answer the running training or exam rightly."""
    return exams.right_keys(uid)


@verb
def a_day_passes(*, uid: str) -> int:
    """What a day does to the attempts of a study."""
    return exams.a_day_passes(uid)


@verb
def study_invitation(*, uid: str) -> str:
    """The secret of an invitation to judge in a study."""
    _, token = invite_to_study(
        Study.objects.get(uid=uid), role="annotator", created_by=None, now=timezone.now()
    )
    return token


@verb
def recruited(*, uid: str) -> dict[str, Any]:
    """Entry links of a study, by source; of a worker who has finished the session and a personal
    link."""
    links = entrants.make_links(Study.objects.get(uid=uid))
    worker = entrants.worker_at_the_end(links["prolific"])
    session = _session(worker)
    return {**links, "session": session, "personal": entrants.personal_link(worker)}


@verb
def late(*, uid: str) -> dict[str, str]:
    """The session of a worker who came by a link when every pair was judged."""
    token = entrants.make_links(Study.objects.get(uid=uid))["prolific"]
    return {"session": _session(entrants.worker_at_the_end(token))}


@verb
def shared(*, uids: list[str]) -> dict[str, str]:
    """A reviewer's link to the first of these studies, and a campaign of them all."""
    studies = [Study.objects.get(uid=uid) for uid in uids]
    owner, now = studies[0].owner, timezone.now()
    _, token = make_review_link(studies[0], created_by=owner, now=now, note="a venue")
    campaign = make_campaign("Figure 9, both rounds", studies, created_by=owner, now=now)
    return {"token": token, "campaign": str(campaign.uid)}


@verb
def move(*, uid: str, state: str) -> None:
    """Pause, open, close or archive a study."""
    lifecycle.move(Study.objects.get(uid=uid), Study.State(state), actor=None)


@verb
def invitation(*, role: str = "annotator") -> str:
    """The secret of an open invitation."""
    _, token = invitations.invite(role=role, created_by=None, now=timezone.now())
    return token


@verb
def address(*, name: str, **given: Any) -> str:
    """Where a named page of the site lies."""
    return reverse(name, kwargs=given)


@verb
def broken_page() -> str:
    """What people see after an error nobody expected: the file that Django sends as it is."""
    return render_to_string("500.html")


@verb
def reset_link(*, user: int) -> list[str]:
    """uid and token of a password reset, as the message to this person would hold them."""
    found = User.objects.get(pk=user)
    return [
        urlsafe_base64_encode(force_bytes(found.pk)),
        default_token_generator.make_token(found),
    ]


@verb
def branches(*, name: str) -> dict[str, Any]:
    """A voted study of a student and its samples all refined, with two estimators' scores."""
    votes = ["WWW", "WWT", "TTL", "LLL", "LLW", "LLT", "WWL", "TWL", "LTT", "WWW", "LLL", "TTT"]
    made = generated_branches(votes, votes[::-1], simulated=True)
    Study.objects.filter(pk=made.pk).update(name=name)
    score(made, "student", "a" * 64, [len(v) - v.count("L") + n / 50 for n, v in enumerate(votes)])
    score(made, "student", "b" * 64, [(7 * n) % 12 for n in range(len(votes))])
    return _owned(made)


@verb
def rated(*, name: str) -> dict[str, Any]:
    """A study of diversity that five judged to the end, one of them without looking."""
    made, people = rated_to_the_end(prompts=15, repeat_rate=0.03)
    Study.objects.filter(pk=made.pk).update(name=name)
    User.objects.filter(pk=people[-1].user_id).update(simulated=True)
    return _owned(made)


def _owned(made: Study) -> dict[str, Any]:
    account = {"id": made.owner.pk, "username": made.owner.username}
    return {"uid": str(made.uid), "owner": account | {"session": _session(made.owner)}}


@verb
def lock_out(*, username: str, address: str = "127.0.0.1") -> None:
    """What ten wrong passwords do."""
    AccessAttempt.objects.create(
        username=username,
        ip_address=address,
        failures_since_start=settings.AXES_FAILURE_LIMIT,
        attempt_time=timezone.now(),
    )


def main() -> None:
    # Only answers go to stdout; whatever a verb prints is for people.
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        name, given = json.loads(line)
        try:
            answer = {"value": VERBS[name](**given)}
        except Exception:  # noqa: BLE001 (told to the test that asked)
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
