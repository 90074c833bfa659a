"""A launched study of drawn pairs with control items, and what stands in its database afterwards.

Run as a script in the environment of a site; prints one JSON object. It must not start processes.
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db.models import Count, Q  # noqa: E402
from django.utils import timezone  # noqa: E402

from annotate.cli.demo import BASELINE, CAREFUL  # noqa: E402
from annotate.cli.demo_samples import MANIFEST, TRUTH, is_rendered, render_samples  # noqa: E402
from annotate.cli.simulation import open_slots  # noqa: E402
from annotate.judging.controls import KnownItem, add_item  # noqa: E402
from annotate.judging.launch import launch  # noqa: E402
from annotate.judging.models import Comparison, Vote, VoteRevision  # noqa: E402
from annotate.judging.watching import watch  # noqa: E402
from annotate.people.models import Role, User  # noqa: E402
from annotate.reports.report import make_report  # noqa: E402
from annotate.sampling.images import decode  # noqa: E402
from annotate.sampling.importing import import_samples  # noqa: E402
from annotate.sampling.storage import put  # noqa: E402
from annotate.studies.create import create_study  # noqa: E402
from annotate.studies.models import Study  # noqa: E402
from annotate.studies.spec import parse_spec  # noqa: E402
from generation.reference.defects import Defect, MethodProfile  # noqa: E402
from generation.reference.scenes import Scene, caption, sample_scenes  # noqa: E402

SIDE, CONTROLS = 64, 40
# Of a control one picture shows what the text asks for, and the other a wrong number of things.
RIGHT = MethodProfile("right", {})
WRONG = MethodProfile("wrong", {Defect.WRONG_COUNT: 1.0})


def fill(folder: Path, *, pairs: int, seed: int) -> dict[str, str]:
    """A launched study with controls, its pictures drawn into `folder` unless they lie there."""
    call_command("migrate", verbosity=0)
    scenes = sample_scenes(pairs + CONTROLS, seed=seed, distinct=True)
    live, known = folder / "live", folder / "controls"
    for place, those, methods in (
        (live, scenes[:pairs], (CAREFUL, BASELINE)),
        (known, scenes[pairs:], (RIGHT, WRONG)),
    ):
        if not is_rendered(place):
            render_samples(place, those, methods, seed=seed, size=SIDE)
    truth = {**json.loads((live / TRUTH).read_text()), **json.loads((known / TRUTH).read_text())}
    (folder / TRUTH).write_text(json.dumps(truth))
    owner = User.objects.create(username="owner", role=Role.RESEARCHER)
    spec = {
        "name": "Rehearsed by a pool",
        "methods": [{"name": CAREFUL.name}, {"name": BASELINE.name}],
        "contrasts": [{"a": CAREFUL.name, "b": BASELINE.name, "primary": True}],
        # Programs look as fast as they can: no minimum time.
        "protocol": {
            "min_view_ms": 0,
            "seed": seed,
            "control_rate": 0.08,
            "repeat_rate": 0.03,
            "watch_action": "repair",
        },
    }
    study = create_study(parse_spec(spec), owner=owner)
    import_samples(study, live / MANIFEST, live, actor=owner)
    for number, scene in enumerate(scenes[pairs:], start=1):
        _add_control(study, known, number, scene, truth)
    launch(study, actor=owner)
    return {"study": str(study.uid), "truth": str(folder / TRUTH)}


def _add_control(
    study: Study, known: Path, number: int, scene: Scene, truth: dict[str, dict[str, float]]
) -> None:
    right, wrong = (
        put(decode((known / profile.name / f"{number:03d}.png").read_bytes()))
        for profile in (RIGHT, WRONG)
    )
    by = [truth[picture.digest]["alignment"] for picture in (right, wrong)]
    if by[0] <= by[1]:
        raise ValueError(f"control {number}: alignment {by[0]} beside {by[1]} decides nothing")
    answers = {"alignment": "a"}
    item = KnownItem(
        "control", caption(scene), right.digest, wrong.digest, answers, "Count comes before looks."
    )
    add_item(study, item, actor=None)


def look(uid: str) -> dict[str, Any]:
    """Votes, pairs, result and people of a study, as its database and its report have them."""
    study = Study.objects.get(uid=uid)
    asked = study.comparisons.filter(kind=Comparison.Kind.LIVE, identical=False)
    # Two votes of one person on a pair cannot be stored; one of somebody voided must not be.
    resting = study.memberships.filter(active=False).values("user")
    valid = Count("votes", filter=~Q(votes__annotator__in=resting))
    votes_of = asked.annotate(n=valid).values_list("n", flat=True)
    [contrast] = make_report(study, now=timezone.now(), deep=False).contrasts
    return {
        "valid": Vote.objects.filter(study=study).count(),
        "open": open_slots(study),
        "pairs": sorted(Counter(votes_of).items()),
        "win": contrast.headline.estimate,
        "n": contrast.headline.n,
        "people": _people(study),
    }


def _people(study: Study) -> dict[str, dict[str, Any]]:
    """Who voted, by account: what the rules see in the work, or what they said of the voided."""
    found: dict[str, dict[str, Any]] = {}
    for one in watch(study):
        work, suspicion = one.work, one.suspicion
        found[one.membership.user.username] = {
            "active": one.membership.active,
            "votes": len(work),
            "controls": _share([vote.control for vote in work]),
            "others": _share([vote.others for vote in work]),
            "p": suspicion.p_value if suspicion else None,
            "signals": dict(suspicion.signals) if suspicion else {},
        }
    flagged = {
        data["member"]: sorted(data["reasons"])
        for data in study.events.filter(kind="annotator_flagged").values_list("data", flat=True)
    }
    for place in study.memberships.filter(active=False).select_related("user"):
        voided = VoteRevision.objects.filter(
            assignment__study=study,
            annotator=place.user,
            reason=VoteRevision.Reason.INVALIDATED,
        )
        found[place.user.username] = {
            "active": False,
            "votes": voided.count(),
            "rules": flagged.get(place.pseudonym, []),
        }
    return found


def _share(said: list[bool | None]) -> tuple[int, int]:
    known = [one for one in said if one is not None]
    return sum(known), len(known)


if __name__ == "__main__":
    verb, *given = sys.argv[1:]
    if verb == "fill":
        done: dict[str, Any] = fill(Path(given[0]), pairs=int(given[1]), seed=int(given[2]))
    else:
        done = look(given[0])
    print(json.dumps(done))
