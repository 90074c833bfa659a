"""How SQLite runs the statements of a claim: by the index made for each, never over a study.

PostgreSQL chooses by its statistics of the table; the benchmark at 200,000 pairs looks at those.
"""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotate.judging import hotpath
from annotate.judging.launch import launch
from tests.factories import NOW, make_study
from tests.judging.arrange import member

pytestmark = pytest.mark.django_db  # not bothdb: run on SQLite alone


def plan_of(ask) -> list[str]:
    """The lines of the plan that read assignments."""
    with CaptureQueriesContext(connection) as asked:
        ask()
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + asked[-1]["sql"])
        return [row[-1] for row in cursor.fetchall() if "ASSIGNMENT" in row[-1].upper()]


def test_whether_slots_came_back_or_ran_out_is_asked_of_the_small_indexes():
    study = launch(make_study(pairs=3), actor=None, now=NOW)
    lines = plan_of(lambda: hotpath.leftovers(study.pk, now=NOW))
    assert ["assignment_returned" in lines[0], "assignment_leases" in lines[1]] == [True, True]
    assert len(lines) == 2


def test_a_fresh_slot_is_found_by_the_index_of_fresh_slots():
    study = launch(make_study(pairs=3), actor=None, now=NOW)
    who = member(study)
    lines = plan_of(
        lambda: hotpath.fresh_slot(study.pk, who.user_id, after=0, up_to=None, left_first=None)
    )
    assert any("assignment_fresh" in line for line in lines)


def test_the_pairs_in_a_hand_are_found_by_their_annotator():
    study = launch(make_study(pairs=3), actor=None, now=NOW)
    who = member(study)
    lines = plan_of(lambda: hotpath.leases(study.pk, who.user_id))
    assert len(lines) == 1, lines
    assert "annotator" in lines[0], lines
