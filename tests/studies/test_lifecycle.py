"""The legal moves of a study are the table's and no others."""

import itertools

import pytest

from annotate.studies.lifecycle import MOVES, IllegalMove, move
from annotate.studies.models import Event, Study
from tests.factories import make_study

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]
S = Study.State
LEGAL = {
    (S.OPEN, S.PAUSED),
    (S.OPEN, S.CLOSED),
    (S.PAUSED, S.OPEN),
    (S.PAUSED, S.CLOSED),
    (S.CLOSED, S.OPEN),
    (S.CLOSED, S.ARCHIVED),
}


def study_in(state: S) -> Study:
    study = make_study()
    digest = "" if state is S.DRAFT else "f" * 64
    Study.objects.filter(pk=study.pk).update(state=state, protocol_hash=digest)
    study.refresh_from_db()
    return study


@pytest.mark.parametrize(("current", "target"), list(itertools.product(S, S)))
def test_a_study_moves_along_the_table_only(current: S, target: S) -> None:
    study = study_in(current)
    if (current, target) in LEGAL:
        move(study, target, actor=study.owner)
        assert study.state == target
        event = Event.objects.get(study=study)
        assert (event.kind, event.data) == (f"study_{target}", {"from": current})
    else:
        with pytest.raises(IllegalMove):
            move(study, target, actor=study.owner)
        study.refresh_from_db()
        assert study.state == current


def test_a_draft_is_opened_by_launching_alone() -> None:
    assert S.OPEN in MOVES[S.DRAFT]
    with pytest.raises(IllegalMove, match="launch"):
        move(study_in(S.DRAFT), S.OPEN, actor=None)


def test_of_two_who_press_at_once_one_moves_and_the_other_is_told() -> None:
    study = study_in(S.OPEN)
    stale = Study.objects.get(pk=study.pk)
    move(study, S.PAUSED, actor=study.owner)
    with pytest.raises(IllegalMove, match="paused cannot become paused"):
        move(stale, S.PAUSED, actor=study.owner)
    assert Event.objects.filter(study=study).count() == 1
