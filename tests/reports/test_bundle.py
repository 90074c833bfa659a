"""A bundle is checked by itself: every number is made again, and one flipped bit is found."""

from __future__ import annotations

import io
import json
import random
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from annotate.reports.bundle import INSIDE, NotABundleError, check_bundle
from annotate.reports.export import pack, write_file, written_of
from annotate.reports.models import FrozenReport
from annotate.studies.lifecycle import move
from annotate.studies.models import Study
from tests.factories import NOW
from tests.reports.arrange import voted

pytestmark = pytest.mark.whole

PATTERNS = ["aaa", "aab", "abt", "bbt", "tta", "ab", ""]


@pytest.fixture
def bundle(tmp_path: Path, db: None) -> Path:
    """The bundle of a closed study, and the folder it was packed from."""
    study, _ = voted(PATTERNS, simulated=True)
    move(study, Study.State.CLOSED, actor=study.owner)
    with (tmp_path / "one.zip").open("wb") as file:
        write_file(study, "bundle.zip", file, now=NOW, folder=tmp_path / "one")
    return tmp_path


def test_a_bundle_verifies_without_a_database_and_is_the_same_bytes_each_time(
    bundle: Path, capsys: pytest.CaptureFixture[str], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        call_command("verify_bundle", str(bundle / "one.zip"))
    assert "verified" in capsys.readouterr().out
    again, later = io.BytesIO(), NOW + timedelta(days=9)
    write_file(Study.objects.get(), "bundle.zip", again, now=later, folder=bundle / "two")
    assert again.getvalue() == (bundle / "one.zip").read_bytes()
    manifest = json.loads((bundle / "one" / "manifest.json").read_text())
    frozen = FrozenReport.objects.get()
    assert manifest["files"]["snapshot.json"]["sha256"] == frozen.digest
    assert manifest["simulated"] is True


def test_any_flipped_bit_is_found(bundle: Path, tmp_path: Path) -> None:
    whole = (bundle / "one.zip").read_bytes()
    rng = random.Random(11)
    ends = [0, len(whole) - 1, len(whole) - 12]
    for place in [*ends, *(rng.randrange(len(whole)) for _ in range(6))]:
        data = bytearray(whole)
        data[place] ^= 1 << rng.randrange(8)
        (tmp_path / "bad.zip").write_bytes(data)
        with pytest.raises(CommandError):
            call_command("verify_bundle", str(tmp_path / "bad.zip"))


def test_a_changed_number_is_named_though_the_checksums_were_made_to_fit(
    bundle: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(bundle / "one.zip") as archive:
        archive.extractall(tmp_path / "in")
    summary = tmp_path / "in" / "summary.json"
    data = json.loads(summary.read_text())
    data["contrasts"][0]["conventions"][0]["estimate"] += 0.01
    summary.write_text(json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    manifest = json.loads((tmp_path / "in" / "manifest.json").read_text())
    told = written_of(summary.read_bytes())
    manifest["files"]["summary.json"] |= {"sha256": told.sha256, "bytes": told.bytes}
    (tmp_path / "in" / "manifest.json").write_text(json.dumps(manifest))
    with (tmp_path / "bad.zip").open("wb") as file:
        pack(tmp_path / "in", file)
    found = check_bundle(tmp_path / "bad.zip")
    assert any(
        "summary.json: contrasts[0]: conventions[0]: estimate: recomputed" in f for f in found
    )


def test_what_is_no_bundle_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK no")
    with pytest.raises(NotABundleError, match="not a readable zip"):
        check_bundle(tmp_path / "x.zip")


def test_a_path_without_a_file_is_called_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(NotABundleError, match="no such file"):
        check_bundle(tmp_path / "y.zip")
    with pytest.raises(NotABundleError, match="is a folder"):
        check_bundle(tmp_path)


def test_an_archive_whose_end_is_damaged_is_told_so(tmp_path: Path) -> None:
    path, empty = tmp_path / "x.zip", dict.fromkeys(sorted(INSIDE), b"")
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in empty.items():
            archive.writestr(name, data)
    whole = bytearray(path.read_bytes())
    # Where the list of files begins, said 6 bytes before the end: where that is too far behind,
    # every file begins before its place, the first before the archive.
    whole[-5] += 1
    path.write_bytes(whole)
    with pytest.raises(NotABundleError, match=r"its end, .* is damaged") as caught:
        check_bundle(path)
    assert "Errno" not in str(caught.value)
