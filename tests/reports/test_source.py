"""A manifest says which source made it; a check says so too, and compares everything but that."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from annotate.reports.bundle import check_bundle
from annotate.reports.diversity_files import made_of, write_diversity
from annotate.reports.diversity_frame import read_diversity
from annotate.reports.export import MANIFEST, pack, write_folder
from annotate.reports.source import digest_of, source_digest
from annotate.studies.lifecycle import move
from annotate.studies.models import Study
from tests.factories import NOW
from tests.judging.test_diversity import open_study
from tests.reports.arrange import voted
from tests.reports.test_diversity import judged

pytestmark = pytest.mark.whole


def write(root: Path, path: str, text: bytes = b"a = 1\nb = 2\n") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text)
    return file


def test_the_digest_follows_paths_and_text_and_nothing_else(tmp_path: Path) -> None:
    one = write(tmp_path, "annotate/reports/a.py")
    write(tmp_path, "generation/b.py")
    first = digest_of(tmp_path)
    write(tmp_path, "annotate/notes.md")
    write(tmp_path, "tests/c.py")
    write(tmp_path, "annotate/reports/a.py", b"a = 1\r\nb = 2\r\n")
    assert digest_of(tmp_path) == first
    one.write_bytes(b"a = 1\nb = 3\n")
    changed = digest_of(tmp_path)
    one.rename(one.with_name("c.py"))
    assert len({first, changed, digest_of(tmp_path)}) == 3


def test_this_program_reads_its_own_text(tmp_path: Path) -> None:
    assert re.fullmatch("[0-9a-f]{12}", source_digest())
    nothing = digest_of(tmp_path)
    assert source_digest() != nothing[: len(source_digest())]


def side_by_side(folder: Path) -> None:
    study, _ = voted(["aaa", "abt"], simulated=True)
    move(study, Study.State.CLOSED, actor=study.owner)
    write_folder(study, folder, now=NOW)


def diverse(folder: Path) -> None:
    study = judged(open_study(prompts=2, control_rate=0.3))
    write_diversity(made_of(study, read_diversity(study)), folder)


@pytest.fixture(params=[side_by_side, diverse])
def folder(request: pytest.FixtureRequest, tmp_path: Path, db: None) -> Path:
    """The unpacked bundle of each sort of study."""
    request.param(tmp_path / "in")
    return tmp_path / "in"


def found(folder: Path, **made_by: Any) -> list[str]:
    """What is found in a bundle that says it was made by this; None leaves the word out."""
    told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    assert told["made_by"]["source"] == source_digest()
    said = {k: v for k, v in (told["made_by"] | made_by).items() if v is not None}
    text = json.dumps(told | {"made_by": said}, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / MANIFEST).write_text(f"{text}\n", encoding="utf-8")
    with (folder.parent / "told.zip").open("wb") as file:
        pack(folder, file)
    return check_bundle(folder.parent / "told.zip")


@pytest.mark.parametrize("source", ["0123456789ab", None])
def test_a_bundle_of_another_source_or_of_none_verifies(folder: Path, source: str | None) -> None:
    assert found(folder, source=source) == []


def test_what_no_source_is_called_is_named(folder: Path) -> None:
    lines = found(folder, source="0123456789AB")
    assert any("made_by: source: recomputed" in line for line in lines)


@pytest.mark.parametrize(
    ("source", "said"),
    [("0123456789ab", "source 0123456789ab"), (None, "an unknown source")],
)
def test_where_something_differs_both_sources_are_named(
    folder: Path, source: str | None, said: str
) -> None:
    (folder / "report.tex").write_text("other", encoding="utf-8")
    lines = found(folder, source=source)
    version = r"version 0\.1\.0, "
    hint = f"made by {version}{said}, checked by {version}source {source_digest()}"
    assert any(re.search(rf"report\.tex: .*\({hint}\)", line) for line in lines), lines
    # Before all else: numbers that differ do not each repeat it.
    assert re.search(rf"manifest\.json: .*\({hint}\)", lines[0])


def test_one_source_is_not_named_as_the_reason(folder: Path) -> None:
    (folder / "report.tex").write_text("other", encoding="utf-8")
    lines = found(folder)
    assert any(line.startswith("report.tex") for line in lines)
    assert not any("made by" in line for line in lines)
