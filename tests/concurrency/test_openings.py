"""Workers that finish at the same instant open every pair once, also where contrasts share one."""

from functools import partial

import pytest

from annotate.judging import opening
from annotate.judging.launch import launch
from annotate.judging.models import PlannedItem
from tests.concurrency.test_races import _a_real_file, at_once  # noqa: F401 (a fixture)
from tests.factories import ADAPTIVE, NOW, TEACHER, make_generated, make_picture

pytestmark = [
    pytest.mark.bothdb,
    pytest.mark.server,
    pytest.mark.django_db(transaction=True),
]

METHODS = {
    "teacher": ("teacher", TEACHER),
    "calm": ("adaptive-refine", ADAPTIVE),
    "eager": ("adaptive-refine", ADAPTIVE | {"threshold": {"tau": 0.9}}),
}


def test_twelve_at_once_open_every_item_once_and_share_what_is_equal():
    contrasts = (("calm", "teacher"), ("teacher", "eager"))
    draft = make_generated(prompts=4, contrasts=contrasts, methods=METHODS)
    study = launch(draft, actor=None, now=NOW)
    finished = []
    for i in range(4):
        kept = f"kept {i}"
        finished += [
            [make_picture(study, "calm", f"p{i}", kept)],
            [make_picture(study, "eager", f"p{i}", kept)],
            [make_picture(study, "teacher", f"p{i}")],
        ]
    opened = at_once(*[partial(opening.open_finished, some) for some in finished])
    assert sum(opened) == 8
    assert study.comparisons.count() == 4
    assert study.assignments.count() == 12
    assert not PlannedItem.objects.filter(opened_at=None).exists()
    for comparison in study.comparisons.all():
        lowest = min(
            study.planned_items.get(contrast=item.contrast, prompt=item.prompt).order
            for item in comparison.items.all()
        )
        assert comparison.order == lowest
