"""Rules of `manage.py import_samples`."""

import io
import uuid
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from annotate.sampling.models import ImportRun, Sample
from tests.sampling import pictures
from tests.sampling.packages import FILES, HEADER, as_csv, make_draft

pytestmark = pytest.mark.django_db


def run(*args: object) -> str:
    out = io.StringIO()
    call_command("import_samples", *map(str, args), stdout=out)
    return out.getvalue()


def test_a_folder_is_imported_under_a_name(tmp_path: Path) -> None:
    study = make_draft()
    folder = pictures.write_folder(tmp_path, FILES | {"all.csv": as_csv()})
    out = run(study.uid, folder / "all.csv", "--user", study.owner.username)
    assert "4 rows, 4 new samples, 4 different pictures imported into Cubes." in out
    assert ImportRun.objects.get().actor == study.owner
    assert "all of it is in the study already" in run(study.uid, folder / "all.csv", folder)


def test_a_bar_is_drawn_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stderr", screen := Terminal())
    folder = pictures.write_folder(tmp_path, FILES | {"manifest.csv": as_csv()})
    run(make_draft().uid, folder)
    assert "import:" in screen.getvalue()
    assert "\n" not in screen.getvalue()


def test_a_zip_alone_is_enough(tmp_path: Path) -> None:
    study = make_draft()
    path = pictures.write_zip(tmp_path / "all.ZIP", FILES | {"manifest.csv": as_csv()})
    assert "4 new samples" in run(study.uid, path)


def test_problems_are_listed_by_line_under_one_heading(tmp_path: Path) -> None:
    study = make_draft()
    rows = [("p", "A cube", f"m{i}", f"{i}.png") for i in range(120)]
    (tmp_path / "m.csv").write_bytes(as_csv(rows, HEADER))
    with pytest.raises(CommandError) as refused:
        run(study.uid, tmp_path / "m.csv")
    lines = str(refused.value).splitlines()
    assert lines[0] == "Nothing was imported: 120 problems."
    assert lines[1] == ("Line 2: file `0.png` is missing in the folder. Add it or remove the line.")
    assert lines[-1] == "… and 20 more."
    assert len(lines) == 102
    assert refused.value.returncode == 1
    assert not Sample.objects.exists()


def test_unknown_studies_and_accounts_are_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no study"):
        run(uuid.uuid4(), tmp_path)
    with pytest.raises(CommandError, match="There is no account 'nobody'"):
        run(make_draft().uid, tmp_path, "--user", "nobody")
