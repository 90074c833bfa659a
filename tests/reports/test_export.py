"""Exports: the same bytes for the same state, sums that add up, cells no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from annotate.judging.models import Comparison, ContrastItem, Verdict, Vote
from annotate.reports.export import (
    FILES,
    FORMULA_STARTS,
    UnknownExportError,
    pack,
    write_csv,
    write_file,
    write_folder,
    write_jsonl,
)
from annotate.reports.interop import external_votes
from annotate.reports.rows import verdict_rows, vote_rows
from annotate.reports.verify import differences
from annotate.studies.models import Prompt
from tests.factories import NOW
from tests.reports.arrange import cast, voted

pytestmark = pytest.mark.whole

PATTERNS = ["aaa", "aab", "abt", "bbt", "tta", "ab", ""]
# What SQLite and PostgreSQL both hold; lone surrogates and NUL are refused at import.
cells = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=30
) | st.builds(
    lambda start, rest: start + rest,
    st.sampled_from(FORMULA_STARTS),
    st.text("=1+A\n\r,\"'", max_size=5),
)


@given(st.lists(cells, min_size=1, max_size=6))
def test_no_cell_starts_a_formula_and_each_can_be_read_back(texts: list[str]) -> None:
    file = io.BytesIO()
    written = write_csv(({"n": i, "text": t} for i, t in enumerate(texts)), ["n", "text"], file)
    data = file.getvalue()
    read = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert written.rows == len(read) - 1 == len(texts)
    assert written.bytes == len(data)
    for (_, cell), text in zip(read[1:], texts, strict=True):
        assert not cell.startswith(FORMULA_STARTS)
        assert cell == (f"'{text}" if text.startswith(FORMULA_STARTS) else text)


@given(
    st.lists(st.dictionaries(cells, cells | st.integers() | st.none() | st.booleans()), max_size=5)
)
def test_json_lines_give_back_what_went_in(rows: list[dict[str, object]]) -> None:
    file = io.BytesIO()
    written = write_jsonl(rows, file)
    lines = file.getvalue().decode().split("\n")
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == rows
    assert written.rows == len(rows)


@pytest.mark.bothdb
@pytest.mark.django_db
def test_totals_reconcile_with_the_database(tmp_path: Path) -> None:
    study, _ = voted(PATTERNS)
    Verdict.objects.update(protocol_hash="f" * 64)
    manifest = write_folder(study, tmp_path, now=NOW)
    votes = [json.loads(line) for line in (tmp_path / "votes.jsonl").open(encoding="utf-8")]
    verdicts = [json.loads(line) for line in (tmp_path / "verdicts.jsonl").open(encoding="utf-8")]
    assert len(votes) == Vote.objects.count() == manifest["counts"]["votes"] == 17
    assert len(verdicts) == ContrastItem.objects.count() == len(PATTERNS)
    assert Counter(v["outcome"] for v in verdicts) == {"a": 2, "b": 1, "tie": 2, "undecided": 2}
    assert sum(v["votes_a"] + v["votes_tie"] + v["votes_b"] for v in verdicts) == 17
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    (lead,) = summary["contrasts"]
    assert lead["wins"] + lead["ties"] + lead["losses"] + lead["undecided"] == lead["items"]
    assert differences(tmp_path, study) == []
    for row in verdicts:
        decided = row["outcome"] != "undecided"
        assert row["protocol_hash"] == ("f" * 64 if decided else "")
    (first, *_) = csv.DictReader((tmp_path / "summary.csv").open(encoding="utf-8", newline=""))
    turned_on = sum(int(first[f"by_{name}"]) for name in ("alignment", "quality", "aesthetics"))
    assert turned_on == lead["wins"] + lead["losses"]
    found = lead["agreement"]["split"]
    for name in ("unanimous", "two_of_three", "all_different"):
        assert int(first[name]) == found[name]


@pytest.mark.bothdb
@pytest.mark.django_db
def test_one_state_gives_one_sequence_of_bytes_whenever_it_is_written(tmp_path: Path) -> None:
    study, _ = voted(PATTERNS)
    write_folder(study, tmp_path / "once", now=NOW)
    write_folder(study, tmp_path / "again", now=NOW + timedelta(days=9))
    for name in (*FILES, "manifest.json"):
        once = (tmp_path / "once" / name).read_bytes()
        assert once == (tmp_path / "again" / name).read_bytes(), name
        assert once or name == "marks.jsonl"  # nobody has marked a pair
    alone, packed = io.BytesIO(), [io.BytesIO(), io.BytesIO()]
    write_file(study, "votes.csv", alone, now=NOW, folder=tmp_path / "alone")
    assert alone.getvalue() == (tmp_path / "once" / "votes.csv").read_bytes()
    for folder, file in zip(("once", "again"), packed, strict=True):
        pack(tmp_path / folder, file)
    assert packed[0].getvalue() == packed[1].getvalue()


@pytest.mark.django_db
def test_the_bundle_holds_every_file_and_the_manifest_its_digests(tmp_path: Path) -> None:
    study, _ = voted(PATTERNS)
    file = io.BytesIO()
    write_file(study, "bundle.zip", file, now=NOW, folder=tmp_path / "made")
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {*FILES, "manifest.json", "README.txt"}
        archive.extractall(tmp_path / "read")
    assert differences(tmp_path / "read") == []


@pytest.mark.django_db
def test_an_unknown_export_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    study, _ = voted(["aaa"])
    with pytest.raises(UnknownExportError, match=r"votes\.csv"):
        write_file(study, "users.csv", io.BytesIO(), now=NOW, folder=tmp_path)


def unpacked(folder: Path) -> list[Path]:
    """Every file of text, those of archives too."""
    for path in list(folder.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder / path.stem)
    return [p for p in folder.rglob("*") if p.is_file() and p.suffix not in {".pdf", ".zip"}]


@pytest.mark.django_db
def test_exports_know_people_by_pseudonym_only(tmp_path: Path) -> None:
    study, people = voted(PATTERNS)
    write_folder(study, tmp_path, now=NOW)
    everything = b"".join(path.read_bytes() for path in unpacked(tmp_path)).decode()
    assert "A-01" in everything
    for person in (*people, study.owner):
        assert person.username not in everything


@pytest.mark.django_db
def test_simulated_votes_say_so_in_every_file(tmp_path: Path) -> None:
    study, _ = voted(["aaa", "ab"], simulated=True)
    manifest = write_folder(study, tmp_path, now=NOW)
    assert manifest["simulated"] is True
    assert manifest["counts"]["simulated"] == 5
    assert all(row["simulated"] for row in vote_rows(study))
    for name in ("votes.csv", "verdicts.csv", "summary.csv"):
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                assert row.get("simulated", row.get("simulated_votes")) in {"true", "5"}
    assert "simulated annotators" in (tmp_path / "README.txt").read_text(encoding="utf-8")


@pytest.mark.django_db
def test_a_formula_in_a_prompt_is_text_in_csv_and_exact_in_json(tmp_path: Path) -> None:
    study, _ = voted(["aaa"])
    Prompt.objects.update(text='=HYPERLINK("x")\r\n\u2028end', key="@1")
    write_folder(study, tmp_path, now=NOW)
    with (tmp_path / "votes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["prompt"] for row in rows} == {'\'=HYPERLINK("x")\r\n\u2028end'}
    assert {row["prompt_key"] for row in rows} == {"'@1"}
    assert {row["prompt"] for row in vote_rows(study)} == {'=HYPERLINK("x")\r\n\u2028end'}
    assert differences(tmp_path, study) == []


@pytest.mark.django_db
def test_a_vote_names_the_methods_of_the_picture_it_chose() -> None:
    study, _ = voted(["aab"])
    rows = list(vote_rows(study))
    assert [row["annotator"] for row in rows] == ["A-01", "A-02", "A-03"]
    assert [row["preferred_methods"] for row in rows] == [["student"], ["student"], ["teacher"]]


@pytest.mark.django_db
def test_tables_do_not_depend_on_how_many_pairs_are_read_at_once(monkeypatch) -> None:
    study, _ = voted(PATTERNS)
    tables = (vote_rows, verdict_rows, external_votes)
    whole = [list(table(study)) for table in tables]
    assert [len(rows) for rows in whole] == [17, len(PATTERNS), 17]
    monkeypatch.setattr("annotate.reports.rows.BATCH", 2)
    assert [list(table(study)) for table in tables] == whole


@pytest.mark.django_db
def test_verification_finds_a_changed_file_and_a_changed_database(tmp_path: Path) -> None:
    study, people = voted(PATTERNS)
    write_folder(study, tmp_path, now=NOW)
    cast(Comparison.objects.get(votes=None), people[0], "tie")
    assert differences(tmp_path, study) == [
        "votes in the database: counted 18, but 17 stands there"
    ]
    path = tmp_path / "verdicts.jsonl"
    told = path.read_text(encoding="utf-8")
    path.write_text(told.replace('"outcome":"b"', '"outcome":"a"'), encoding="utf-8")
    found = "\n".join(differences(tmp_path))
    for problem in ("verdicts.jsonl: SHA-256", "wins: counted 3", "losses: counted 0", "outcome"):
        assert problem in found


@pytest.mark.django_db
def test_the_command_writes_and_verifies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, _ = voted(PATTERNS)
    call_command("export_study", str(study.uid), "--out", str(tmp_path), "--verify")
    assert "Verified" in capsys.readouterr().out
    call_command("report_study", str(study.uid))
    assert "student against teacher" in capsys.readouterr().out


@pytest.mark.django_db
@pytest.mark.parametrize("uid", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_the_commands_say_what_is_wrong_with_an_id(uid: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no study has the id"):
        call_command("export_study", uid, "--out", str(tmp_path))
