"""The corpus of bad packages: each is refused by line, in words, and leaves nothing behind;
and of odd ones that are good all the same."""

import codecs
import json
import os
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from annotate.sampling import archive, importing, manifest, records
from annotate.sampling.importing import ImportRefused, import_samples
from annotate.sampling.models import Image, ImportRun, Sample
from annotate.studies.models import Method, Prompt, PromptSet
from tests.sampling import pictures
from tests.sampling.packages import FILES, HEADER, ROWS, as_csv, bring, make_draft

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Bad:
    """A manifest, the line it is refused for, and what is said."""

    manifest: bytes
    line: int
    says: str
    name: str = "manifest.csv"
    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    zipped: bool = False


def row(**changed: object) -> bytes:
    """One good row with something changed; unknown names become columns of their own."""
    cells = dict(zip(HEADER, ROWS[0], strict=True)) | changed
    return as_csv([list(cells.values())], list(cells))


def line(**changed: object) -> bytes:
    """The same as JSONL; None takes the key away."""
    cells = dict(zip(HEADER, ROWS[0], strict=True)) | changed
    return json.dumps({k: v for k, v in cells.items() if v is not None}).encode() + b"\n"


def picture(data: bytes, says: str) -> Bad:
    return Bad(row(), 2, says, files={"teacher/1.png": data})


GOOD = as_csv()
LONG = "x" * 10_001

BAD: dict[str, Bad] = {
    # the file as a whole
    "empty": Bad(b"", 0, "The manifest is empty."),
    "only a mark": Bad(codecs.BOM_UTF8, 0, "The manifest is empty."),
    "only blank lines": Bad(b"\n\n\n", 0, "The manifest is empty."),
    "headers only": Bad(as_csv([]), 0, "The manifest has no rows."),
    "jsonl without lines": Bad(b"\n", 0, "The manifest has no rows.", name="m.jsonl"),
    "another kind of file": Bad(GOOD, 0, "neither .csv nor .jsonl", name="manifest.xlsx"),
    "spreadsheet named csv": Bad(b"PK\x03\x04" + bytes(50), 0, "spreadsheet or a zip"),
    # encodings
    "windows-1252": Bad(row(prompt="x") + "p2,café,m,f\n".encode("cp1252"), 3, "byte 0xE9"),
    "latin-1 far down": Bad(
        as_csv([(i, "A cube", "m", "teacher/1.png") for i in range(5000)])
        + "p2,ü,m,f\n".encode("latin-1"),
        5002,
        "byte 0xFC",
    ),
    "utf-16 without a mark": Bad(GOOD.decode().encode("utf-16-le"), 1, "NUL character"),
    "utf-16 cut short": Bad(GOOD.decode().encode("utf-16")[:-1], 0, "cut short"),
    "utf-16 lone surrogate": Bad(
        codecs.BOM_UTF16_LE
        + row(prompt="a\ud800b".replace("\ud800", "?"))
        .decode()
        .encode("utf-16-le")
        .replace(b"?\0", b"\x00\xd8"),
        2,
        "half a surrogate pair",
    ),
    "utf-32": Bad(GOOD.decode().encode("utf-32"), 0, "UTF-32"),
    "utf-8 surrogate": Bad(row(prompt="?").replace(b"?", b"\xed\xa0\x80"), 2, "byte 0xED"),
    "utf-8 cut inside a letter": Bad(GOOD + b"p3,\xc3", 6, "byte 0xC3"),
    "nul": Bad(row(prompt="a\0b"), 2, "NUL character"),
    "nul in jsonl": Bad(line(prompt="a\0b"), 1, "NUL character", name="m.jsonl"),
    "surrogate in jsonl": Bad(line(prompt="a\ud83d"), 1, "half a surrogate", name="m.jsonl"),
    "surrogate in metadata": Bad(
        line(metadata={"a": ["\udc00"]}), 1, "half a surrogate", name="m.jsonl"
    ),
    # the header
    "misspelt column": Bad(GOOD.replace(b"prompt,", b"promt,"), 1, "`promt` looks like it."),
    "capital column": Bad(GOOD.replace(b"method", b"Method"), 1, "`Method` looks like it."),
    "missing column": Bad(GOOD.replace(b",file", b",x"), 1, "column `file` is missing."),
    "slip in an optional column": Bad(row(groups="g"), 1, "`groups` looks like `group`"),
    "slip in a jsonl key": Bad(line(prompt_id=None, promptid="1"), 1, "`promptid`", name="m.jsonl"),
    "column twice": Bad(GOOD.replace(b"method", b"prompt"), 1, "column `prompt` is there twice"),
    "column without a name": Bad(row(**{"": 1}), 1, "column 5 has no name"),
    "semicolons": Bad(GOOD.replace(b",", b";"), 1, "separated by ';'"),
    "tabs": Bad(GOOD.replace(b",", b"\t"), 1, "separated by '\\t'"),
    # cells and quotes
    "cell too few": Bad(GOOD + b"p3,A dog,teacher\n", 6, "3 cells where the header names 4"),
    "cell too many": Bad(GOOD + b"p3,A dog, a cat,m,f\n", 6, "5 cells where the header names 4"),
    "quote not closed": Bad(GOOD + b'p3,"A dog,m,f\n\n\n', 6, "opens here and is never closed"),
    "text after a quote": Bad(GOOD + b'p3,"A" dog,m,f\n', 6, "quotes do not match"),
    "line of a later record": Bad(
        as_csv([("p1", "two\nlines\nand more", "m", "teacher/1.png"), ("", "x", "m", "f")]),
        5,
        "`prompt_id` is empty",
    ),
    "huge cell": Bad(row(note="x" * 1_000_001), 2, "longer than 1,000,000 characters"),
    "ten megabytes in a cell": Bad(row(note="x" * 10_000_000), 2, "longer than 4,000,000"),
    "blank prompt": Bad(row(prompt=" \u3000"), 2, "`prompt` is empty"),
    "endless prompt": Bad(row(prompt=LONG), 2, "the prompt has 10,001 characters"),
    "long id": Bad(row(prompt_id="x" * 201), 2, "`prompt_id` has 201 characters, at most 200"),
    "long method": Bad(row(method="x" * 121), 2, "`method` has 121 characters, at most 120"),
    "line break in an id": Bad(row(method="a\nb"), 2, "`method` holds a control character"),
    "empty method": Bad(row(method=""), 2, "`method` is empty"),
    "replica in words": Bad(row(replica="first"), 2, "`replica` is `first`"),
    "replica with a point": Bad(row(replica="1.0"), 2, "`replica` is `1.0`"),
    "negative replica": Bad(row(replica="-1"), 2, "`replica` is `-1`"),
    "replica beyond the column": Bad(row(replica="32768"), 2, "`replica` is `32768`"),
    "other digits": Bad(row(replica="٣"), 2, "`replica` is `٣`"),
    "replica true": Bad(line(replica=True), 1, "`replica` is `True`", name="m.jsonl"),
    # jsonl
    "not json": Bad(line() + b"{'prompt_id': 1}\n", 2, "not JSON", name="m.jsonl"),
    "an array": Bad(b"[\n" + line() + b"]", 1, "not JSON", name="m.jsonl"),
    "a number": Bad(line() + b"7\n", 2, "not a JSON object", name="m.jsonl"),
    "a key twice": Bad(line()[:-2] + b',"file":"x"}', 1, "key is there twice", name="m.jsonl"),
    "prompt not text": Bad(line(prompt=7), 1, "`prompt` is not text", name="m.jsonl"),
    "file not text": Bad(line(file=["a"]), 1, "`file` is not text", name="m.jsonl"),
    "nan": Bad(line(score=float("nan")), 1, "NaN is not a JSON number", name="m.jsonl"),
    "too large": Bad(line()[:-2] + b',"s":1e999}', 1, "number is too large", name="m.jsonl"),
    "endless digits": Bad(
        line()[:-2] + b',"s":' + b"9" * 5000 + b"}", 1, "too many digits", name="m.jsonl"
    ),
    "deep json": Bad(line()[:-2] + b',"s":' + b"[" * 90_000, 1, "nested too", name="m.jsonl"),
    "rather deep json": Bad(
        line()[:-2] + b',"s":' + b"[" * 50 + b"]" * 50 + b"}", 1, "nested too", name="m.jsonl"
    ),
    "metadata inside and outside": Bad(
        line(seed=1, metadata={"seed": 2}), 1, "`seed` is inside and outside", name="m.jsonl"
    ),
    # rows against each other
    "the same key twice": Bad(
        as_csv([*ROWS, ROWS[1]]), 6, "`p1`, method `student`, replica 0 is on line 3 already"
    ),
    "one id, two texts": Bad(
        as_csv([ROWS[0], ("p1", "A blue cube", *ROWS[1][2:])]), 3, "another text than on line 2"
    ),
    "one id, two groups": Bad(
        as_csv([(*ROWS[0], "g1"), (*ROWS[1], "g2")], (*HEADER, "group")), 3, "another group than"
    ),
    "one id, two contexts": Bad(
        as_csv([(*ROWS[0], ROWS[2][3]), (*ROWS[1], ROWS[3][3])], (*HEADER, "context")),
        3,
        "another context than",
    ),
    # paths
    "absolute": Bad(row(file="/etc/passwd"), 2, "file `/etc/passwd` is an absolute path"),
    "drive": Bad(row(file="C:/pictures/1.png"), 2, "is an absolute path"),
    "dots": Bad(row(file="teacher/../../x.png"), 2, "leads out of the folder"),
    "backslash": Bad(row(file="teacher\\1.png"), 2, "has a backslash"),
    "web address": Bad(row(file="https://a.example/1.png"), 2, "is a web address"),
    "percent escapes mean nothing": Bad(row(file="%2e%2e/x.png"), 2, "is missing in the folder"),
    "no name": Bad(row(file="./"), 2, "names no file"),
    "a folder": Bad(row(file="teacher"), 2, "is not a file"),
    "below a file": Bad(row(file="teacher/1.png/x"), 2, "is missing in the folder"),
    "endless name": Bad(row(file="x" * 5000), 2, "is missing in the folder"),
    "context leads out": Bad(row(context="../x"), 2, "context file `../x` leads out"),
    "missing context": Bad(row(context="x.png"), 2, "file `x.png` is missing"),
    "missing": Bad(row(file="b/0041.png"), 2, "file `b/0041.png` is missing in the folder."),
    "missing in the zip": Bad(row(file="b/1.png"), 2, "is missing in the zip.", zipped=True),
    # pictures
    "text named png": picture(b"not a picture", "not a PNG, JPEG or WebP picture but text"),
    "svg named png": picture(b"<svg onload='alert(1)'/>", "but an SVG"),
    "html named png": picture(b"<!doctype html><script>", "but an HTML page"),
    "html before a png": picture(b"<html>" + pictures.png(), "but an HTML page"),
    "gif": picture(pictures.encoded(pictures.pixels(), "GIF"), "but a GIF"),
    "animated": picture(pictures.animated("WEBP"), "is animated"),
    "cut png": picture(pictures.png()[:-30], "damaged or cut short"),
    "cut jpeg": picture(
        pictures.encoded(pictures.pixels(width=64, height=64), "JPEG")[:-300], "cut short"
    ),
    "cut webp": picture(pictures.encoded(pictures.pixels(), "WEBP")[:-20], "cut short"),
    "empty picture": picture(b"", "is empty (0 bytes)"),
    "bomb of 10,000 pixels": picture(pictures.bomb_png(10_000), "at most 4096 x 4096"),
    "bomb of 30,000 pixels": picture(pictures.bomb_png(30_000), "at most 4096 x 4096"),
    "too wide": picture(
        pictures.encoded(pictures.pixels(width=4097, height=1)), "is 4097 x 1 pixels"
    ),
    "over 20 MB": picture(pictures.png() + bytes(20 * 2**20), "is larger than 20 MB"),
    "zip named png": picture(b"PK\x03\x04" + bytes(99), "but a zip"),
}


def nothing_was_imported() -> bool:
    return not any(
        table.objects.exists() for table in (Prompt, PromptSet, Method, Sample, Image, ImportRun)
    )


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_package_is_refused_by_line_and_leaves_nothing(bad: Bad, tmp_path: Path) -> None:
    with pytest.raises(ImportRefused) as refused:
        bring(
            make_draft(),
            tmp_path,
            bad.manifest,
            name=bad.name,
            files=bad.files,
            zipped=bad.zipped,
        )
    first = refused.value.errors[0]
    assert (first.line, bad.says in first.problem) == (bad.line, True), str(first)
    assert first.problem.endswith(".")
    assert first.remedy
    assert nothing_was_imported()


def test_the_corpus_is_large() -> None:
    assert len(BAD) + len(BAD_ZIPS) + len(ODD) >= 60


# --- zips -----------------------------------------------------------------------------------------


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


# --- what is said ---------------------------------------------------------------------------------


def test_the_message_has_the_voice_of_the_product(tmp_path: Path) -> None:
    rows = [(f"p{i}", "A cube", "m", "teacher/1.png") for i in range(39)]
    rows.append(("p40", "A cube", "m", "b/0041.png"))
    with pytest.raises(ImportRefused) as refused:
        bring(make_draft(), tmp_path, as_csv(rows), zipped=True)
    assert str(refused.value) == (
        "Line 41: file `b/0041.png` is missing in the zip. Nothing was imported. "
        "Add it or remove the line."
    )


def test_the_first_hundred_errors_are_shown_in_order_and_all_are_counted(tmp_path: Path) -> None:
    rows = [(f"p{i}", "A cube", "m" if i % 2 else "", f"{i}.png") for i in range(3000)]
    with pytest.raises(ImportRefused) as refused:
        bring(make_draft(), tmp_path, as_csv(rows))
    assert refused.value.total == 3000
    assert [error.line for error in refused.value.errors] == list(range(2, 102))
    assert "`method` is empty" in refused.value.errors[0].problem
    assert "is missing in the folder" in refused.value.errors[1].problem
    assert str(refused.value).endswith("And 2999 more.")


def test_wrong_rows_missing_files_and_bad_pictures_are_told_together(tmp_path: Path) -> None:
    rows = [("p1", "", "m", "a"), ("p2", "x", "m", "none.png"), ("p3", "x", "m", "teacher/1.png")]
    files = {"teacher/1.png": b"GIF89a"}
    with pytest.raises(ImportRefused) as refused:
        bring(make_draft(), tmp_path, as_csv(rows), files=files)
    assert [error.line for error in refused.value.errors] == [2, 3, 4]


def test_a_message_quotes_no_control_characters_and_no_endless_values(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused) as refused:
        bring(make_draft(), tmp_path, row(file="\x1b[31m\u202e" + "x" * 300))
    said = refused.value.errors[0].message
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert len(said) < 250


# --- odd, but good --------------------------------------------------------------------------------

ODD: dict[str, tuple[bytes, str]] = {
    "utf-8 with a mark": (codecs.BOM_UTF8 + GOOD, "m.csv"),
    "utf-16 little endian": (GOOD.decode().encode("utf-16"), "m.csv"),
    "utf-16 big endian": (codecs.BOM_UTF16_BE + GOOD.decode().encode("utf-16-be"), "m.csv"),
    "line feeds": (GOOD.replace(b"\r\n", b"\n"), "m.csv"),
    "old mac line ends": (GOOD.replace(b"\r\n", b"\r"), "m.csv"),
    "no last line end": (GOOD.rstrip(), "m.csv"),
    "blank rows of a spreadsheet": (GOOD + b",,,\r\n\r\n,,,\r\n", "m.csv"),
    "everything quoted": (
        b"\r\n".join(
            b",".join(b'"%s"' % cell for cell in text.split(b",")) for text in GOOD.splitlines()
        ),
        "m.csv",
    ),
    "other order of columns": (as_csv([r[::-1] for r in ROWS], HEADER[::-1]), "m.csv"),
    "dots and double slashes": (GOOD.replace(b"teacher/1", b"./teacher//1"), "M.CSV"),
    "blanks around names": (GOOD.replace(b"teacher,", b" teacher ,"), "m.csv"),
    "a long cell of metadata": (
        as_csv([(*r, "x" * 900_000) for r in ROWS], (*HEADER, "note")),
        "m.csv",
    ),
    "a prompt of the full length": (
        as_csv([(i, "é" * 10_000, m, f) for i, _, m, f in ROWS]),
        "m.csv",
    ),
    "ndjson with a mark": (
        codecs.BOM_UTF8 + b"".join(line(**dict(zip(HEADER, cells, strict=True))) for cells in ROWS),
        "m.ndjson",
    ),
}


@pytest.mark.parametrize("case", ODD.values(), ids=ODD.keys())
def test_an_odd_manifest_that_says_the_same_is_taken(
    case: tuple[bytes, str], tmp_path: Path
) -> None:
    data, name = case
    result = bring(make_draft(), tmp_path, data, name=name)
    assert (result.rows, result.new_samples) == (4, 4)
    assert set(Method.objects.values_list("name", flat=True)) == {"teacher", "student"}


def test_a_file_is_found_whichever_way_its_accents_are_written(tmp_path: Path) -> None:
    names = {"composed": "caf\u00e9.png", "apart": "cafe\u0301.png"}
    for disk in names.values():
        for written in names.values():
            study = make_draft()
            result = bring(
                study,
                tmp_path / f"{len(disk)}{len(written)}",
                row(file=written),
                files={disk: pictures.png()},
            )
            assert result.new_samples == 1


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    folder = pictures.write_folder(tmp_path, {"1.png": pictures.png(), "m.csv": row(file="2.png")})
    (folder / "2.png").symlink_to("1.png")
    assert import_samples(make_draft(), folder / "m.csv", folder, actor=None).new_samples == 1


def test_a_name_says_nothing_about_the_kind_of_picture(tmp_path: Path) -> None:
    files = {"teacher/1.png": pictures.encoded(pictures.pixels(), "JPEG")}
    assert bring(make_draft(), tmp_path, row(), files=files).new_samples == 1


def test_the_limits_are_those_of_the_plan() -> None:
    assert (records.MAX_CELL, manifest.MAX_PROMPT) == (1_000_000, 10_000)
    assert (archive.MAX_TOTAL, archive.MAX_RATIO) == (2 * 1024**3, 100)
    assert manifest.MAX_ROWS >= 100_000
    assert archive.MAX_ENTRIES == 200_000
