"""The planner: known sizes, votes and hours, and the published 600 prompts."""

import io

import pytest
from django.core.management import CommandError, call_command

from annotate.analysis.crowd import crowd_for, expected_votes
from annotate.analysis.power import majority_of_three
from annotate.reports.planner import (
    Question,
    plan_sentences,
    plan_study,
    plan_table,
    votes_per_pair,
)
from annotate.reports.planner_rehearsal import (
    Setting,
    overlaps_table,
    rehearsal_sentences,
    rehearsal_table,
    rehearse_plan,
)

FEW = Setting(studies=40)
PLAIN = {"tie_rate": 0.0, "win_rate": 0.55}


def said_of(sentences) -> str:
    return " ".join(sentences).replace("\u00a0", " ")


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


def test_votes_that_reuse_and_the_third_on_demand_spare_are_told_as_a_difference():
    both = plan_study(Question(contrasts=3, shared=1 / 3, on_demand=True))
    assert (both.bill.full, both.bill.reused) == (600 * 3 * 3, 600 * 3)
    assert both.bill.votes + both.bill.reused + both.bill.on_demand == both.bill.full
    assert both.bill.on_demand == 3600 - round(1200 * both.votes_per_pair)
    told = said_of(plan_sentences(both))
    assert f"at most {both.bill.votes:,} votes instead of 5,400 (1,800 saved by reuse, " in told
    assert f"at least {both.bill.on_demand} by asking a third on demand)" in told
    demand = plan_study(Question(on_demand=True))
    assert f"(at least {demand.bill.on_demand} saved by asking" in said_of(plan_sentences(demand))
    reuse = said_of(plan_sentences(plan_study(Question(shared=0.5))))
    assert "take 900 votes instead of 1,800 (900 saved by reuse)" in reuse
    plain = plan_study(Question())
    assert (plain.bill.saved, plain.bill.full) == (0, plain.bill.votes)
    assert "instead of" not in said_of(plan_sentences(plain))
    assert ["Saved" in [c.title for c in plan_table(p).columns] for p in (both, plain)] == [1, 0]


@pytest.mark.parametrize("win_rate", [0.51, 0.65, 0.9])
@pytest.mark.parametrize("tie_rate", [0.0, 0.16, 0.5])
def test_the_bill_on_demand_is_an_upper_bound_whatever_prompts_and_annotators(win_rate, tie_rate):
    most = votes_per_pair(Question(win_rate=win_rate, tie_rate=tie_rate, on_demand=True))
    for sd in (0.0, 0.5, 2.0):
        crowd = crowd_for(
            win_rate, tie_rate=tie_rate, prompt_sd=sd, annotator_sd=sd / 2, annotators=9
        )
        assert expected_votes(crowd, on_demand=True) <= most + 1e-6


def test_groups_are_tested_and_planned_as_groups():
    grouped = plan_study(Question(group_size=5, icc=0.2))
    assert grouped.reach.method == "score test over groups"
    assert grouped.chance < plan_study(Question()).chance - 0.2


def test_the_simulation_says_its_number_its_error_and_how_far_the_formula_is():
    made = rehearse_plan(plan_study(Question(prompts=200)), FEW)
    told = said_of(rehearsal_sentences(made))
    assert told.startswith(
        "Drawn vote by vote, seed 0: 40 studies of 200 prompts, 3 votes a pair; 12 "
    )
    assert f"with a Monte Carlo error of {100 * made.found.error:.1f} points" in told
    assert f"says {100 * made.found.expected.power:.1f} %" in told
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in rehearsal_table(made).rows}
    gap = 100 * (made.found.power - made.found.expected.power)
    shown = rows["Difference of the two, points"][0].replace("−", "-")
    assert float(shown.split(" ± ")[0]) == pytest.approx(gap, abs=0.051)
    assert rows["Formula, annotators all alike"][0] == f"{100 * made.plan.chance:.1f} %"


def test_the_simulation_asks_as_the_plan_does():
    on_demand = rehearse_plan(plan_study(Question(on_demand=True)), FEW)
    assert on_demand.found.votes == pytest.approx(
        expected_votes(on_demand.found.crowd, on_demand=True), abs=0.02
    )
    told = said_of(rehearsal_sentences(on_demand))
    votes = round(600 * on_demand.found.votes)
    assert f"take {votes:,} votes instead of 1,800: {1800 - votes} saved." in told
    grouped = rehearse_plan(plan_study(Question(overlap=5, group_size=4, icc=0.1)), FEW)
    assert (grouped.found.crowd.overlap, grouped.found.votes) == (5, 5)
    assert grouped.found.group_size == 4
    assert grouped.found.crowd.photo > 0
    assert "4 prompts of one photo, correlated by 0.1" in said_of(rehearsal_sentences(grouped))


def test_other_overlaps_trade_votes_for_labels():
    made = rehearse_plan(plan_study(Question()), FEW)
    plain = {other.overlap: other for other in made.others if not other.on_demand}
    (demand,) = [other for other in made.others if other.on_demand]
    assert plain[3].win_rate == pytest.approx(0.56, abs=1e-6)
    assert plain[1].win_rate < plain[3].win_rate < plain[5].win_rate < plain[7].win_rate
    assert plain[1].needed > plain[3].needed > plain[5].needed
    assert (demand.needed, demand.win_rate) == (plain[3].needed, plain[3].win_rate)
    assert demand.votes < 3
    strong = [row[0].text for row in overlaps_table(made).rows if row[1].strong]
    assert strong == ["3"]


def test_a_page_draws_no_more_votes_than_it_may_and_says_so():
    made = rehearse_plan(plan_study(Question(prompts=500)), FEW, most_votes=15_000)
    assert made.found.studies == made.null.studies == 10
    assert "10 studies (of 40 asked for: as many" in said_of(rehearsal_sentences(made))


def test_the_same_plan_and_seed_draw_the_same_votes():
    plan = plan_study(Question(prompts=100))
    assert rehearse_plan(plan, FEW) == rehearse_plan(plan, FEW)
    assert rehearse_plan(plan, FEW).found != rehearse_plan(plan, Setting(studies=40, seed=1)).found


def test_false_alarms_of_few_annotators_are_warned_of_and_none_where_they_are_alike():
    plan = plan_study(Question())
    few = rehearse_plan(plan, Setting(studies=100, annotators=6, annotator_sd=0.5))
    alike = rehearse_plan(plan, Setting(studies=100, annotators=6, annotator_sd=0))
    assert "more annotators lower it" in said_of(rehearsal_sentences(few))
    assert "more annotators lower it" not in said_of(rehearsal_sentences(alike))


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
    assert (
        "Drawn vote by vote, seed 0: 20 studies of 600 prompts, 3 votes a pair; 12 annotators"
        in told
    )
    assert "Difference of the two, points" in told
    assert "3, the third on demand" in told
    with pytest.raises(CommandError, match="infinitely many"):
        printed("--win-rate", ".5")


def test_the_command_refuses_a_simulation_that_no_votes_can_give():
    with pytest.raises(CommandError, match="an odd overlap"):
        printed("--overlap", "2", "--rehearse", "10")
    with pytest.raises(CommandError, match="a larger deviation of prompts"):
        printed("--group-size", "5", "--icc", ".7", "--rehearse", "10")
