"""The orphan collector: old files without a row go, everything else stays."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from PIL import Image as Pixels

from annotate.sampling import orphans, storage
from annotate.sampling.models import Sample

pytestmark = pytest.mark.django_db
LATER = time.time() + 25 * 3600


def picture(shade: int) -> Pixels.Image:
    return Pixels.new("RGB", (8, 8), (shade, 0, 0))


def stored_files() -> set[str]:
    return {p.name for p in Path(settings.STORE_DIR).rglob("*") if p.is_file()}


def test_a_file_without_a_row_goes_after_a_day() -> None:
    orphan = storage.write(picture(1))
    assert orphans.collect_orphans() == 0
    assert orphans.collect_orphans(now=LATER) == 1
    assert not storage.path_of(orphan.digest).exists()


def test_pictures_variants_and_latents_with_rows_stay() -> None:
    image = storage.put(picture(2))
    storage.fit(image, 16, 16)
    latents = storage.put_latents(np.ones((4, 2, 2), dtype=np.float32))
    Sample.objects.create(method_digest="m", prompt_digest="p", latents_digest=latents)
    before = stored_files()
    assert len(before) == 3
    assert orphans.collect_orphans(now=LATER) == 0
    assert stored_files() == before


def test_latents_without_a_sample_and_half_written_files_go() -> None:
    latents = storage.latents_path(storage.put_latents(np.zeros((4, 2, 2), dtype=np.float32)))
    (latents.parent / ".abc.part").write_bytes(b"half")
    assert orphans.collect_orphans(now=LATER) == 2
    assert stored_files() == set()


def test_storing_the_same_content_again_makes_the_file_young() -> None:
    orphan = storage.path_of(storage.write(picture(3)).digest)
    day_ago = time.time() - 25 * 3600
    os.utime(orphan, (day_ago, day_ago))
    storage.write(picture(3))
    assert orphans.collect_orphans() == 0
    assert orphan.exists()


def test_a_file_made_young_at_the_last_moment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    orphan = storage.path_of(storage.write(picture(4)).digest)
    day_ago = time.time() - 25 * 3600
    os.utime(orphan, (day_ago, day_ago))

    def known(_: set[str]) -> set[str]:
        storage.write(picture(4))  # another worker, between the look and the removal
        return set()

    monkeypatch.setattr(orphans, "_known", known)
    assert orphans.collect_orphans() == 0
    assert stored_files() == {orphan.name}


def test_messages_that_were_taken_are_forgotten_after_a_minute() -> None:
    taken = Path(settings.BROKER_DIR) / "taken" / "1_x.gpu.msg"
    taken.write_text("{}")
    assert orphans.forget_taken() == 0
    assert orphans.forget_taken(now=time.time() + 61) == 1
    assert not taken.exists()


def test_latents_come_back_as_they_were_and_a_changed_file_is_refused() -> None:
    latents = np.arange(16, dtype=np.float32).reshape(4, 2, 2)
    digest = storage.put_latents(latents)
    assert np.array_equal(storage.latents_of(digest), latents)
    assert storage.put_latents(latents.copy()) == digest
    np.save(storage.latents_path(digest), latents + 1)
    with pytest.raises(ValueError, match="the file has changed"):
        storage.latents_of(digest)
