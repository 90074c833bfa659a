"""How the pictures were made: every method's settings in the report, its files and its snapshot."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

import pytest

from annotate.reports.diversity_frame import read_diversity
from annotate.reports.diversity_page import lay_out as diversity_page
from annotate.reports.diversity_report import diversity_report_on
from annotate.reports.export import summary_json
from annotate.reports.frames import read_frame
from annotate.reports.freeze import decode, encode
from annotate.reports.page import lay_out
from annotate.reports.plates import Section
from annotate.reports.recipe_tables import recipe_sections
from annotate.reports.recipes import recipes_of
from annotate.reports.report import Report, report_on
from annotate.reports.report_files import pdf_file, tables_zip, tex_file
from annotate.sampling.calibration import calibrate, plan_tuning, tuning_set
from annotate.studies.models import Study
from tests.factories import ADAPTIVE, NOW, STUDENT, TEACHER, make_generated
from tests.web.arrange_sampling import make_waiting, score_all

COMMIT = "0123456789abcdef0123456789abcdef01234567"
pytestmark = pytest.mark.django_db


def report_of(study: Study) -> Report:
    return report_on(study, read_frame(study), now=NOW)


def section_of(report: Report, *, whole: bool = False) -> Section:
    (made,) = recipe_sections(report.recipes, whole=whole)
    return made


def told(report: Report, place: int = 0) -> dict[str, dict[str, str]]:
    """A table of the section as row header -> column -> words."""
    table = section_of(report).tables[place]
    names = [column.title for column in table.columns]
    return {
        row[0].text: dict(zip(names, (cell.text for cell in row), strict=True))
        for row in table.rows
    }


def tuned() -> Study:
    """A study whose tau was read at the median of eight scores."""
    study = make_waiting()
    plan_tuning(study, tuning_set(study))
    score_all(study, [0.1 * i for i in range(1, 9)])
    calibrate(study, tuning_set(study), actor=study.owner)
    study.refresh_from_db()
    return study


def test_the_settings_stand_as_the_paper_prints_them():
    preset = {"preset": "table4/adaptive-15", "threshold": {"percentile": 50}}
    study = make_generated(
        methods={
            "adaptive": ("adaptive-refine", preset),
            "teacher": ("teacher", {"preset": "ddim-50"}),
        }
    )
    rows = told(report_of(study))
    adaptive = rows["adaptive"]
    assert [adaptive[name] for name in ("σ", "k", "Student", "Teacher", "Mean")] == [
        *("0.7", "50", "5", "20", "15"),  # Table 4's second row
    ]
    assert adaptive["τ"] == "not tuned"
    assert adaptive["Sampler"] == "multistep consistency, then UniPC"
    assert "Estimator, ImageReward" in told(report_of(study), 1)
    assert (rows["teacher"]["Teacher"], rows["teacher"]["σ"]) == ("50", "–")
    assert rows["teacher"]["Sampler"] == "DDIM"


def test_a_tuned_threshold_says_where_it_was_tuned_and_still_does_when_frozen():
    study = tuned()
    frame = read_frame(study)
    report = report_on(study, frame, now=NOW)
    assert told(report)["adaptive"]["k"] == "50"
    assert any(
        "8 scores of the student on “tuning prompts v1”" in n for n in section_of(report).notes
    )
    then, again = decode(encode(study, frame))
    assert report_on(then, again, now=NOW).recipes == report.recipes


def test_a_snapshot_of_before_opens_and_names_no_tuning():
    study = tuned()
    frame = read_frame(study)
    data = json.loads(encode(study, frame))
    del data["tuned"]
    then, again = decode(json.dumps(data).encode())
    report = report_on(then, again, now=NOW)
    assert told(report)["adaptive"]["k"] == "50"
    assert not any("scores of the student" in note for note in section_of(report).notes)


def test_where_nothing_was_tuned_a_snapshot_has_the_bytes_it_always_had():
    study = make_generated()
    assert "tuned" not in json.loads(encode(study, read_frame(study)))


def test_every_file_has_the_table_and_only_the_archive_all_digits(caplog):
    teacher = TEACHER["arm"] | {
        "model": {"path": "owner/base", "revision": COMMIT},
        "negative_prompt": "blurry, 50 % grey",
    }
    adaptive = ADAPTIVE | {"threshold": {"tau": "Infinity"}}
    study = make_generated(
        methods={
            "teacher": ("teacher", {"arm": teacher}),
            "adaptive": ("adaptive-refine", adaptive),
        }
    )
    report = report_of(study)
    assert told(report)["adaptive"]["τ"] == "∞"
    assert COMMIT[:12] in (latex := tex_file(report))
    assert COMMIT not in latex
    assert r"\infty" in latex
    assert pdf_file(report) == pdf_file(report)
    assert "missing the following glyphs" not in caplog.text
    with zipfile.ZipFile(io.BytesIO(tables_zip(report))) as archive:
        models = archive.read("recipes-2.csv").decode()
    assert COMMIT in models
    assert "blurry, 50 % grey" in next(
        row[-1] for row in csv.reader(io.StringIO(models)) if row[2] == "owner/base"
    )
    kept = json.loads(summary_json(report))["recipes"][0]["settings"]
    assert kept["model"]["revision"] == COMMIT
    assert "“How the pictures were made”" in " ".join(lay_out(report).methods)


def test_imported_pictures_say_so_and_what_was_noted_of_them():
    study = make_generated()
    study.spec["methods"].append(
        {"name": "theirs", "settings": {"steps": 25, "weights": "/home/somebody/models/own"}}
    )
    report = report_of(study)
    row = told(report)["theirs"]
    assert row["Sampler"] == "imported; steps: 25; weights: own"
    assert "theirs were made elsewhere and imported" in " ".join(lay_out(report).methods)


@pytest.mark.parametrize("external", [True, False])
def test_nothing_is_said_where_nothing_is_known(external: bool):
    study = Study(spec={"methods": [{"name": "one"}, {"name": "two"}]}, external=external)
    recipes = recipes_of(study, ())
    assert recipe_sections(recipes) == ()
    assert len(recipes) == (0 if external else 2)


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/srv/models/cd", "cd"), ("owner/name", "owner/name"), ("~/cd", "cd"), ("C:\\m\\cd", "cd")],
)
def test_a_folder_of_this_machine_is_named_by_its_last_part(path: str, shown: str):
    arm: dict[str, Any] = STUDENT["arm"] | {"model": {"path": path}}
    study = make_generated(
        methods={"student": ("student", {"arm": arm}), "teacher": ("teacher", TEACHER)},
        contrasts=(("student", "teacher"),),
    )
    assert told(report_of(study), 1)["Student"]["Model"] == shown


def test_a_study_of_diversity_says_it_too():
    methods = {"student": ("student", STUDENT), "teacher": ("teacher", TEACHER)}
    study = make_generated(methods=methods, contrasts=(("student", "teacher"),))
    page = diversity_page(diversity_report_on(study, read_diversity(study)))
    assert "recipes" in [section.name for section in page.sections]
    assert "sampled here" in " ".join(page.sections[-1].paragraphs)
