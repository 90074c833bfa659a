"""The worked pairs of the demos: right by the criteria's order, conflicts among them."""

import pytest

from annotate.cli.demo_examples import PAIRS, teach
from annotate.sampling.models import Image
from annotate.studies.spec import parse_spec
from generation.reference.defects import Defect
from generation.reference.judge import alignment
from generation.reference.scenes import parse

SIDE = {"1": -1, "equal": 0, "2": 1}


def test_what_the_text_asks_for_decides_and_looks_only_where_it_leaves_a_tie() -> None:
    conflicts = 0
    for pair in PAIRS:
        asked = parse(pair.prompt)
        right = [alignment(asked, parse(shown.scene)) for shown in (pair.first, pair.second)]
        looks = [shown.defect is Defect.NONE for shown in (pair.first, pair.second)]
        by_text, by_looks = (b - a for a, b in (right, looks))
        conflicts += by_text * by_looks < 0
        better = by_text or by_looks
        assert (better > 0) - (better < 0) == SIDE[pair.answer], pair.prompt
    assert conflicts == 3
    assert {pair.answer for pair in PAIRS} == set(SIDE)


@pytest.mark.django_db
def test_a_taught_study_has_each_picture_of_its_worked_pairs_in_store() -> None:
    taught = teach(parse_spec({"name": "x"})).protocol.examples
    named = {digest for pair in taught for digest in (pair.first, pair.second)}
    assert len(named) == 2 * len(PAIRS)
    assert set(Image.objects.values_list("digest", flat=True)) == named
