"""A simulated annotator's way to live work: consent, screen check, instructions, training, exam.

It must not know what is right: it answers the items as it would answer any pair.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from annotate.cli.visit import SimulationError, Visit, found, told

Task = dict[str, Any]
# Looks at a pair of a page and says its answer; also milliseconds spent on it.
Answering = Callable[[dict[str, Any], Task], tuple[dict[str, str], int]]

# Somebody who has not passed the training after these rounds gives up.
ROUNDS = 6
_BAR = r'<rect x="(\d+)" y="12" width="44"'
_SCREEN = {"viewport": [2560, 1440], "dpr": 1, "zoom_percent": 100}


def qualify(visit: Visit, study: str, answer: Answering) -> bool:
    """Take every step up to live work; whether it is open then.

    False where the exam was failed (a next attempt may open hours later) or the training was not
    passed in `ROUNDS` rounds.

    Raises:
        SimulationError: a page answered in a way that nobody can go on from.
    """
    rounds = 0
    while True:
        page = visit.ask("GET", f"/annotate/{study}/first/")
        if page.status_code == 302:
            return True  # the study asks for neither
        stage = found(r'data-stage="(\w+)"', page)
        if stage == "qualified":
            return True
        if stage not in {"consent", "instructions", "training", "exam"}:
            return False
        if "/trial/" not in page.text:
            rounds += stage == "training"
            if rounds > ROUNDS:
                return False
            step = stage if stage in {"consent", "instructions"} else "begin"
            fields = {"step": step, **(_screen(page.text) if stage == "consent" else {})}
            done = visit.fill_in(page, fields)
            if done.status_code != 302:
                raise SimulationError(f"the step {stage} answered {told(done)}")
        if stage in {"training", "exam"}:
            _sit(visit, study, answer)


def _screen(page: str) -> dict[str, str]:
    """Consent, a wide screen, and the thirds of the two squares in which the bars are drawn."""
    places = [("left", "middle", "right")[min(int(x) // 60, 2)] for x in re.findall(_BAR, page)]
    if len(places) != 2:
        raise SimulationError("the screen check has no two bars any more")
    dark, light = places
    return {"agree": "on", "dark": dark, "light": light, "measured": json.dumps(_SCREEN)}


def _sit(visit: Visit, study: str, answer: Answering) -> None:
    """Answer a round or an attempt to its end."""
    config, reply = visit.bench(visit.ask("GET", f"/annotate/{study}/trial/"))
    while reply["tasks"]:
        task = reply["tasks"][0]
        said, looked = answer(config, task)
        response = visit.ask(
            "POST",
            config["urls"]["votes"],
            {"token": task["token"], "answers": said, "active_ms": looked, "elapsed_ms": looked},
        )
        if response.status_code not in {200, 201}:
            raise SimulationError(f"an answer in the {config['trial']} got {told(response)}")
        reply = response.json()
