"""`manage.py export_study`: every file of the report page, in a folder or one by one."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from annotate.reports import diversity_files
from annotate.reports.export import FILES, MANIFEST, NAMES, README, write_file
from annotate.sampling.models import Image
from annotate.studies.models import Study
from tests.factories import NOW
from tests.judging.test_diversity import open_study
from tests.reports.arrange import voted
from tests.reports.test_dataset_pictures import keep
from tests.reports.test_diversity import judged

pytestmark = [pytest.mark.django_db, pytest.mark.whole]

PATTERNS = ["aaa", "abt", ""]


def run(study: Study, out: Path, **options: Any) -> str:
    said = io.StringIO()
    call_command("export_study", str(study.uid), out=out, stdout=said, **options)
    return said.getvalue()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def diverse() -> Study:
    return judged(open_study(prompts=2, control_rate=0.3))


def test_a_path_that_cannot_be_a_folder_is_refused_in_words(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    for study in (voted(PATTERNS)[0], diverse()):
        with pytest.raises(CommandError, match="taken is not a folder; name one"):
            run(study, taken)
        with pytest.raises(CommandError, match="taken/below cannot be written: Not a directory"):
            run(study, taken / "below")
    assert taken.read_text() == "mine"


@pytest.mark.parametrize("make", [lambda: voted(PATTERNS)[0], diverse])
def test_rows_are_counted_where_there_are_rows_and_bytes_elsewhere(
    make: Any, tmp_path: Path
) -> None:
    lines = dict(line.split(": ") for line in run(make(), tmp_path).splitlines())
    assert lines
    for path, told in lines.items():
        rows = path.endswith((".csv", ".jsonl"))
        size = Path(path).stat().st_size
        assert told.endswith(" rows") if rows else told == f"{size:,} bytes"


def test_a_bundle_is_made_that_verifies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study, _ = voted(PATTERNS)
    run(study, tmp_path / "out", bundle=True)
    assert names(tmp_path / "out") == {*FILES, README, MANIFEST, "bundle.zip"}
    call_command("verify_bundle", str(tmp_path / "out" / "bundle.zip"))
    assert "verified" in capsys.readouterr().out
    page = io.BytesIO()
    write_file(study, "bundle.zip", page, now=NOW, folder=tmp_path / "page")
    assert page.getvalue() == (tmp_path / "out" / "bundle.zip").read_bytes()


def test_all_files_of_the_page_are_written_by_their_names(tmp_path: Path) -> None:
    study, _ = voted(PATTERNS)
    for image in Image.objects.all():
        keep(image)
    said = run(study, tmp_path, all=True, verify=True)
    assert names(tmp_path) == {*NAMES, README}
    assert said.count("votes.parquet: ") == 1
    table = io.BytesIO()
    write_file(study, "votes-toloka.tsv", table, now=NOW, folder=tmp_path / "none")
    assert (tmp_path / "votes-toloka.tsv").read_bytes() == table.getvalue() != b""


def test_pictures_are_left_out_of_all_where_the_votes_were_cast_elsewhere(tmp_path: Path) -> None:
    study, _ = voted(PATTERNS)
    Study.objects.update(external=True, state=Study.State.CLOSED)
    run(study, tmp_path, all=True)
    assert names(tmp_path) == {*NAMES, README} - {"dataset-pictures.zip"}


def test_named_files_are_written_alone(tmp_path: Path) -> None:
    study, _ = voted(PATTERNS)
    run(study, tmp_path / "out", file=["votes.parquet", "votes.csv"])
    assert names(tmp_path / "out") == {"votes.parquet", "votes.csv"}


@pytest.mark.parametrize(
    ("make", "wrong", "there"),
    [(lambda: voted(PATTERNS)[0], "scores.csv", NAMES), (diverse, "votes.csv", ("scores.csv",))],
)
def test_a_name_of_no_file_is_refused_before_anything_is_written(
    make: Any, wrong: str, there: tuple[str, ...], tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=f"no export is called '{wrong}'") as caught:
        run(make(), tmp_path / "out", file=["report.tex", wrong])
    assert all(name in str(caught.value) for name in there)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("other", ["all", "bundle", "verify", "dataset", "pictures"])
def test_options_of_the_folder_do_not_go_with_named_files(other: str, tmp_path: Path) -> None:
    study, _ = voted(PATTERNS)
    with pytest.raises(CommandError, match=f"leave --{other} out"):
        run(study, tmp_path, file=["votes.csv"], **{other: True})
    assert names(tmp_path) == set()


def test_a_diversity_study_has_files_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = diverse()
    run(study, tmp_path / "all", all=True, verify=True)
    assert names(tmp_path / "all") == {*diversity_files.NAMES, README}
    call_command("verify_bundle", str(tmp_path / "all" / "bundle.zip"))
    assert "verified" in capsys.readouterr().out
    run(study, tmp_path / "one", file=["scores.csv"])
    assert names(tmp_path / "one") == {"scores.csv"}
    scores = (tmp_path / "all" / "scores.csv").read_bytes()
    assert (tmp_path / "one" / "scores.csv").read_bytes() == scores
