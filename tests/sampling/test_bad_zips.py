"""Bad zips, folders and links: each is refused in words and leaves nothing behind."""

import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from annotate.sampling import archive, importing, manifest
from annotate.sampling.importing import ImportRefused, import_samples
from tests.sampling import pictures
from tests.sampling.packages import FILES, GOOD, bring, line, make_draft, nothing_was_imported, row

pytestmark = pytest.mark.django_db


def encrypted(path: Path) -> None:
    pictures.write_zip(path, FILES)
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        start = data.index(mark)
        data[start + at] |= 1
    path.write_bytes(data)


def linked(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as out:
        link = zipfile.ZipInfo("teacher/1.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        out.writestr(link, "/etc/passwd")


def doubled(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("teacher/1.png", FILES["teacher/1.png"])
        with pytest.warns(UserWarning, match="Duplicate"):
            out.writestr("teacher/1.png", FILES["student/1.png"])


def damaged(path: Path) -> None:
    pictures.write_zip(path, FILES, kind=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 8] ^= 0xFF
    path.write_bytes(data)


def lying(path: Path) -> None:
    """The directory claims a small picture; ten megabytes of zeros unpack from it."""
    pictures.write_zip(path, {"teacher/1.png": bytes(10_000_000)})
    data = path.read_bytes()
    path.write_bytes(data.replace((10_000_000).to_bytes(4, "little"), (900).to_bytes(4, "little")))


BAD_ZIPS: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "no zip": (lambda p: p.write_bytes(b"hello"), 0, "no folder and no readable zip"),
    "empty file": (lambda p: p.write_bytes(b""), 0, "no folder and no readable zip"),
    "cut short": (
        lambda p: (pictures.write_zip(p, FILES), p.write_bytes(p.read_bytes()[:-40])),
        0,
        "no readable zip",
    ),
    "encrypted": (encrypted, 0, "is encrypted"),
    "bomb": (
        lambda p: pictures.write_zip(p, FILES | {"zeros": bytes(200_000_000)}),
        0,
        "`zeros` in the zip unpacks to more than 100 times its size",
    ),
    "bomb with a lying directory": (lying, 2, "is damaged inside the zip"),
    "unusual packing": (
        lambda p: pictures.write_zip(p, FILES, kind=zipfile.ZIP_LZMA),
        0,
        "packed in an unusual way",
    ),
    "name twice": (doubled, 0, "`teacher/1.png` is in the zip twice"),
    "link": (linked, 2, "file `teacher/1.png` is a link"),
    "damaged entry": (damaged, 2, "is damaged inside the zip"),
    "nested zip is not opened": (
        lambda p: (
            pictures.write_zip(p, {"1.png": pictures.png()}),
            pictures.write_zip(p, {"teacher/1.png": p.read_bytes()}),
        ),
        2,
        "not a PNG, JPEG or WebP picture but a zip",
    ),
    "folder entry": (lambda p: pictures.write_zip(p, {"teacher/1.png/": b""}), 2, "is missing"),
    "names that lead out are not there": (
        lambda p: pictures.write_zip(p, {"../teacher/1.png": pictures.png()}),
        2,
        "is missing in the zip",
    ),
}


@pytest.mark.parametrize("case", BAD_ZIPS.values(), ids=BAD_ZIPS.keys())
def test_a_bad_zip_is_refused_and_leaves_nothing(
    case: tuple[Callable[[Path], object], int, str], tmp_path: Path
) -> None:
    make, number, says = case
    make(tmp_path / "p.zip")
    (tmp_path / "m.csv").write_bytes(row())
    with pytest.raises(ImportRefused) as refused:
        import_samples(make_draft(), tmp_path / "m.csv", tmp_path / "p.zip", actor=None)
    first = refused.value.errors[0]
    assert (first.line, says in first.problem) == (number, True), str(first)
    assert nothing_was_imported()


def test_a_zip_of_too_many_entries_is_refused_before_it_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_ENTRIES", 3)
    path = pictures.write_zip(tmp_path / "p.zip", FILES)
    monkeypatch.setattr(zipfile, "ZipFile", lambda _: pytest.fail("the directory was read"))
    with pytest.raises(ImportRefused, match="more than 3 entries"):
        import_samples(make_draft(), None, path, actor=None)


def test_a_zip_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_TOTAL", 500)
    path = pictures.write_zip(tmp_path / "p.zip", FILES)
    with pytest.raises(ImportRefused, match="unpacks to more than"):
        import_samples(make_draft(), None, path, actor=None)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (FILES, "no manifest.csv at its root"),
        ({"study/manifest.csv": GOOD}, "no manifest.csv at its root"),
        ({"manifest.csv": GOOD, "manifest.jsonl": line()}, "both manifest.csv and"),
    ],
)
def test_a_zip_alone_holds_one_manifest_at_its_root(
    files: dict[str, bytes], says: str, tmp_path: Path
) -> None:
    path = pictures.write_zip(tmp_path / "p.zip", files)
    with pytest.raises(ImportRefused, match=says):
        import_samples(make_draft(), None, path, actor=None)


def test_a_manifest_or_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="folder or zip with the pictures is missing"):
        import_samples(make_draft(), None, tmp_path / "nowhere", actor=None)
    with pytest.raises(ImportRefused, match=r"manifest `m\.csv` cannot be read"):
        import_samples(make_draft(), tmp_path / "m.csv", tmp_path, actor=None)


def test_too_large_manifests_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "MAX_ROWS", 3)
    with pytest.raises(ImportRefused, match=r"Line 5: there are more than 3 rows"):
        bring(make_draft(), tmp_path)
    monkeypatch.setattr(importing, "MAX_MANIFEST", 10)
    with pytest.raises(ImportRefused, match="The manifest is larger"):
        bring(make_draft(), tmp_path)
    path = pictures.write_zip(tmp_path / "p.zip", FILES | {"manifest.csv": GOOD})
    with pytest.raises(ImportRefused, match="is larger than"):
        import_samples(make_draft(), None, path, actor=None)


# --- links ----------------------------------------------------------------------------------------


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    outside = pictures.write_folder(tmp_path / "outside", {"1.png": pictures.png()})
    inside = pictures.write_folder(tmp_path / "inside", {"m.csv": row(file="link.png")})
    (inside / "link.png").symlink_to(outside / "1.png")
    (inside / "folder").symlink_to(outside, target_is_directory=True)
    for name in ("link.png", "folder/1.png"):
        (inside / "m.csv").write_bytes(row(file=name))
        with pytest.raises(ImportRefused, match="is a link that leads out of the folder"):
            import_samples(make_draft(), inside / "m.csv", inside, actor=None)


def test_a_pipe_does_not_hang_the_import(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "m.csv").write_bytes(row(file="pipe.png"))
    with pytest.raises(ImportRefused, match=r"`pipe\.png` is not a file"):
        import_samples(make_draft(), tmp_path / "m.csv", tmp_path, actor=None)
