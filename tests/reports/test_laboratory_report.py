"""The laboratory inside the report: one drawing on screen, in print and in the archive."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from django.test import Client
from django.urls import reverse

from annotate.reports.branch_rows import branch_pairs
from annotate.reports.branches import Settings, own_percentile
from annotate.reports.document import sections
from annotate.reports.export import report_data
from annotate.reports.frames import read_frame
from annotate.reports.freeze import decode, encode, frozen_report
from annotate.reports.laboratory import investigate
from annotate.reports.laboratory_plates import curve_plate, policy_plate
from annotate.reports.laboratory_study import read_branches
from annotate.reports.models import FrozenReport
from annotate.reports.page import lay_out
from annotate.reports.report import make_report
from annotate.reports.report_files import figures_zip
from annotate.reports.standalone import standalone
from annotate.sampling.models import Score
from annotate.studies.lifecycle import move
from annotate.studies.models import Study
from generation.spec import Adaptive
from tests.factories import NOW
from tests.reports.laboratory_arrange import (
    GOOD,
    REFINED_VOTES,
    STUDENT_VOTES,
    generated_branches,
    imported_branches,
    score,
)

pytestmark = [pytest.mark.django_db, pytest.mark.whole]


def branched() -> Study:
    """Both branches, an adaptive arm with a tau between them, and its estimator's scores."""
    study = generated_branches(STUDENT_VOTES, REFINED_VOTES, adaptive=STUDENT_VOTES, simulated=True)
    arm = Adaptive.model_validate(study.methods.get(name="adaptive").settings["arm"])
    score(study, "student", arm.estimator.digest(), GOOD)
    return study


def test_figure_16_and_the_cut_offs_are_one_drawing_on_screen_in_print_and_in_the_archive() -> None:
    study = branched()
    pair = branch_pairs(study)[0]
    branches = read_branches(study, pair)
    protocol = study.read_protocol()
    settings = Settings(
        percentile=own_percentile(branches), confidence=protocol.confidence, seed=protocol.seed
    )
    lab = investigate(branches, settings)
    drawn = {"figure-16-1": curve_plate(lab), "policy": policy_plate(lab)}
    report = make_report(study, now=NOW)
    client = Client()
    client.force_login(study.owner, backend="django.contrib.auth.backends.ModelBackend")
    html = client.get(reverse("study-report", args=[study.uid])).content.decode()
    printed = [plate for section in sections(report, lay_out(report)) for plate in section.plates]
    with zipfile.ZipFile(io.BytesIO(figures_zip(report))) as archive:
        for name, plate in drawn.items():
            assert plate.figure.wide in html
            assert plate.figure.narrow in html
            assert plate in printed
            wanted = standalone(plate.figure.wide, note="Simulated votes")
            assert archive.read(f"{name}.svg").decode() == wanted
            assert archive.read(f"{name}.pdf").startswith(b"%PDF")


def test_a_frozen_report_keeps_its_laboratory_whatever_happens_to_scores_and_votes() -> None:
    study = branched()
    move(study, Study.State.CLOSED, actor=study.owner)
    kept = FrozenReport.objects.get()
    before = report_data(frozen_report(kept))["laboratory"]
    assert len(before["curve"]) == 51
    assert [found["name"] for found in before["estimators"]] == ["ImageReward"]
    assert before["estimators"][0]["arms"][0]["differ"] == 3
    assert json.loads(json.dumps(before, allow_nan=False)) == before
    Score.objects.update(value=0.5)
    assert report_data(frozen_report(kept))["laboratory"] == before
    assert report_data(make_report(study, now=NOW))["laboratory"] != before


def test_rows_with_branches_freeze_and_thaw_to_the_same_frame() -> None:
    study = branched()
    frame = read_frame(study)
    assert frame.branches is not None
    assert frame.branches.estimators[0].arms[0].method == "adaptive"
    assert decode(encode(study, frame))[1] == frame


def test_a_study_without_recipes_has_no_laboratory_in_its_report_and_its_snapshot_no_word() -> None:
    study = imported_branches(STUDENT_VOTES, REFINED_VOTES)
    report = make_report(study, now=NOW)
    assert report.laboratory is None
    assert report_data(report)["laboratory"] is None
    assert "branches" not in json.loads(encode(study, read_frame(study)))
