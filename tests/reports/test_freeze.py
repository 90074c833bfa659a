"""A frozen report: the same rows, the same hash, the same bytes, whatever happens afterwards."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from annotate.judging.models import Comparison
from annotate.reports.export import summary_json
from annotate.reports.frames import read_frame
from annotate.reports.freeze import (
    ForeignSnapshotError,
    encode,
    encoded,
    freeze,
    frozen_report,
    thaw,
)
from annotate.reports.models import FrozenReport
from annotate.reports.report import report_on
from annotate.reports.report_files import figures_zip, pdf_file, tables_zip, tex_file
from annotate.studies.lifecycle import move
from annotate.studies.models import Study
from tests.factories import NOW
from tests.reports.arrange import cast, voted

pytestmark = pytest.mark.whole

PATTERNS = ["aaa", "aab", "abt", "bbt", "tta", "ab", ""]


@pytest.mark.bothdb
@pytest.mark.django_db
def test_closing_keeps_the_rows_that_the_report_is_made_of() -> None:
    study, people = voted(PATTERNS)
    move(study, Study.State.CLOSED, actor=study.owner)
    (kept,) = FrozenReport.objects.all()
    _, frame = thaw(kept)
    assert frame == read_frame(study)
    before = summary_json(frozen_report(kept))
    live = report_on(study, read_frame(study), now=NOW)
    assert summary_json(live) == before
    cast(Comparison.objects.get(votes=None), people[0], "tie")
    assert summary_json(frozen_report(kept)) == before
    move(study, Study.State.OPEN, actor=study.owner)
    move(study, Study.State.CLOSED, actor=study.owner)
    assert FrozenReport.objects.count() == 2


@pytest.mark.django_db
def test_two_reports_of_one_snapshot_are_byte_identical() -> None:
    study, _ = voted(PATTERNS, simulated=True)
    move(study, Study.State.CLOSED, actor=study.owner)
    kept = FrozenReport.objects.get()
    assert freeze(study, now=NOW + timedelta(days=9)) == kept
    for make in (summary_json, pdf_file, tex_file, tables_zip, figures_zip):
        one, two = make(frozen_report(kept)), make(frozen_report(kept))
        assert one == two, make.__name__
    assert pdf_file(frozen_report(kept)).startswith(b"%PDF")


@pytest.mark.django_db
def test_a_snapshot_written_in_pieces_is_the_line_that_one_piece_is(monkeypatch) -> None:
    study, _ = voted(PATTERNS)
    frame = read_frame(study)
    whole = encode(study, frame)
    assert whole.decode() == json.dumps(
        json.loads(whole), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    monkeypatch.setattr("annotate.reports.freeze._ROWS", 2)
    pieces = list(encoded(study, frame))
    assert "".join(pieces).encode() == whole
    assert max(map(len, pieces)) < len(whole) / 2


@pytest.mark.django_db
def test_a_changed_snapshot_is_refused() -> None:
    study, _ = voted(["aaa"])
    move(study, Study.State.CLOSED, actor=study.owner)
    kept = FrozenReport.objects.get()
    kept.digest = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(ForeignSnapshotError, match="Restore the database"):
        thaw(kept)


@pytest.mark.django_db
def test_the_page_of_a_closed_study_shows_the_frozen_report_and_says_when_votes_changed() -> None:
    study, people = voted(PATTERNS)
    client = Client()
    client.force_login(study.owner, backend="django.contrib.auth.backends.ModelBackend")
    move(study, Study.State.CLOSED, actor=study.owner)
    kept = FrozenReport.objects.get()
    address = reverse("study-report", args=[study.uid])
    html = client.get(address).content.decode()
    assert kept.digest in html
    assert "The study has changed since" not in html
    for name in ("report.pdf", "summary.json"):
        url = reverse("study-frozen-report", args=[study.uid, kept.digest, name])
        assert client.get(url).content == client.get(url).content
        assert Client().get(url).status_code == 302
    cast(Comparison.objects.get(votes=None), people[0], "tie")
    assert "The study has changed since" in client.get(address).content.decode()
    assert kept.digest not in client.get(address, {"now": ""}).content.decode()
