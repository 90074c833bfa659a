"""A dataset folder with pictures: each once, by its digest; refused in words where one is gone."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from annotate.reports.export import write_file
from annotate.sampling.models import Image
from annotate.sampling.storage import path_of
from tests.factories import NOW
from tests.reports.arrange import voted

pytestmark = [pytest.mark.django_db, pytest.mark.whole]


def keep(image: Image) -> None:
    path = path_of(image.digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image.digest.encode())


def test_pictures_come_along_once_each_when_asked_for(tmp_path: Path) -> None:
    study, _ = voted(["aab", "abt"], simulated=True)
    images = list(Image.objects.all())
    for image in images:
        keep(image)
    keep(Image(digest="f" * 64, width=1, height=1, bytes=64))
    call_command("export_study", str(study.uid), out=tmp_path, dataset=True, pictures=True)
    with zipfile.ZipFile(tmp_path / "dataset-pictures.zip") as archive:
        drawn = [name for name in archive.namelist() if name.startswith("pictures/")]
        assert sorted(drawn) == sorted(f"pictures/{i.digest}.png" for i in images)
        assert len(set(drawn)) == len(drawn) == 4
        assert archive.read(drawn[0]).decode() == drawn[0][9:-4]
        assert "4 pictures in `pictures/`" in archive.read("README.md").decode()
        tables = archive.read("data/votes.parquet")
    with zipfile.ZipFile(tmp_path / "dataset.zip") as archive:
        assert archive.read("data/votes.parquet") == tables
        assert "README.md" in archive.namelist()
        assert not any(name.startswith("pictures/") for name in archive.namelist())


def test_a_picture_that_is_gone_is_named_and_nothing_is_left_half_done(tmp_path: Path) -> None:
    study, _ = voted(["aab"])
    first, second = Image.objects.order_by("digest")
    keep(first)
    path_of(second.digest).unlink(missing_ok=True)
    with pytest.raises(CommandError, match=f"1 of 2 pictures .* {second.digest}"):
        call_command("export_study", str(study.uid), out=tmp_path, pictures=True)
    assert not list(tmp_path.glob("dataset*"))
    client = Client()
    client.force_login(study.owner, backend="django.contrib.auth.backends.ModelBackend")
    url = reverse("study-export", args=[study.uid, "dataset-pictures.zip"])
    answer = client.get(url, follow=True)
    assert answer.redirect_chain[0][0] == reverse("study-report", args=[study.uid])
    assert "1 of 2 pictures are not in the store" in answer.content.decode()


def test_tables_are_streamed_without_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, _ = voted(["aab", "abt"])
    monkeypatch.setattr("annotate.reports.export.read_frame", None)
    monkeypatch.setattr("annotate.reports.rows.BATCH", 1)
    out = io.BytesIO()
    for name in ("votes.csv", "votes.jsonl", "verdicts.csv", "verdicts.jsonl", "votes.parquet"):
        write_file(study, name, out, now=NOW, folder=tmp_path)
    assert out.getvalue().count(b"prompt_key") > 2
