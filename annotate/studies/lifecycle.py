"""The legal moves of a study as a table. It must not launch: that needs samples and pairs."""

from django.dispatch import Signal
from django.utils import timezone

from annotate.people.models import User
from annotate.studies.models import Event, Study

S = Study.State
# Sent after a move was won, with `study`: packages further up do their part (freeze a report).
moved = Signal()

MOVES: dict[S, frozenset[S]] = {
    S.DRAFT: frozenset({S.OPEN}),  # by judging.launch only, which freezes the protocol
    S.OPEN: frozenset({S.PAUSED, S.CLOSED}),
    S.PAUSED: frozenset({S.OPEN, S.CLOSED}),
    S.CLOSED: frozenset({S.OPEN, S.ARCHIVED}),
    S.ARCHIVED: frozenset(),
}


class IllegalMove(ValueError):
    """A study was asked to go where its state does not lead."""


def check_move(current: S, target: S) -> None:
    """Raise IllegalMove unless the table allows it."""
    if target not in MOVES[current]:
        allowed = ", ".join(sorted(MOVES[current])) or "nothing: this is the end"
        raise IllegalMove(
            f"a study that is {current} cannot become {target}; from here it may become {allowed}. "
            "Clone the study to start again from a draft."
        )


_INSTEAD: dict[S, str] = {
    S.OPEN: "Annotators find it on their home page.",
    S.PAUSED: "Press Resume on its page to open it again.",
    S.CLOSED: "Press Reopen on its page, or clone it to start again from a draft.",
    S.ARCHIVED: "Clone it to start again from a draft.",
}


def check_draft(study: Study) -> None:
    """Raise IllegalMove unless the study can be launched: opening it again is another move."""
    state = S(study.state)
    if state is S.DRAFT:
        return
    instead = _INSTEAD[state]
    if study.external:
        instead = "Its votes were cast elsewhere; make a study of your own for more votes."
    raise IllegalMove(
        f"the study {study.uid} is {state}, and only a draft is launched. Nothing was changed. "
        f"{instead}"
    )


def move(study: Study, target: S, *, actor: User | None) -> Study:
    """Move a launched study; won by compare-and-set, so two people pressing at once do it once."""
    current = S(study.state)
    if study.external and target is not S.ARCHIVED:
        raise IllegalMove(
            f"the votes of this study were cast elsewhere: it has a report, and cannot be {target} "
            "for judging, since it has no pictures. Make a study of your own for more votes."
        )
    check_move(current, target)
    if current is S.DRAFT:
        raise IllegalMove(
            "a draft is opened by launching it, which pairs its samples and freezes its protocol. "
            "Use launch instead."
        )
    won = Study.objects.filter(pk=study.pk, state=current).update(state=target)
    study.refresh_from_db(fields=["state"])
    if not won:
        check_move(S(study.state), target)
        return move(study, target, actor=actor)
    Event.objects.create(
        study=study, actor=actor, kind=f"study_{target}", data={"from": current}, at=timezone.now()
    )
    moved.send(sender=Study, study=study)
    return study
