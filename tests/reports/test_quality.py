"""The quality of annotators, told beside the report and never in it."""

import csv
import io
import json

import pytest
from django.test import Client
from django.urls import reverse

from annotate.judging.models import Assignment, Vote
from annotate.reports.export import summary_json
from annotate.reports.frames import read_frame
from annotate.reports.quality import quality_csv, quality_rows
from annotate.reports.report import report_on
from annotate.reports.report_files import figures_zip, tables_zip, tex_file
from annotate.reports.sentences import quality_note
from annotate.studies.models import Study
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
    }


@pytest.mark.slow
def test_controls_and_repeats_change_no_published_byte_outside_what_is_said_of_annotators():
    study, _ = worked(careless=1, pairs=100, repeat_rate=0.2)
    extras = Vote.objects.filter(study=study).exclude(comparison__kind="live")
    kinds = set(extras.values_list("comparison__kind", flat=True))
    assert kinds == {"control", "repeat"}
    mixed = files(study)
    extras.delete()
    Assignment.objects.filter(study=study, order__lt=0).delete()
    study.comparisons.exclude(mirrors=None).delete()
    study.comparisons.exclude(kind="live").delete()
    bare = files(study)
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
