"""Pictures with texts, from folders, shards and the world."""

import io
import tarfile

import numpy as np
import pytest
import torch

from generation.errors import TrainingError
from generation.training.pairs import ImageTextSource
from tests.generation.training.factories import pictures, teacher

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return teacher(tmp_path_factory.mktemp("tiny"))


def batch(source, *, first=0, size=3, seed=0):
    return source.batch(first=first, size=size, rng=np.random.default_rng(seed))


def test_a_folder_gives_latents_with_both_halves_of_the_text(tmp_path, bundle):
    latents, told = batch(ImageTextSource(pictures(tmp_path), bundle, seed=0))
    assert latents.shape == (3, 4, 8, 8)
    assert told.embeds.shape == told.uncond.embeds.shape == (3, 77, 32)
    assert not torch.equal(told.embeds, told.uncond.embeds)


def test_shards_hold_the_same_as_the_folder_they_were_packed_from(tmp_path, bundle):
    folder = pictures(tmp_path / "folder")
    (tmp_path / "shards").mkdir()
    with tarfile.open(tmp_path / "shards" / "0000.tar", "w") as shard:
        for file in sorted(folder.iterdir()):
            shard.add(file, arcname=file.name)
    sources = [ImageTextSource(tmp_path / n, bundle, seed=0) for n in ("folder", "shards")]
    assert [len(source) for source in sources] == [6, 6]
    (a, told_a), (b, told_b) = (batch(source) for source in sources)
    assert torch.equal(a, b)
    assert torch.equal(told_a.embeds, told_b.embeds)


def test_a_batch_depends_on_its_number_and_not_on_what_came_before(tmp_path, bundle):
    folder = pictures(tmp_path)
    fresh = batch(ImageTextSource(folder, bundle, seed=0), first=8, size=2)
    used = ImageTextSource(folder, bundle, seed=0)
    for first in (0, 6, 12):
        batch(used, first=first)
    assert torch.equal(fresh[0], batch(used, first=8, size=2)[0])


def test_every_epoch_shows_each_picture_once_in_another_order(tmp_path, bundle):
    source = ImageTextSource(pictures(tmp_path), bundle, seed=1)
    rows = [batch(source, first=6 * epoch, size=6)[1].embeds for epoch in (0, 1)]
    keys = [[row.abs().sum().item() for row in epoch] for epoch in rows]
    assert sorted(keys[0]) == sorted(keys[1])
    assert len(set(keys[0])) == 6
    assert keys[0] != keys[1]


def test_a_picture_without_a_text_does_not_count(tmp_path, bundle):
    folder = pictures(tmp_path, n=3)
    (folder / "01.txt").unlink()
    assert len(ImageTextSource(folder, bundle, seed=0)) == 2


def test_a_folder_without_pairs_is_refused(tmp_path, bundle):
    with tarfile.open(tmp_path / "empty.tar", "w") as shard:
        info = tarfile.TarInfo("a.txt")
        shard.addfile(info, io.BytesIO())
    with pytest.raises(TrainingError, match="holds no picture"):
        ImageTextSource(tmp_path, bundle, seed=0)
