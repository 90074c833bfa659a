"""Every number of a bundle is recomputed, and verify names each one that somebody changed."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from annotate.reports.bundle import check_bundle
from annotate.reports.export import FILES, MANIFEST, README, pack, write_file, written_of
from annotate.sampling.models import Sample
from annotate.studies.lifecycle import move
from annotate.studies.models import Prompt, Study
from tests.factories import NOW
from tests.reports.test_laboratory_report import branched

pytestmark = pytest.mark.whole

DATA = ("votes.jsonl", "verdicts.jsonl", "snapshot.json", "marks.jsonl", "marks.csv")


MADE: list[bytes] = []


@pytest.fixture
def folder(tmp_path: Path, db: None) -> Path:
    """An unpacked bundle with a laboratory, a ranking, slices, costs and scores; made once."""
    if not MADE:
        study = branched()
        for place, prompt in enumerate(Prompt.objects.filter(prompt_set__studies=study)):
            prompt.metadata = {"complexity": place / 10}
            prompt.save()
        Sample.objects.update(steps=5, forwards=10)
        move(study, Study.State.CLOSED, actor=study.owner)
        out = io.BytesIO()
        write_file(study, "bundle.zip", out, now=NOW, folder=tmp_path / "making")
        MADE.append(out.getvalue())
    with zipfile.ZipFile(io.BytesIO(MADE[0])) as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def repaired(folder: Path) -> list[str]:
    """What verify says after every checksum was made to fit again."""
    told = json.loads((folder / MANIFEST).read_text())
    for name in FILES:
        now = written_of((folder / name).read_bytes())
        told["files"][name] |= {"sha256": now.sha256, "bytes": now.bytes}
        if name.endswith(".jsonl"):
            told["content_sha256"][name.removesuffix(".jsonl")] = now.sha256
    text = json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    with (folder.parent / "bad.zip").open("wb") as file:
        pack(folder, file)
    return check_bundle(folder.parent / "bad.zip")


def moved(value: Any, where: str, changed: list[str]) -> Any:
    """The same with one added to every number, whose places are noted."""
    if isinstance(value, dict):
        return {key: moved(one, f"{where}: {key}", changed) for key, one in value.items()}
    if isinstance(value, list):
        return [moved(one, f"{where}[{place}]", changed) for place, one in enumerate(value)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        changed.append(where)
        return value + 1
    return value


def other_number(text: str) -> str:
    """With its first digit raised, below the head of a table."""
    head, line, rest = text.partition("\n")
    return head + line + re.sub(r"[0-9]", lambda d: str((int(d[0]) + 1) % 10), rest, count=1)


def changed_inside(data: bytes, wanted: str) -> bytes:
    """An archive with one number changed in the file of that name."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(out, "w") as made:
        for entry in given.infolist():
            kept = given.read(entry)
            made.writestr(
                entry, other_number(kept.decode()).encode() if entry.filename == wanted else kept
            )
    return out.getvalue()


def test_every_number_of_the_summary_is_named_when_it_is_changed(folder: Path) -> None:
    summary = folder / "summary.json"
    changed: list[str] = []
    data = moved(json.loads(summary.read_text()), "summary.json", changed)
    summary.write_text(json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    said = [line.split(": recomputed", 1)[0] for line in repaired(folder)]
    assert set(changed) <= set(said)
    parts = ("contrasts", "rankings", "slices", "paired", "matrix", "seconds", "compute")
    for part in parts:
        assert any(f"analyses: {part}" in where for where in changed), part
    deep = (
        "grouped",
        "joint",
        "crossed",
        "redrawn",
        "renewed",
        "models",
        "side",
        "adjusted",
        "effects",
        "holm",
    )
    for part in deep:
        assert any(re.search(rf"analyses: contrasts\[\d\]: {part}", w) for w in changed), part
    for part in ("curve", "policy", "estimators", "budget", "human_ceiling"):
        assert any(f"summary.json: laboratory: {part}" in where for where in changed), part


def test_a_changed_number_is_named_with_its_file_whatever_file_it_is_in(folder: Path) -> None:
    changed = {}
    for name in (*FILES, README):
        path = folder / name
        if name in DATA or name == "summary.json":
            continue
        if name == "tables.zip":
            changed[name] = changed_inside(path.read_bytes(), "figure-16-1.csv")
        elif name == "figures.zip":
            changed[name] = changed_inside(path.read_bytes(), "policy.svg")
        elif name == "report.pdf":
            changed[name] = path.read_bytes().replace(b"/Count 1", b"/Count 2", 1)
        else:
            changed[name] = other_number(path.read_bytes().decode()).encode()
        assert changed[name] != path.read_bytes(), name
    for name, data in changed.items():
        (folder / name).write_bytes(data)
    said = repaired(folder)
    for name in changed:
        assert any(line.startswith(f"{name}: ") for line in said), name
    assert any(re.match(r"votes\.csv: row \d+, \w+: recomputed", line) for line in said)
    assert any("tables.zip: figure-16-1.csv: row 1, Accuracy: recomputed" in s for s in said)
    assert any("figures.zip: policy.svg: made again it has other bytes" in s for s in said)


def test_changed_rows_show_against_the_other_files(folder: Path) -> None:
    changes = {
        "votes.jsonl": (r'"active_ms":\d+', '"active_ms":4001', "active_ms is 4001"),
        "verdicts.jsonl": (r'"votes_a":\d', '"votes_a":7', "votes a: counted"),
        "snapshot.json": (r'"complexity":0\.2', '"complexity":7.2', "analyses: slices"),
        "manifest.json": (r'"annotators": \d', '"annotators": 8', "counts: annotators"),
    }
    for name, (old, new, _) in changes.items():
        text = (folder / name).read_text(encoding="utf-8")
        assert re.search(old, text), name
        (folder / name).write_text(re.sub(old, new, text, count=1), encoding="utf-8")
    said = repaired(folder)
    for name, (_, _, wanted) in changes.items():
        assert any(wanted in line for line in said), name
