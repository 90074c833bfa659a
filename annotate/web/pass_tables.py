"""Who would pass an exam of these numbers: the table that stands wherever they are chosen.

It must not decide who passes, nor which numbers are allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from pydantic import ValidationError

from annotate.analysis.passing import PassLine, pass_table
from annotate.studies.mistakes import lines
from annotate.studies.protocol import Protocol
from annotate.web.access import PersonRequest, researcher_required

NUMBERS = ("exam_items", "exam_pass", "exam_attempts")


@dataclass(frozen=True)
class Passing:
    """The pass table of an exam, or what is wrong with its numbers."""

    protocol: Protocol
    lines: tuple[PassLine, ...] = ()
    mistakes: tuple[str, ...] = ()


def passing_of(protocol: Protocol) -> Passing:
    """The table of a protocol's numbers."""
    made = pass_table(
        protocol.exam_items, to_pass=protocol.exam_pass, attempts=protocol.exam_attempts
    )
    return Passing(protocol, tuple(made))


def passing_for(given: Mapping[str, object]) -> Passing:
    """The table of numbers as they were typed; one left out is the usual one, as in the form."""
    typed = {name: str(given[name]) for name in NUMBERS if given.get(name) not in (None, "")}
    try:
        return passing_of(Protocol.model_validate(typed))
    except ValidationError as error:
        return Passing(Protocol(), mistakes=tuple(lines(error, whole="numbers")))


@researcher_required
@never_cache
@require_GET
def passing(request: PersonRequest) -> HttpResponse:
    """The table of tried numbers, for the study form."""
    context = {"passing": passing_for(request.GET.dict())}
    return render(request, "studies/_passing.html", context)
