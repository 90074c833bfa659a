"""What every page of one study shares: its head, its tabs, and the moves that are open to it.

It must not decide a move: `studies.lifecycle` holds the table.
"""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from annotate.reports.branch_rows import has_laboratory
from annotate.studies.lifecycle import MOVES
from annotate.studies.models import Study
from annotate.web.access import PersonRequest

S = Study.State
_WORDS = {
    (S.OPEN, S.PAUSED): "Pause",
    (S.OPEN, S.CLOSED): "Close",
    (S.PAUSED, S.OPEN): "Resume",
    (S.PAUSED, S.CLOSED): "Close",
    (S.CLOSED, S.OPEN): "Reopen",
    (S.CLOSED, S.ARCHIVED): "Archive",
}
_NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@dataclass(frozen=True)
class Move:
    """A button: where it leads and what it says. A final one asks once more."""

    target: str
    label: str
    final: bool


def moves_of(study: Study) -> list[Move]:
    """The legal moves of a launched study; a draft is opened on its launch page instead."""
    current = S(study.state)
    if current is S.DRAFT:
        return []
    order = list(S)
    return [
        Move(target, _WORDS[current, target], final=not MOVES[target])
        for target in sorted(MOVES[current], key=order.index)
        if not (study.external and target is S.OPEN)
    ]


def protocol_line(study: Study) -> str:
    """The protocol in five words: "Cascade, three annotators per pair"."""
    protocol = study.read_protocol()
    asked = "Diversity" if protocol.asks_diversity else protocol.judgement.capitalize()
    if protocol.on_demand:
        return f"{asked}, two annotators per pair, a third on demand"
    people = "annotator" if protocol.overlap == 1 else "annotators"
    return f"{asked}, {_NUMBERS[protocol.overlap]} {people} per pair"


def study_page(
    request: PersonRequest,
    study: Study,
    name: str,
    *,
    tab: str,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """Render `studies/<name>.html` within the study's head and tabs."""
    shared = {
        "nav": "studies",
        "study": study,
        "tab": tab,
        "moves": moves_of(study),
        "protocol_line": protocol_line(study),
        "is_draft": study.state == S.DRAFT,
        "laboratory": study.state != S.DRAFT and has_laboratory(study),
        "has_cut_offs": any(
            str(method.get("kind", "")).startswith("adaptive")
            for method in study.spec.get("methods", [])
        ),
    }
    return render(request, f"studies/{name}.html", shared | context, status=status)
