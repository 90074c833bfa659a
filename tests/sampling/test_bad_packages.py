"""The corpus of bad manifests and pictures: each is refused by line and leaves nothing behind."""

import codecs
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from annotate.sampling.importing import ImportRefused
from tests.sampling import pictures
from tests.sampling.packages import (
    FILES,
    GOOD,
    HEADER,
    ROWS,
    as_csv,
    bring,
    line,
    make_draft,
    nothing_was_imported,
    row,
)
from tests.sampling.test_bad_zips import BAD_ZIPS
from tests.sampling.test_odd_packages import ODD

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


def picture(data: bytes, says: str) -> Bad:
    return Bad(row(), 2, says, files={"teacher/1.png": data})


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
