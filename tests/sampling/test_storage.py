"""Rules of the content-addressed store."""

import errno
import os
from pathlib import Path

import pytest
from PIL import Image as Pixels

from annotate.sampling import storage
from annotate.sampling.images import BACKDROP, content_digest, decode
from annotate.sampling.models import Image, ImageVariant
from tests.sampling import pictures


def files_in(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.mark.django_db
def test_equal_pixels_are_one_file_and_one_row(settings: object) -> None:
    first = storage.put(pictures.pixels(1))
    again = storage.put(pictures.pixels(1))
    other = storage.put(pictures.pixels(2))
    assert first.pk == again.pk != other.pk
    assert len(files_in(settings.STORE_DIR)) == 2  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_the_stored_file_is_lossless_and_says_nothing_of_its_source() -> None:
    data = pictures.encoded(pictures.pixels(4), "JPEG", comment=b"made by teacher")
    image = storage.put(decode(data))
    path = storage.path_of(image.digest)
    stored = path.read_bytes()
    assert image.bytes == len(stored)
    assert content_digest(decode(stored)) == image.digest
    assert b"teacher" not in stored
    kinds = [stored[at + 4 : at + 8] for at in chunk_starts(stored)]
    assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}


def chunk_starts(data: bytes) -> list[int]:
    starts, at = [], 8
    while at < len(data):
        starts.append(at)
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return starts


def test_a_polyglot_keeps_its_picture_and_loses_its_other_half() -> None:
    both = pictures.png(1) + b"<html><script>alert(1)</script></html>"
    stored = storage.write(decode(both))
    assert b"script" not in storage.path_of(stored.digest).read_bytes()


def test_a_full_disk_leaves_no_file_behind(
    settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        storage.write(pictures.pixels(1))
    assert files_in(settings.STORE_DIR) == []  # type: ignore[attr-defined]


def test_an_empty_file_left_by_a_crash_is_written_again() -> None:
    stored = storage.write(pictures.pixels(1))
    path = storage.path_of(stored.digest)
    path.write_bytes(b"")
    assert storage.write(pictures.pixels(1)) == stored
    assert path.stat().st_size == stored.bytes


@pytest.mark.parametrize("digest", ["", "a" * 63, "../" + "a" * 61, "A" * 64, "a" * 64 + "\n"])
def test_only_a_digest_names_a_file(digest: str) -> None:
    with pytest.raises(ValueError, match="not a picture's digest"):
        storage.path_of(digest)


@pytest.mark.django_db
def test_a_picture_is_fitted_whole_into_the_box_and_centred() -> None:
    image = storage.put(Pixels.new("RGB", (20, 10), (250, 10, 10)))
    variant = storage.fit(image, 40, 40)
    with Pixels.open(storage.path_of(image.digest, 40, 40)) as fitted:
        assert fitted.size == (40, 40)
        assert [fitted.getpixel((20, y)) for y in (0, 9, 10, 29, 30, 39)] == [
            BACKDROP, BACKDROP, (250, 10, 10), (250, 10, 10), BACKDROP, BACKDROP,
        ]  # fmt: skip
        assert fitted.info == {}
    assert variant.bytes == storage.path_of(image.digest, 40, 40).stat().st_size


@pytest.mark.django_db
def test_a_picture_of_the_boxs_size_keeps_its_pixels() -> None:
    image = storage.put(pictures.pixels(6))
    storage.fit(image, image.width, image.height)
    fitted = storage.path_of(image.digest, image.width, image.height).read_bytes()
    assert content_digest(decode(fitted)) == image.digest


@pytest.mark.django_db
def test_fitting_again_changes_nothing_and_a_lost_file_comes_back() -> None:
    image = storage.put(pictures.pixels(6))
    first = storage.fit(image, 64, 64)
    path = storage.path_of(image.digest, 64, 64)
    written = path.read_bytes()
    path.unlink()
    assert storage.fit(image, 64, 64).pk == first.pk
    assert path.read_bytes() == written
    assert ImageVariant.objects.count() == Image.objects.count() == 1


@pytest.mark.django_db
def test_a_box_of_no_or_endless_size_is_refused() -> None:
    image = storage.put(pictures.pixels(6))
    for box in ((0, 5), (5, 5000)):
        with pytest.raises(ValueError, match="each side must be"):
            storage.fit(image, *box)
