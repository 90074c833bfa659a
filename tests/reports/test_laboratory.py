"""The oracle laboratory: known answers through its CSV, studies of both kinds, estimators."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.analysis.oracle import Cost
from annotate.analysis.oracle_table import Rule
from annotate.judging.launch import launch
from annotate.reports.branch_rows import branch_pairs, has_laboratory
from annotate.reports.branches import MODELS, Settings
from annotate.reports.estimator_names import NAMES
from annotate.reports.laboratory import investigate
from annotate.reports.laboratory_csv import OutcomesError
from annotate.reports.laboratory_files import lab_data, lab_text, write_laboratory
from annotate.reports.laboratory_page import lay_out_laboratory
from annotate.reports.laboratory_study import read_branches
from annotate.sampling.models import Calibration
from generation.spec import Adaptive
from tests.factories import make_study
from tests.reports.laboratory_arrange import (
    GOOD,
    QUICK,
    REFINED_VOTES,
    STUDENT_VOTES,
    WORKED,
    at,
    generated_branches,
    imported_branches,
    of,
    score,
    scored_csv,
)

COST = Cost(student_steps=5, refine_steps=10)


def test_the_worked_example_comes_out_of_its_csv():
    lab = investigate(of(WORKED, cost=COST), Settings(**QUICK))
    assert at(lab, 0.5) == pytest.approx([0.5, 0.15, 0.35, 0.5, 10])
    assert at(lab, 0.65) == pytest.approx([0.56, 0.165, 0.275, 0.5, 10])
    assert at(lab, 0.75) == pytest.approx([0.6, 0.175, 0.225, 0.5, 10])
    assert at(lab, 1.0) == pytest.approx([0.7, 0.2, 0.1, 0.5, 10])
    win_only = investigate(of(WORKED, cost=COST), Settings(rule=Rule.WIN_ONLY, **QUICK))
    assert [at(win_only, p)[4] for p in (0.5, 0.75, 1.0)] == pytest.approx([10, 10.5, 11])


def test_at_a_fixed_budget_only_what_it_allows_has_numbers():
    asked = Settings(model="M3", rule=Rule.WIN_ONLY, percentile=50, **QUICK)
    lab = investigate(of(WORKED, cost=COST), asked)
    assert at(lab, 0.7)[0] == pytest.approx(0.61666667)
    assert at(lab, 0.9)[0] == pytest.approx(0.73333333)
    assert math.isnan(at(lab, 0.95)[0])
    assert [ok for x, ok in zip(lab.x, lab.curve.feasible, strict=True) if x > 0.905] == [
        False
    ] * 10
    shown = lay_out_laboratory(lab)
    assert "f-shade" in shown.curve.figure.wide
    assert "not possible" in lab_text(lab)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_ends_at_what_its_best_oracle_gives(model):
    lab = investigate(of(WORKED, cost=COST), Settings(model=model, **QUICK))
    ends = [v[-1] for v in (lab.curve.rates.win, lab.curve.rates.lose)]
    # not_worse keeps half of the prompts, which is the budget of k = 50: all end at the same point.
    assert ends == pytest.approx([0.7, 0.1], abs=1e-6)
    page = lay_out_laboratory(lab)
    assert page.curve.figure.wide != page.curve.figure.narrow


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("WTL"), st.sampled_from("WTL")), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_rows_changes_nothing(rows, random):
    lines = [f"p{i},{s},{r}" for i, (s, r) in enumerate(rows)]
    shuffled = lines[:]
    random.shuffle(shuffled)
    first, second = (
        investigate(of("prompt,student,refined\n" + "\n".join(order)), Settings(**QUICK))
        for order in (lines, shuffled)
    )
    assert first.curve.rates.win == pytest.approx(second.curve.rates.win)
    assert first.curve.band.low.win == pytest.approx(second.curve.band.low.win)


def test_every_mistake_of_a_file_is_told_with_its_line():
    text = "prompt,student,refined,clip\np1,W,X,0.3\np1,W,L,nan\n,W,T,0.1\np4,W\np5,maybe,L,many\n"
    with pytest.raises(OutcomesError) as caught:
        of(text)
    told = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in told] == [f"line {n}" for n in (2, 3, 3, 4, 5, 6, 6)]
    assert "write W, T or L" in told[0]
    assert "stands in line 2 already" in told[1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the columns are none"),
        ("prompt,student\np1,W\n", "needed are prompt, student and refined"),
        ("prompt,student,refined,clip,clip\n", "each once"),
        ("prompt,student,refined\n", "the file has no rows"),
        ("prompt,student,refined,clip@teacher\np,W,W,1\n", "has no column 'clip'"),
    ],
)
def test_a_file_without_the_columns_is_refused(text, told):
    with pytest.raises(OutcomesError, match=told):
        of(text)


def test_undecided_prompts_are_counted_and_not_used():
    lab = investigate(of(WORKED + "p11,,W\np12,L,\n"), Settings(**QUICK))
    assert (lab.curve.n, lab.curve.excluded) == (10, 2)
    assert not lab.cost_known
    assert at(lab, 1.0)[4] == pytest.approx(0.5)


def test_without_any_verdict_on_both_branches_there_is_no_curve():
    with pytest.raises(ValueError, match="no prompt has a verdict on both branches"):
        investigate(of("prompt,student,refined\np1,W,\n"), Settings())


def test_cross_fitting_lowers_the_right_end_and_is_shown_beside_it():
    lab = investigate(of(scored_csv(200)), Settings(**QUICK))
    assert lab.fair is not None
    assert lab.fair.cross_fitted
    assert lab.fair.rates.score[-1] < lab.curve.rates.score[-1]
    assert "Cross-fitted" in lay_out_laboratory(lab).score.figure.wide
    assert investigate(of(WORKED), Settings(**QUICK)).fair is None


def test_an_estimator_is_reported_without_reference_and_with():
    lab = investigate(of(scored_csv(200), cost=COST), Settings(**QUICK))
    good, noise = lab.estimators
    assert [good.name, noise.name] == ["good", "noise"]
    assert good.ranking.auc > 0.6 > abs(noise.ranking.auc - 0.5) + 0.5
    assert good.agreement is not None
    assert noise.agreement is None
    assert not good.tuned_elsewhere
    assert good.state.kept.value == pytest.approx(0.5, abs=0.01)
    (pair,) = lab.comparisons
    assert (pair.first, pair.second, pair.n) == ("good", "noise", 200)
    assert pair.p_value == pair.adjusted
    # McNemar's cells are the difference of both accuracies.
    gap = good.state.accuracy.value - noise.state.accuracy.value
    assert (pair.only_first - pair.only_second) / 200 == pytest.approx(gap)
    assert pair.auc[0] == pytest.approx(good.ranking.auc - noise.ranking.auc)
    assert lab.ceiling is not None


def test_another_estimator_changes_no_number_of_the_first():
    text = scored_csv(80)
    both = investigate(of(text), Settings(**QUICK)).estimators[0]
    rows = list(csv.DictReader(io.StringIO(text)))
    out = io.StringIO()
    writer = csv.DictWriter(out, [n for n in rows[0] if n != "noise"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    alone = investigate(of(out.getvalue()), Settings(**QUICK)).estimators[0]
    assert alone.state == both.state
    assert alone.chosen == both.chosen
    assert alone.ranking == both.ranking


def test_prompts_without_a_score_are_left_out_of_that_estimator_alone():
    text = "prompt,student,refined,clip\np1,W,L,0.4\np2,L,W,\np3,L,W,0.1\n"
    lab = investigate(of(text), Settings(**QUICK))
    assert (lab.curve.n, lab.estimators[0].n, lab.estimators[0].unscored) == (3, 2, 1)
    assert lab.estimators[0].state.win.value == 1.0
    assert "clip 1" in " ".join(lay_out_laboratory(lab).estimator_notes)


def test_an_estimator_without_any_usable_score_is_left_out():
    text = "prompt,student,refined,clip\np1,W,L,\np2,L,W,\n"
    assert investigate(of(text), Settings(**QUICK)).estimators == ()


@pytest.mark.django_db
def test_branches_of_a_generated_study_are_known_by_their_recipes():
    study = generated_branches(STUDENT_VOTES, REFINED_VOTES)
    (pair,) = branch_pairs(study)
    assert pair.certain
    assert has_laboratory(study)
    names = (pair.student.name, pair.refined.name, pair.teacher.name)
    assert names == ("student", "refined", "teacher")
    branches = read_branches(study, pair)
    assert [str(r) for r in branches.student] == ["win", "win", "tie", "loss", "loss", "loss"]
    assert [str(r) for r in branches.refined] == ["win", "loss", "win", "tie", "win", "tie"]
    assert branches.cost == Cost(student_steps=5, refine_steps=20)
    assert (branches.votes, branches.simulated) == (36, 0)
    assert [len(votes) for votes in branches.student_votes] == [3] * 6


@pytest.mark.django_db
def test_a_contrast_written_the_other_way_round_gives_the_same_branches():
    study = imported_branches(STUDENT_VOTES, REFINED_VOTES)
    contrast = study.contrasts.get(a__name="refined")
    wanted = read_branches(study, branch_pairs(study)[0])
    contrast.a, contrast.b = contrast.b, contrast.a
    contrast.save()
    for item in contrast.items.all():
        item.a_is_first = not item.a_is_first
        item.save()
    (pair,) = [
        p for p in branch_pairs(study) if (p.student.name, p.teacher.name) == ("student", "teacher")
    ]
    assert read_branches(study, pair) == wanted


@pytest.mark.django_db
def test_imported_pictures_need_a_person_to_name_the_branches():
    study = imported_branches(STUDENT_VOTES, REFINED_VOTES)
    pairs = branch_pairs(study)
    assert {(p.student.name, p.refined.name) for p in pairs} == {
        ("student", "refined"),
        ("refined", "student"),
    }
    assert not any(p.certain for p in pairs)
    assert not has_laboratory(study)
    assert not branch_pairs(make_study(pairs=1))


@pytest.mark.django_db
def test_a_real_arm_at_its_tau_gives_what_the_branches_say_and_says_where_not():
    # tau = .5 keeps the first three prompts; its pictures got the same votes but for the last.
    adaptive = [*STUDENT_VOTES[:3], *REFINED_VOTES[3:5], "WWW"]
    study = generated_branches(STUDENT_VOTES, REFINED_VOTES, adaptive=adaptive, tau=0.5)
    arm = study.methods.get(name="adaptive")
    estimator = Adaptive.model_validate(arm.settings["arm"]).estimator
    score(study, "student", estimator.digest(), GOOD)
    (scores,) = read_branches(study, branch_pairs(study)[0]).scores
    assert scores.name == NAMES[estimator.name]
    lab = investigate(read_branches(study, branch_pairs(study)[0]), Settings(**QUICK))
    (made,) = lab.estimators[0].made
    assert made.judged == (4, 2, 0)
    assert made.differ == 1
    assert made.state.win.value == pytest.approx(3 / 6)
    assert made.state.kept.value == pytest.approx(0.5)


@pytest.mark.django_db
def test_thresholds_come_from_the_calibration_where_there_is_one():
    study = generated_branches(STUDENT_VOTES, REFINED_VOTES)
    student = study.methods.get(name="student")
    score(study, "student", "e" * 64, GOOD)
    Calibration.objects.create(
        student_digest=student.digest,
        estimator_digest="e" * 64,
        prompts_digest="p",
        scores=[0.0, 0.15],
        scores_digest="s",
        provenance={"estimator": {"name": "clip"}},
    )
    lab = investigate(read_branches(study, branch_pairs(study)[0]), Settings(**QUICK))
    (report,) = lab.estimators
    assert (report.name, report.tuned_elsewhere) == ("CLIP score", True)
    assert report.state.threshold == pytest.approx(0.075)
    assert report.state.kept.value == 1.0


@pytest.mark.django_db
def test_identical_pictures_tie_as_if_everybody_had_said_so():
    study = make_study(pairs=2, methods=("student", "refined", "teacher"), same=frozenset({0}))
    launch(study, actor=study.owner)
    pair = branch_pairs(study)[0]
    branches = read_branches(study, pair)
    assert [str(r) for r in branches.student] == ["tie", "None"]
    assert [len(v) for v in branches.student_votes] == [3, 0]
    assert branches.votes == 0


@pytest.mark.django_db
def test_simulated_votes_are_marked_wherever_the_laboratory_speaks(tmp_path):
    study = generated_branches(STUDENT_VOTES, REFINED_VOTES, simulated=True)
    lab = investigate(read_branches(study, branch_pairs(study)[0]), Settings(**QUICK))
    page = lay_out_laboratory(lab)
    assert "36 of 36 votes were cast by programs" in page.simulated
    assert page.curve.subtitle.endswith("Simulated votes")
    assert lab_text(lab).startswith("SIMULATED: 36 of 36 votes")
    assert lab_data(lab)["simulated_votes"] == 36
    write_laboratory(lab, page, tmp_path)
    assert "Simulated votes" in (tmp_path / "figure-16.svg").read_text()


def test_prompts_of_one_group_are_drawn_together_for_decisions_and_the_page_names_how() -> None:
    alone = of(scored_csv(), cost=COST)
    shared = replace(alone, groups=tuple(f"photo {i // 4}" for i in range(60)))
    plain, grouped = (investigate(branches, Settings(**QUICK)) for branches in (alone, shared))
    for lab, method, words in (
        (plain, "wilson", "95 % Wilson"),
        (grouped, "bootstrap over groups of prompts", "95 % bootstrap over groups of prompts"),
    ):
        decided = lab.estimators[0].accuracies[50]
        assert decided.method == method
        assert [row["method"] for row in lab_data(lab)["estimators"][0]["decisions"]][50] == method
        page = lay_out_laboratory(lab)
        assert page.accuracy is not None
        assert page.reliability is not None
        assert words in page.accuracy.note
        assert words in page.reliability.note
    assert grouped.estimators[0].accuracies[50].units == 15
