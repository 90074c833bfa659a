"""Early stopping: declared before launch, along the serving order, told in report and dashboard."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pydantic import ValidationError

from annotate.analysis.sequential import Monitoring, monitor
from annotate.judging.models import Comparison, Report
from annotate.judging.reporting import resolve
from annotate.reports.campaigning import campaign_report, make_campaign
from annotate.reports.freeze import frozen_report, thaw
from annotate.reports.models import FrozenReport
from annotate.reports.page import lay_out
from annotate.reports.report import make_report
from annotate.reports.rows import summary_rows
from annotate.reports.serving import ServedRow
from annotate.reports.stopping import monitored
from annotate.studies.lifecycle import move
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol
from annotate.studies.spec import StudySpec
from tests.factories import NOW, make_user
from tests.reports.arrange import cast, decide, launched, voted

DECLARED = {"stopping": "e-process", "stopping_prior": 0.5}


def served(pattern: str, **arrangement: Any) -> Study:
    """A study whose pairs got, in serving order, three votes for a, b or t; dots stay open."""
    study, people = launched(pairs=len(pattern), protocol=DECLARED, **arrangement)
    protocol = study.read_protocol()
    pairs = study.comparisons.filter(kind="live").order_by("order")
    for pair, letter in zip(pairs, pattern, strict=True):
        if letter == ".":
            continue
        first = "a" if pair.items.get().a_is_first else "b"
        choice = "tie" if letter == "t" else "first" if letter == first else "second"
        for person in people:
            cast(pair, person, choice)
        decide(pair, protocol)
    return study


def seen_of(study: Study) -> Monitoring:
    lead = make_report(study, now=NOW).lead
    assert lead is not None
    assert lead.monitoring is not None
    return lead.monitoring


@pytest.mark.django_db
def test_only_what_is_decided_before_the_first_open_pair_counts() -> None:
    seen = seen_of(served("aatba.aaaa"))
    assert (seen.wins, seen.ties, seen.losses, seen.prefix) == (3, 1, 1, 5)
    assert (seen.beyond, seen.planned) == (4, 10)


@pytest.mark.django_db
def test_a_pair_kept_back_for_good_blocks_nothing_but_one_that_waits_for_a_look_does() -> None:
    study = served("aa.aa")
    pair = study.comparisons.order_by("order")[2]
    Report.objects.create(comparison=pair, annotator=make_user(), reason="broken", at=NOW)
    Comparison.objects.filter(pk=pair.pk).update(held=True)
    assert seen_of(study).prefix == 2
    resolve(pair, keep_held=True, actor=study.owner, now=NOW)
    assert (seen_of(study).prefix, seen_of(study).planned) == (4, 4)


def test_a_pair_that_waits_for_its_third_vote_or_its_pictures_is_open() -> None:
    rows = [ServedRow(1, set_aside=False), ServedRow(2, set_aside=False)]
    on_demand = Protocol(overlap_mode="on_demand", stopping="e-process")
    seen = monitored(rows, {1: "a", 2: None}, {1: 2, 2: 2}, protocol=on_demand)
    assert seen is not None
    assert seen.prefix == 1
    rows = [ServedRow(None, set_aside=False), *rows]
    seen = monitored(rows, {1: "a", 2: "b"}, {1: 2, 2: 3}, protocol=on_demand)
    assert seen is not None
    assert (seen.prefix, seen.beyond) == (0, 2)
    dropping = Protocol(split="drop", stopping="e-process")
    seen = monitored(rows[1:], {1: None, 2: "a"}, {1: 3, 2: 3}, protocol=dropping)
    assert seen is not None
    assert (seen.prefix, seen.planned) == (1, 1)


@pytest.mark.django_db
def test_a_study_that_was_stopped_says_by_which_rule_and_gives_the_confidence_sequence() -> None:
    study = served("a" * 12 + "." * 8)
    client = Client()
    client.force_login(study.owner, backend="django.contrib.auth.backends.ModelBackend")
    dashboard = client.get(reverse("study", args=[study.uid])).content.decode()
    # 2^7 B(7.5, .5) / B(.5, .5) = 26.8 after seven wins, 14.4 after six.
    assert "May be stopped: E reached 20 at prompt 7 of 20" in dashboard
    move(study, Study.State.CLOSED, actor=study.owner)
    kept = FrozenReport.objects.get()
    assert len(thaw(kept)[1].served) == 20
    page = lay_out(frozen_report(kept))
    low = 100 * monitor(["win"] * 12, a=0.5).low
    assert f"confidence sequence {low:.1f} to 100.0" in page.headline
    assert "stopped early, after 12 of 20 prompts, by the rule declared" in page.standfirst
    assert any("beta-binomial e-process" in said for said in page.methods)
    assert page.analyses[0].name == "stopping"


@pytest.mark.django_db
def test_without_a_declaration_nothing_is_offered() -> None:
    study, _ = launched(pairs=3)
    report = make_report(study, now=NOW)
    assert report.lead is not None
    assert report.lead.monitoring is None
    assert all(section.name != "stopping" for section in lay_out(report).analyses)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"replicas": 2}, "its unit is the prompt"),
        ({"contrasts": [{"a": "x", "b": "y"}]}, "Mark one contrast as primary"),
        ({"protocol": DECLARED | {"one_per_group": False}}, "are not independent"),
        ({"protocol": DECLARED | {"min_votes": 2}}, "could change after it was counted"),
    ],
)
def test_no_study_declares_it_whose_prompts_are_no_single_units_or_whose_verdicts_may_change(
    given: dict[str, Any], said: str
) -> None:
    methods = [{"name": "x"}, {"name": "y"}]
    with pytest.raises(ValidationError, match=said):
        StudySpec.model_validate({"name": "s", "methods": methods, "protocol": DECLARED} | given)


@pytest.mark.django_db
def test_holm_takes_the_anytime_p_under_early_stopping_in_the_report_as_in_a_campaign() -> None:
    declared, (plain, _) = served("a" * 12 + "." * 8), voted(["aaa"] * 9 + ["bbb"] * 2)
    report = make_report(declared, now=NOW)
    lead = report.lead
    assert lead is not None
    anytime = monitor(["win"] * 12, a=0.5).p_value
    assert lead.p_value == pytest.approx(anytime)
    assert lead.headline.p_value == pytest.approx(2**-11)
    assert report.analyses is not None
    (deep,) = report.analyses.contrasts
    assert (deep.p_value, deep.holm) == (lead.p_value, lead.p_value)
    campaign = make_campaign("c", [declared, plain], created_by=declared.owner, now=NOW)
    rows = {row.report.uid: row for row in campaign_report(campaign, now=NOW).rows}
    assert rows[str(declared.uid)].p_value == deep.p_value
    assert rows[str(declared.uid)].holm == pytest.approx(2 * anytime)
    said = " ".join(lay_out(report).methods)
    assert "The claim rests on the anytime p-value of the primary comparison" in said
    assert "of the primary comparison anytime p-values" in said
    assert "anytime" not in " ".join(lay_out(make_report(plain, now=NOW)).methods)
    assert [row["p_claimed"] for row in summary_rows(report)] == [lead.p_value] * 3
