"""Before a study's planned end no p-value is offered, unless a rule for looking was declared."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from annotate.judging.models import Comparison
from annotate.reports.campaign_page import campaign_table
from annotate.reports.campaigning import campaign_report, make_campaign
from annotate.reports.checklist import answers
from annotate.reports.export import SUMMARY_COLUMNS, report_data, write_csv
from annotate.reports.page import lay_out
from annotate.reports.report import make_report
from annotate.reports.report_files import tex_file
from annotate.reports.rows import summary_rows
from annotate.reports.text import win_rate_table
from annotate.studies.lifecycle import move
from annotate.studies.models import Study
from tests.factories import NOW
from tests.reports.arrange import voted

pytestmark = pytest.mark.whole

OPEN = ["aaa"] * 9 + ["bbb", "ab"]
WHOLE = OPEN[:-1]
# As any of them is written: p = .021, p < .001, a column's title.
TESTED = re.compile(r"\bp\s*[=<]|>p, |>p<|sign test against|is preferred to")


def seen(study: Study) -> str:
    client = Client()
    client.force_login(study.owner, backend="django.contrib.auth.backends.ModelBackend")
    html: str = client.get(reverse("study-report", args=[study.uid])).content.decode()
    return html.replace("\u00a0", " ")


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
