"""The planner: known sizes, votes and hours, and the published 600 prompts."""

import io

import pytest
from django.core.management import CommandError, call_command

from annotate.analysis.power import majority_of_three
from annotate.reports.planner import (
    Question,
    plan_sentences,
    plan_study,
    plan_table,
    votes_per_pair,
)

PLAIN = {"tie_rate": 0.0, "win_rate": 0.55}


def printed(*args: str) -> str:
    out = io.StringIO()
    call_command("plan_study", *args, stdout=out)
    return out.getvalue()


def test_the_known_sizes_of_a_study_without_ties():
    plan = plan_study(Question(**PLAIN))
    assert plan.needed.prompts == 783
    assert plan.chance == pytest.approx(0.6745, abs=5e-5)
    assert plan.published.win_rate == pytest.approx(0.558, abs=5e-4)
    assert (plan.bill.votes, plan.bill.hours) == (1800, 7.5)


def test_ties_groups_and_contrasts_ask_for_more_prompts():
    least = plan_study(Question(**PLAIN)).needed.prompts
    for more in (
        {"tie_rate": 0.16},
        {"group_size": 5, "icc": 0.2},
        {"contrasts": 3},
    ):
        assert plan_study(Question(**PLAIN | more)).needed.prompts > least


def test_hours_and_pay_follow_from_votes():
    asked = Question(**PLAIN, contrasts=3, shared=1 / 3, overlap=5, seconds=20, hourly=18)
    bill = plan_study(asked).bill
    assert bill.votes == 600 * 2 * 5
    assert bill.hours == pytest.approx(bill.votes * 20 / 3600)
    assert bill.cost == pytest.approx(bill.hours * 18)
    assert "in pay" in plan_sentences(plan_study(asked))[0]


def test_votes_on_demand_are_two_and_the_chance_that_they_differ():
    # Single votes .5 / .2 / .3: verdicts by the majority, and 3 - (w^2 + t^2 + l^2) votes.
    win, tie, loss = majority_of_three(0.5, 0.2, 0.3)
    asked = Question(win_rate=win / (win + loss), tie_rate=tie, on_demand=True)
    assert votes_per_pair(asked) == pytest.approx(3 - (0.25 + 0.04 + 0.09))
    assert plan_study(asked).bill.votes < plan_study(Question(tie_rate=tie)).bill.votes


def test_a_few_prompts_find_nothing_and_say_so():
    said = " ".join(plan_sentences(plan_study(Question(prompts=5))))
    assert "they cannot find any difference that surely" in said
    assert "The paper's 600 prompts" in said.replace("\u00a0", " ")


def test_the_table_holds_the_asked_and_the_needed_size():
    plan = plan_study(Question(**PLAIN, prompts=450))
    sizes = {row[0].text for row in plan_table(plan).rows}
    assert {"450", "783", "600"} <= sizes


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"contrasts": 0}, "at least one of each"),
        ({"shared": 1.0}, "below 1"),
        ({"seconds": 0.0}, "takes time"),
        ({"on_demand": True, "overlap": 5}, "overlap of 3"),
        ({"prompts": 0}, "from 1 to"),
        ({"win_rate": 0.5}, "infinitely many"),
    ],
)
def test_a_question_without_an_answer_is_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        plan_study(Question(**wrong))


def test_the_command_prints_and_rehearses():
    told = printed("--win-rate", ".55", "--tie-rate", "0", "--rehearse", "20").replace(
        "\u00a0", " "
    )
    assert "takes 783 prompts" in told
    assert "Rehearsed 20 times with 12 annotators" in told
    with pytest.raises(CommandError, match="infinitely many"):
        printed("--win-rate", ".5")
