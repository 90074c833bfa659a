"""The report's analyses and what they say; what moves and mirrors them is in `test_mirrors`."""

from __future__ import annotations

import random
import re
from dataclasses import asdict, astuple, replace
from functools import cache
from pathlib import Path

import pytest

from annotate.analysis.significance import benjamini_hochberg
from annotate.reports.analyses import VERSION, Analyses
from annotate.reports.analyses_page import analysis_sections
from annotate.reports.checklist import answers
from annotate.reports.frame_rows import PromptRow, ScoreRow
from annotate.reports.frames import ContrastRow, ItemRow, SetAside, StudyFrame, VoteRow
from annotate.reports.latex import escape, latex_document
from annotate.reports.method_words import analysis_methods
from annotate.reports.page import lay_out
from annotate.reports.plates import Section
from annotate.reports.report import Report, report_on
from annotate.reports.report_files import table_csv, tex_file
from annotate.reports.tables import Cell, make_table
from annotate.reports.withheld import blanked
from annotate.sampling.progress import ArmProgress
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol
from tests.factories import NOW

pytestmark = pytest.mark.whole

ROOT = Path(__file__).resolve().parents[2]
ARMS = ("ten", "fifteen", "base")
MIRROR = {"a": "b", "b": "a", "tie": "tie", None: None}


@cache
def frame(prompts: int = 60, people: int = 14) -> StudyFrame:
    """Two arms against one baseline; the first wins more often, the left side helps a little."""
    rng = random.Random(3)
    contrasts = (
        ContrastRow(1, "ten", "base", "Ten", "Base", True),
        ContrastRow(2, "fifteen", "base", "Fifteen", "Base", False),
    )
    items, votes, scores = [], [], []
    for prompt in range(prompts):
        for contrast in contrasts:
            place = 2 * prompt + contrast.pk
            a_is_first = rng.random() < 0.5
            said = []
            for person in rng.sample(range(people), 3):
                left = rng.random() < 0.5
                lean = rng.gauss(0.5 if contrast.pk == 1 else 0.0, 1) + (0.2 if left else -0.2)
                side = "a" if lean > 0.3 else "b" if lean < -0.3 else "tie"
                said.append(side)
                choice = {"a": "first", "b": "second", "tie": "tie"}[
                    side if a_is_first else MIRROR[side] or "tie"
                ]
                shown = "" if side == "tie" else "left" if (side == "a") == left else "right"
                vote = VoteRow(
                    place, f"A-{person:02d}", choice, "", False, shown, False, False, False, 4000
                )
                votes.append(vote)
            most = max(("a", "b", "tie"), key=said.count)
            outcome = most if said.count(most) > 1 else "tie"
            items.append(
                ItemRow(contrast.pk, place, prompt, "", a_is_first, outcome, "majority", "")  # type: ignore[arg-type]
            )
        scores += [ScoreRow("CLIP score", name, prompt, 0, rng.gauss(0, 1)) for name in ARMS]
    arms = tuple(
        ArmProgress(n, n, "teacher", prompts, prompts, 0, s, s, 2 * s, 2 * s, False)
        for n, s in (("ten", 10.0), ("fifteen", 15.0), ("base", 50.0))
    )
    rows = {
        p: PromptRow(f"p{p}", "one" if p % 2 else "two", 3 + p % 9, {"kind": "k"})
        for p in range(prompts)
    }
    nothing = SetAside(0, 0, 0, 0, 0, 0, 0, 0)
    return StudyFrame(
        contrasts, tuple(items), tuple(votes), nothing, (), NOW, NOW, arms, rows, tuple(scores)
    )


def made(of: StudyFrame, *, external: bool = False) -> Report:
    spec = {"protocol": Protocol().model_dump(mode="json")}
    study = Study(name="A & B", spec=spec, external=external)
    return report_on(study, of, now=NOW)


def found(of: StudyFrame) -> Analyses:
    analyses = made(of).analyses
    assert analyses is not None
    return analyses


@cache
def plain() -> Analyses:
    return found(frame())


def test_arms_with_a_common_opponent_are_compared_on_the_same_prompts() -> None:
    (family,) = plain().paired
    (pair,) = family.pairs
    assert (family.opponent, pair.first, pair.second) == ("base", "ten", "fifteen")
    won = {
        pk: {i.prompt for i in frame().items if i.contrast == pk and i.outcome == "a"}
        for pk in (1, 2)
    }
    assert pair.wins.only_first == len(won[1] - won[2])
    assert pair.wins.only_second == len(won[2] - won[1])
    assert pair.shares.table[0][0] == len(won[1] & won[2])


def test_cost_is_what_was_executed_and_a_dominated_arm_is_off_the_line() -> None:
    points = {p.method: p for p in plain().compute}
    assert points["base"].score == 0.5
    assert points["ten"].pareto_steps
    assert not points["base"].pareto_steps
    assert points["fifteen"].forwards == 30.0


def test_methods_that_no_comparison_joins_are_not_ranked_but_named() -> None:
    base = frame()
    contrasts = (*base.contrasts[:1], base.contrasts[1]._replace(a="x", b="y"))
    analyses = found(replace(base, contrasts=contrasts))
    assert not analyses.rankings.found
    assert "no comparison joins" in analyses.rankings.warning


def test_every_section_has_something_to_say_and_its_tables_are_whole() -> None:
    report = made(frame())
    names = [section.name for section in analysis_sections(report)]
    assert names == [
        "intervals",
        "paired",
        "ranking",
        "compute",
        "slices",
        "robustness",
        "side-bias",
        "time",
        "estimators",
    ]
    for section in analysis_sections(report):
        for table in section.tables:
            assert table.rows
            assert {len(row) for row in table.rows} == {len(table.columns)}
    told = " ".join(lay_out(report).methods)
    for word in ("Holm", "Stuart", "Newman", f"Triptych {VERSION}", "seeded by the protocol"):
        assert word in told
    assert dict(answers(report))["Where they came from, what they were paid"] == "not recorded here"


def test_without_a_decided_pair_there_is_nothing_to_analyse() -> None:
    base = frame()
    empty = replace(base, items=tuple(i._replace(outcome=None) for i in base.items))
    assert analysis_sections(made(empty)) == ()


def test_a_paper_s_words_cannot_break_the_table_they_stand_in() -> None:
    nasty = r"\input{x} & 50 % #1 $a_b$ ^~ {α} −3 [2] 中"
    assert escape(nasty) == (
        r"\textbackslash{}input\{x\} \& 50 \% \#1 \$a\_b\$ \textasciicircum{}\textasciitilde{} "
        r"\{\ensuremath{\alpha}\} \ensuremath{-}3 {[}2{]} {[}U+4E2D{]}"
    )
    tex = tex_file(made(frame()))
    assert tex.count(r"\toprule") == tex.count(r"\bottomrule") > 10
    assert r"\section*{A \& B}" in tex
    assert latex_document("x", [], [], "@misc{x}").endswith("\\end{document}\n")


def test_a_table_in_a_spreadsheet_holds_numbers_but_no_formula() -> None:
    table = make_table(
        "T", "Arm", ("Difference",), [(Cell("=1+1"), Cell("−4.2")), (Cell("a"), Cell("+3"))]
    )
    assert table_csv(table).split("\r\n") == ["Arm,Difference", "'=1+1,-4.2", "a,+3", ""]


def test_the_software_names_the_version_that_it_is() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^version = "(.+)"$', project, re.M)[1] == VERSION  # type: ignore[index]


def test_votes_whose_side_nobody_knows_say_nothing_of_sides() -> None:
    unknown = tuple(vote._replace(side="") for vote in frame().votes)
    lead = found(replace(frame(), votes=unknown)).contrasts[0]
    assert lead.side.estimate is None
    assert lead.adjusted.estimate is None
    assert lead.effects is None
    assert lead.crossed == plain().contrasts[0].crossed


def test_a_comparison_without_a_test_yet_counts_in_the_correction() -> None:
    items = tuple(i if i.contrast == 1 else i._replace(outcome=None) for i in frame().items)
    lead, empty = found(replace(frame(), items=items)).contrasts
    assert empty.holm is None
    assert lead.p_value is not None
    assert lead.holm == min(1.0, 2 * lead.p_value)


def test_a_prompt_judged_many_times_makes_no_interval_of_an_area_shorter() -> None:
    of = frame()
    again = replace(
        of,
        items=tuple(
            i._replace(comparison=i.comparison + 1000 * n, replica=n)
            for n in range(4)
            for i in of.items
        ),
        votes=(),
        scores=tuple(s._replace(replica=n) for n in range(4) for s in of.scores),
    )
    one, four = (found(f).estimators[0] for f in (of, again))
    assert one.auc_low is not None
    assert four.auc == one.auc
    assert (four.auc_low, four.auc_high) == (one.auc_low, one.auc_high)


def test_comparisons_are_said_to_be_fixed_before_launch_only_where_that_is_known() -> None:
    grown = str(lay_out(made(replace(frame(), protocols=(("a" * 64, 60), ("", 60))))))
    assert grown.count("comparisons were fixed before launch or when the study grew") == 2
    elsewhere = str(lay_out(made(frame(), external=True)))
    assert "before launch" not in elsewhere
    assert "training or exam" not in elsewhere
    assert "comparisons of the file make one family" in elsewhere


def test_a_report_without_crowd_kit_leaves_glad_out_and_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    report = made(frame())
    assert report.analyses is not None
    assert {m.model for c in report.analyses.contrasts for m in c.models} == {
        "one-coin",
        "Dawid-Skene",
    }
    (section,) = (s for s in analysis_sections(report) if s.name == "robustness")
    assert any("GLAD needs crowd-kit: pip install crowd-kit==1.4.2" in n for n in section.notes)
    assert "GLAD" not in table_csv(section.tables[0])


def test_the_methods_say_for_whom_intervals_over_verdicts_are() -> None:
    few, many = made(frame()), made(frame(people=60))
    assert few.analyses is not None
    assert many.analyses is not None
    lead, other = few.analyses.contrasts[0].renewed, many.analyses.contrasts[0].renewed
    assert (lead.low, other.warning) == (None, "")
    assert "of pairs of verdicts share an annotator" in lead.warning
    for report, beside in ((few, False), (many, True)):
        said = " ".join(analysis_methods(report))
        assert "Intervals over verdicts are for these annotators and new prompts" in said
        assert ("robust to annotators shared by verdicts" in said) is beside


def test_an_interval_for_new_annotators_knows_third_votes_on_demand_too() -> None:
    base = frame(people=60)
    early = tuple(vote._replace(early=i % 3 < 2) for i, vote in enumerate(base.votes))
    protocol = Protocol(overlap_mode="on_demand").model_dump(mode="json")
    study = Study(name="A & B", spec={"protocol": protocol})
    asked = report_on(study, replace(base, votes=early), now=NOW).analyses
    assert asked is not None
    assert asked.contrasts[0].renewed == found(base).contrasts[0].renewed
    assert asked.contrasts[0].crossed.n < found(base).contrasts[0].crossed.n


def section_of(report: Report, name: str) -> Section:
    (section,) = (s for s in analysis_sections(report) if s.name == name)
    return section


def test_slices_sides_models_and_effects_are_there_for_every_contrast() -> None:
    report, analyses = made(frame()), plain()
    keys = [(c.a, c.b) for c in report.contrasts]
    assert [(s.a, s.b) for s in analyses.slices] == keys
    assert analyses.slices[0].table.n == analyses.slices[1].table.n == 60
    for deep in analyses.contrasts:
        assert deep.effects is not None
        assert deep.effects.challenger is not None
    assert len(analyses.sides) == 2
    of_sides = section_of(report, "side-bias")
    for table in of_sides.tables:
        assert [row[0].text for row in table.rows] == ["Ten against Base", "Fifteen against Base"]
    open_table, axes, folded = section_of(report, "slices").tables
    assert (open_table.folded, axes.folded, folded.folded) == (False, False, True)
    assert open_table.label.endswith(": Ten against Base")
    assert folded.label.endswith(": Fifteen against Base")
    assert {row[0].text.split(": ")[0] for row in axes.rows} == {
        "Ten against Base",
        "Fifteen against Base",
    }


def test_what_is_explored_in_several_contrasts_is_corrected_over_all_of_them() -> None:
    analyses = plain()
    slices = [s for each in analyses.slices for s in each.table.slices if not s.too_small]
    raw = benjamini_hochberg([s.rate.p_value for s in slices if s.rate.p_value is not None])
    assert [s.adjusted_p for s in slices if s.rate.p_value is not None] == list(raw)
    axes = [a for each in analyses.slices for a in each.table.axes if a.p_value is not None]
    assert [a.adjusted_p for a in axes] == list(benjamini_hochberg([a.p_value for a in axes]))  # type: ignore[misc]
    raw_sides = []
    for deep in analyses.contrasts:
        effects = deep.effects
        assert effects is not None
        assert effects.challenger is not None
        assert effects.side is not None
        of_votes = effects.challenger.p_value, effects.side.p_value
        raw_sides.append((deep.side.p_value, *of_votes, effects.annotators_p))
    told = [astuple(row) for row in analyses.sides]
    # Each kind of test is a family of its own.
    for column, corrected in zip(
        zip(*raw_sides, strict=True), zip(*told, strict=True), strict=True
    ):
        known = [p for p in column if p is not None]
        assert [p for p in corrected if p is not None] == list(benjamini_hochberg(known))


def test_a_study_of_one_contrast_names_it_in_no_row() -> None:
    base = frame()
    alone = replace(
        base,
        contrasts=base.contrasts[:1],
        items=tuple(i for i in base.items if i.contrast == 1),
    )
    report = made(alone)
    assert section_of(report, "side-bias").tables == ()
    told = section_of(report, "slices").tables
    assert [table.label for table in told] == [
        "Win rate by slices of prompts",
        "Does the win rate differ between slices",
    ]
    assert not any("against" in row[0].text for table in told for row in table.rows)


def test_two_scorers_are_compared_on_the_pairs_that_both_scored() -> None:
    base = frame()
    won = {(i.contrast, i.prompt): i.outcome for i in base.items}
    # Knows the first contrast's verdicts; has no score of one prompt.
    oracle = [
        ScoreRow("Oracle", arm, prompt, 0, value)
        for prompt in range(1, 60)
        for arm, value in (
            ("ten", {"a": 1.0, "b": -1.0}.get(str(won[1, prompt]), 0.0)),
            ("base", 0.0),
        )
    ]
    analyses = found(replace(base, scores=(*base.scores, *oracle)))
    (pair,) = analyses.estimator_pairs
    assert (pair.a, pair.b) == ("ten", "base")
    told = pair.difference
    assert (told.first, told.second) == ("CLIP score", "Oracle")
    decided = [p for p in range(1, 60) if won[1, p] in ("a", "b")]
    assert told.n == told.units == len(decided)
    assert (told.only_first, told.p_value < 1e-3, told.adjusted) == (0, True, told.p_value)
    score = {(s.method, s.prompt): s.value for s in base.scores}
    right = sum((score["ten", p] > score["base", p]) == (won[1, p] == "a") for p in decided)
    assert told.only_second == len(decided) - right
    assert told.estimate == pytest.approx(right / len(decided) - 1)
    section = section_of(made(replace(base, scores=(*base.scores, *oracle))), "estimators")
    assert [len(table.rows) for table in section.tables] == [4, 1]
    assert any("over 1 comparison." in note for note in section.notes)


def test_one_scorer_alone_is_compared_with_none() -> None:
    assert plain().estimator_pairs == ()
    assert len(section_of(made(frame()), "estimators").tables) == 1


def test_a_running_study_s_data_has_none_of_the_new_p_values() -> None:
    data = blanked(asdict(plain()))
    assert [set(row.values()) for row in data["sides"]] == [{None}, {None}]
    told = [s["adjusted_p"] for each in data["slices"] for s in each["table"]["slices"]]
    assert set(told) == {None}
