"""The quality of annotators, told beside the report and never in it."""

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse

from annotate.judging.models import Assignment, Vote
from annotate.reports.diversity_files import (
    diversity_bytes,
    made_of,
    paper_of,
    write_diversity,
)
from annotate.reports.diversity_files import (
    summary_json as diversity_json,
)
from annotate.reports.diversity_frame import read_diversity
from annotate.reports.export import summary_json
from annotate.reports.frames import read_frame
from annotate.reports.quality import quality_csv, quality_rows
from annotate.reports.report import report_on
from annotate.reports.report_files import (
    figures_of,
    figures_zip,
    pdf_file,
    pdf_of,
    tables_of,
    tables_zip,
    tex_file,
    tex_of,
)
from annotate.reports.sentences import quality_note
from annotate.studies.models import Study
from annotate.web.reports import report_context
from tests.factories import NOW
from tests.judging.test_watching import worked
from tests.judging.test_watching_diversity import rated

pytestmark = [pytest.mark.django_db, pytest.mark.whole]


def files(study: Study) -> dict[str, bytes]:
    """Everything published, without what it says of the annotators' quality."""
    report = report_on(study, read_frame(study), now=NOW)
    summary = json.loads(summary_json(report))
    extra = summary.pop("quality")["votes_on_controls_and_repeats"]
    text = tex_file(report)
    if extra:
        note = str(quality_note(report))
        assert text.count(note) == 1
        text = text.replace(f"{note}\n\n", "").replace(f" {note}", "")
    return {
        "summary": json.dumps(summary).encode(),
        "tables": tables_zip(report),
        "figures": figures_zip(report),
        "text": text.encode(),
        **drawn(study),
    }


def drawn(study: Study) -> dict[str, bytes]:
    """The PDF and the page, made without the note that tells of annotators."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("annotate.reports.page.quality_note", lambda _: None)
        patch.setattr("annotate.web.reports.timezone", SimpleNamespace(now=lambda: NOW))
        context = report_context(study, RequestFactory().get("/"), mark="", present=False)
        return {
            "pdf": pdf_file(report_on(study, read_frame(study), now=NOW)),
            "page": render_to_string("reports/_report.html", context).encode(),
        }


def rated_files(study: Study, client: Client, folder: Path) -> dict[str, bytes]:
    """Everything published of a study of diversity, without its section on controls."""
    made = made_of(study, read_diversity(study))
    paper = paper_of(made.report)
    kept = replace(paper, sections=tuple(s for s in paper.sections if s.name != "controls"))
    told = json.loads(diversity_json(made.report))
    del told["anchors"]
    manifest = write_diversity(made, folder)
    del manifest["files"]
    page = client.get(reverse("study-report", args=[study.uid])).content.decode()
    html, found = re.subn(r'<section class="sec" id="controls".*?</section>', "", page, flags=re.S)
    assert found == 1
    answers = diversity_bytes(made, "answers.jsonl", folder).decode().splitlines()
    return {
        "json": json.dumps(told).encode(),
        "manifest": json.dumps(manifest).encode(),
        "answers": "\n".join(a for a in answers if json.loads(a)["kind"] == "live").encode(),
        "scores": diversity_bytes(made, "scores.csv", folder),
        "differences": diversity_bytes(made, "differences.csv", folder),
        "pdf": pdf_of(kept),
        "text": tex_of(kept).encode(),
        "tables": tables_of(kept),
        "figures": figures_of(kept),
        "page": re.sub(r'name="csrf[^>]*>|nonce="[^"]*"', "", html).encode(),
    }


def without_extras(study: Study) -> set[str]:
    """Take controls and repeats out, with their votes; the kinds that were there."""
    extras = Vote.objects.filter(study=study).exclude(comparison__kind="live")
    kinds = set(extras.values_list("comparison__kind", flat=True))
    extras.delete()
    Assignment.objects.filter(study=study).exclude(comparison__kind="live").delete()
    study.comparisons.exclude(mirrors=None).delete()
    study.comparisons.exclude(kind="live").delete()
    return kinds


def judge_extras_last(study: Study) -> None:
    """Give those votes a year of their own: a report's date must not come from them."""
    late = NOW + timedelta(days=800)
    Vote.objects.filter(study=study).exclude(comparison__kind="live").update(created_at=late)


@pytest.mark.slow
def test_controls_and_repeats_change_no_published_byte_outside_what_is_said_of_annotators():
    study, _ = worked(careless=1, pairs=100, repeat_rate=0.2)
    judge_extras_last(study)
    mixed = files(study)
    assert without_extras(study) == {"control", "repeat"}
    bare = files(study)
    assert mixed.keys() == bare.keys()
    assert [name for name, data in mixed.items() if data != bare[name]] == []


def test_nor_do_they_in_a_study_of_diversity(client: Client, tmp_path: Path):
    study, _ = rated(prompts=30, repeat_rate=0.1, overlap=5)
    judge_extras_last(study)
    client.force_login(study.owner)
    mixed = rated_files(study, client, tmp_path / "mixed")
    assert without_extras(study) == {"control", "repeat"}
    bare = rated_files(study, client, tmp_path / "bare")
    assert mixed.keys() == bare.keys()
    assert [name for name, data in mixed.items() if data != bare[name]] == []


def test_the_page_tells_how_each_one_works_by_pseudonym_and_voids_on_request(client: Client):
    study, people = worked(careless=1, pairs=50)
    rows = {row.pseudonym: row for row in quality_rows(study)}
    careless, honest = rows["A-01"], rows["A-02"]
    assert (careless.left.estimate, careless.outliers) == (1.0, careless.votes)
    assert honest.others.estimate > careless.others.estimate
    assert 0 < honest.one_coin <= 1
    assert 0 < honest.dawid_skene <= 1
    assert honest.controls.n == honest.votes - honest.live  # no repeats here
    table = list(csv.DictReader(io.StringIO(quality_csv(rows.values()))))
    assert [row["annotator"] for row in table] == [f"A-0{n}" for n in range(1, 7)]
    assert people[0].user.username not in quality_csv(rows.values())

    client.force_login(study.owner)
    html = client.get(reverse("study-quality", args=[study.uid])).content.decode()
    assert "equal answers in a row; the limit is 15" in html
    decide = reverse("study-quality-decide", args=[study.uid, people[0].pk])
    client.post(decide, {"do": "keep"})
    assert {row.pseudonym for row in quality_rows(study) if row.kept} == {"A-01"}
    client.post(decide, {"do": "repair"})
    assert [row.pseudonym for row in quality_rows(study)] == [f"A-0{n}" for n in range(2, 7)]
    assert study.assignments.filter(state="free").exists()
    client.post(decide, {"do": "resume"})
    people[0].refresh_from_db()
    assert people[0].active


def test_a_study_of_diversity_tells_of_attributes_and_levels_instead_of_sides(client: Client):
    study, people = rated(prompts=15, repeat_rate=0.03)
    people[0].user.__class__.objects.filter(pk=people[0].user_id).update(simulated=True)
    rows = {row.pseudonym: row for row in quality_rows(study)}
    careless, honest = rows["A-01"], rows["A-02"]
    assert careless.controls.estimate < honest.controls.estimate
    assert careless.rated.straight.estimate == 1
    assert honest.rated.straight.estimate < 0.5
    assert careless.rated.run == careless.votes
    assert all(a.n and 0 <= a.low <= a.high <= 1 for a in honest.rated.agreed)
    assert abs(honest.rated.lean) < 0.3
    assert (honest.left.n, honest.one_coin, honest.rated.cannot.wins) == (0, None, 0)
    table = list(csv.DictReader(io.StringIO(quality_csv(rows.values()))))
    assert [(row["annotator"], row["simulated"]) for row in table][:2] == [
        *(("A-01", "True"), ("A-02", "False")),
    ]
    assert {"style_agrees", "one_level", "minus_others"} < set(table[0])
    assert "left" not in table[0]
    assert float(table[0]["longest_run"]) == careless.votes

    client.force_login(study.owner)
    html = client.get(reverse("study-quality", args=[study.uid])).content.decode()
    assert "on pairs that others or the known answer judge otherwise" in html
    assert "Main object" in html
    assert "Left chosen" not in html
    assert "Without repeats" not in html
