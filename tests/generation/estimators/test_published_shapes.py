"""The published estimators' tensors, by name and shape, as a dry run holds files to them."""

import pytest

from generation.architectures import IMAGEREWARD, refuse_other
from generation.errors import WeightsRefusedError
from generation.estimators.blip import Sizes, is_ignored, published_table

pytestmark = pytest.mark.torch


def test_imagereward_passes_with_the_tensors_that_nothing_reads_and_a_smaller_one_does_not(
    tmp_path,
):
    unread = {"blip.vision_proj.weight": (256, 1024), "blip.text_proj.bias": (256,)}
    assert all(is_ignored(name) for name in unread)
    refuse_other(published_table() | unread, IMAGEREWARD, place=tmp_path)
    small = published_table(Sizes(text_layers=11))
    with pytest.raises(WeightsRefusedError, match=r"ImageReward: .*layer\.11\..* not there"):
        refuse_other(small, IMAGEREWARD, place=tmp_path)
