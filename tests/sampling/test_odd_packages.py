"""Odd packages that are good all the same, and the limits of what is taken."""

import codecs
from pathlib import Path

import pytest

from annotate.sampling import archive, manifest, records
from annotate.sampling.importing import import_samples
from annotate.studies.models import Method
from tests.sampling import pictures
from tests.sampling.packages import (
    GOOD,
    HEADER,
    ROWS,
    as_csv,
    bring,
    line,
    make_draft,
    row,
)

pytestmark = pytest.mark.django_db

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
