"""Which bands the votes of a laboratory allow, and what each of them draws.

It must not compute or know pages.
"""

from __future__ import annotations

from annotate.analysis.oracle_bands import Over, Redrawn, draw_crossed, draw_votes
from annotate.analysis.oracle_table import decided, plurality
from annotate.reports.branches import Branches, Cast, Settings
from annotate.reports.words import counted, number


def annotators_of(branches: Branches) -> int | None:
    """How many people cast the votes on both branches; None where they are not named."""
    casts = (branches.student_cast, branches.refined_cast)
    named = [cast.by for cast in casts if cast is not None and cast.by is not None]
    if len(named) < len(casts):
        return None
    return len({person for by in named for row in by for person in row} - {None})


def why_not(branches: Branches, over: Over) -> str:
    """Why this band cannot be drawn, as a sentence; empty where it can."""
    if over is Over.PROMPTS:
        return ""
    student, refined = branches.student_cast, branches.refined_cast
    if student is None or refined is None:
        return (
            "Single votes are not known: give them in the columns student_votes and refined_votes."
        )
    columns = ((branches.student, student), (branches.refined, refined))
    places = decided(branches.student, branches.refined)
    unknown = sum(not all(cast.votes[i] for _, cast in columns) for i in places)
    if unknown:
        return (
            f"{number(unknown)} of {counted(len(places), 'prompt')} have a verdict without its "
            "votes; drawing votes again needs them all."
        )
    other = sum(
        any(plurality(cast.votes[i]) is not verdicts[i] for verdicts, cast in columns)
        for i in places
    )
    if other:
        return (
            f"Of {number(other)} of {counted(len(places), 'prompt')} the verdict is not the "
            "plurality of its votes, so that drawn votes would be decided by another rule."
        )
    if over is Over.CROSSED and (student.by is None or refined.by is None):
        return (
            "Nothing names who cast which vote: give them in the columns student_annotators and "
            "refined_annotators."
        )
    return ""


def redrawn(branches: Branches, settings: Settings) -> Redrawn | None:
    """What the curve's band draws; None for prompts with the verdicts that they have.

    Raises:
        ValueError: the votes do not allow this band; it says why.
    """
    if settings.over is Over.PROMPTS:
        return None
    if lacking := why_not(branches, settings.over):
        raise ValueError(f"no band over {settings.over}: {lacking}")
    student, refined = branches.student_cast, branches.refined_cast
    assert student is not None
    assert refined is not None
    places = decided(branches.student, branches.refined)
    own = None if branches.groups is None else [branches.groups[i] for i in places]
    votes = [[cast.votes[i] for i in places] for cast in (student, refined)]
    if settings.over is Over.VOTES:
        return draw_votes(*votes, rule=settings.rule, groups=own)
    return draw_crossed(
        *votes,
        student_by=_names(student, places),
        refined_by=_names(refined, places),
        units=own or [branches.prompts[i] for i in places],
        rule=settings.rule,
    )


def _names(cast: Cast, places: list[int]) -> list[tuple[str | None, ...]]:
    return [] if cast.by is None else [cast.by[i] for i in places]
