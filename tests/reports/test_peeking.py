"""Before a study's planned end no p-value is offered, unless a rule for looking was declared."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from annotate.judging.models import Comparison, PlannedItem
from annotate.reports.campaign_page import campaign_section, campaign_table
from annotate.reports.campaigning import campaign_report, make_campaign
from annotate.reports.checklist import answers
from annotate.reports.export import SUMMARY_COLUMNS, report_data, write_csv
from annotate.reports.frames import read_frame
from annotate.reports.freeze import decode, encode
from annotate.reports.page import lay_out
from annotate.reports.report import make_report
from annotate.reports.report_files import tex_file
from annotate.reports.rows import summary_rows
from annotate.reports.text import win_rate_table
from annotate.reports.words import p_equation, p_value
from annotate.studies.lifecycle import move
from annotate.studies.models import Study
from tests.factories import NOW
from tests.reports.arrange import launched, voted
from tests.reports.laboratory_arrange import vote

pytestmark = pytest.mark.whole

OPEN = ["aaa"] * 9 + ["bbb", "ab"]
WHOLE = OPEN[:-1]
METHODS = ("student", "refined", "teacher")
# As any of them is written: p = .021, p < .001, a column's title.
TESTED = re.compile(r"\bp\s*[=<]|>p, |>p<|sign test against|is preferred to")


def seen(study: Study) -> str:
    client = Client()
    client.force_login(study.owner, backend="django.contrib.auth.backends.ModelBackend")
    html: str = client.get(reverse("study-report", args=[study.uid])).content.decode()
    return unescape(html).replace("\u00a0", " ")


@pytest.mark.django_db
def test_a_running_study_without_a_declared_rule_shows_no_p_value_and_says_why() -> None:
    study, _ = voted(OPEN)
    html = seen(study)
    assert not TESTED.search(html)
    assert "So far annotators chose student on 90.0 % of 10 decided prompts, 95 % interval" in html
    assert "No p-values yet: the study is running and declared no early stopping" in html
    assert "10 of 11 pairs are" in html
    assert "of a running study" in html
    report = make_report(study, now=NOW)
    table = win_rate_table(report)
    assert ".021" not in table
    assert "No p-values yet" in table
    assert "\\textbf{p, exact}" not in tex_file(report)
    assert [row["p_value"] for row in summary_rows(report)] == [None] * 3
    out = io.BytesIO()
    write_csv(summary_rows(report), SUMMARY_COLUMNS, out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue().decode())))
    assert {row["p_claimed"] for row in rows} == {""}
    data = report_data(report)
    assert data["analyses"]["contrasts"][0]["adjusted"]["estimate"] is not None
    assert not re.search(r'"(p_value|holm|adjusted_p)": \d', json.dumps(data))


@pytest.mark.django_db
def test_a_study_whose_pairs_all_have_their_votes_shows_its_p_values_before_it_is_closed() -> None:
    study, _ = voted(WHOLE)
    html = seen(study)
    assert "Exact sign test against “no difference”: p = .021" in html
    assert "No p-values yet" not in html
    assert "Annotators preferred student on 90.0 %" in html


@pytest.mark.django_db
def test_a_pair_that_is_held_back_keeps_no_p_value_away() -> None:
    study, _ = voted(OPEN)
    Comparison.objects.filter(study=study, verdict=None).update(held=True)
    assert not make_report(study, now=NOW, deep=False).tests_withheld


@pytest.mark.django_db
def test_a_pair_whose_pictures_are_still_to_be_made_waits_like_any_other() -> None:
    study, _ = voted(WHOLE)
    contrast, set_ = study.contrasts.get(), study.prompt_sets.get()
    prompt = set_.prompts.create(key="late", text="a late prompt", digest="d" * 64, order=99)
    PlannedItem.objects.create(study=study, contrast=contrast, prompt=prompt, order=99, sides=0)
    html = seen(study)
    assert "No p-values yet" in html
    assert "10 of 10 pairs are; 1 pair without pictures yet" in html
    assert not TESTED.search(html)
    frame = read_frame(study)
    assert decode(encode(study, frame))[1] == frame
    move(study, Study.State.CLOSED, actor=study.owner)
    assert not make_report(study, now=NOW, deep=False).tests_withheld


@pytest.mark.django_db
def test_a_dropped_split_is_an_answer_and_an_escalated_one_is_open() -> None:
    dropped, _ = voted([*WHOLE, "abt"], protocol={"split": "drop"})
    escalated, _ = voted([*WHOLE, "abt"], protocol={"split": "escalate", "escalate_to": 4})
    withheld = [make_report(s, now=NOW, deep=False).tests_withheld for s in (dropped, escalated)]
    assert withheld == [False, True]


@pytest.mark.django_db
def test_a_study_closed_before_its_planned_end_says_so_where_its_tests_stand() -> None:
    study, _ = voted(OPEN)
    move(study, Study.State.CLOSED, actor=study.owner)
    report = make_report(study, now=NOW)
    said = (
        "Closed before its planned end: 10 of 11 pairs decided; p-values are not corrected for "
        "that."
    )
    page = lay_out(report)
    assert page.standfirst.startswith(said)
    assert said in page.methods
    assert said in dict(answers(report))["Tests"]
    assert said in win_rate_table(report)
    assert "p = .021" in page.standfirst.replace("\u00a0", " ")


@pytest.mark.django_db
def test_a_campaign_takes_no_p_value_of_a_study_that_runs() -> None:
    (running, _), (whole, _) = voted(OPEN), voted(WHOLE)
    made = make_campaign("Both", [running, whole], created_by=running.owner, now=NOW)
    found = campaign_report(made, now=NOW)
    assert [row.p_value for row in found.rows] == [None, pytest.approx(22 / 1024)]
    # The other one is corrected as if the running study had found nothing.
    assert [row.holm for row in found.rows] == [None, pytest.approx(2 * 22 / 1024)]
    assert [row[-1].text for row in campaign_table(found).rows] == ["n/a", ".043"]


def declared(patterns: list[str], *, methods: tuple[str, ...] = METHODS) -> Study:
    """A study with an e-process for its first contrast; every contrast got the same votes."""
    study, people = launched(
        pairs=len(patterns),
        methods=methods,
        protocol={"stopping": "e-process", "stopping_prior": 0.5},
    )
    for contrast in study.contrasts.all():
        vote(study, contrast.a.name, contrast.b.name, patterns, people)
    return study


@pytest.mark.django_db
def test_under_declared_stopping_no_p_value_but_the_anytime_one_is_shown_before_the_end() -> None:
    study = declared(["WWW"] * 12 + ["LLL", "W"])
    report = make_report(study, now=NOW)
    lead = report.lead
    assert lead is not None
    assert lead.p_value is not None
    claimed = [row["p_claimed"] for row in summary_rows(report)]
    assert claimed == [lead.p_value] * 3 + [None] * 6
    assert [row["p_value"] for row in summary_rows(report)] == [None] * 9
    html = seen(study)
    assert f"anytime {p_equation(lead.p_value)}".replace("\u00a0", " ") in html
    assert not re.search(r">p, |>p<|(?<!anytime )\bp\s*[=<]\s*\.", html)
    assert "No p-value yet but the anytime one of the primary comparison" in html
    assert "confidence sequence" in html.partition("</h1>")[0]
    data = report_data(report)
    (first, *others) = data["contrasts"]
    assert first["monitoring"]["p_value"] == lead.p_value
    first["monitoring"] = None
    assert not re.search(r'"(p_value|holm|adjusted_p|statistic)": \d', json.dumps(data))
    assert len(others) == 2
    lines = win_rate_table(report).splitlines()
    rows = [line for line in lines if " against " in line][-3:]
    assert p_value(lead.p_value) in rows[0]
    assert all("n/a" in row for row in rows[1:])


@pytest.mark.django_db
def test_every_test_is_shown_when_a_study_with_declared_stopping_is_over() -> None:
    study = declared(["WWW"] * 12 + ["LLL", "W"])
    move(study, Study.State.CLOSED, actor=study.owner)
    claimed = {row["p_claimed"] for row in summary_rows(make_report(study, now=NOW))}
    assert len(claimed) == 2
    assert None not in claimed
    assert ">p, anytime or exact<" in seen(study)


@pytest.mark.django_db
def test_a_campaign_takes_the_anytime_p_of_a_running_study() -> None:
    study, (whole, _) = declared(["WWW"] * 12 + ["W"], methods=METHODS[:2]), voted(WHOLE)
    made = make_campaign("Both", [study, whole], created_by=study.owner, now=NOW)
    found = campaign_report(made, now=NOW)
    assert all(row.p_value is not None for row in found.rows)
    assert "without declared early stopping has no p-value here" not in " ".join(
        campaign_section(found).notes
    )
