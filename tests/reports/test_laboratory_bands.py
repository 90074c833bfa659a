"""Bands over votes and annotators, from a file and from a study, and tests of a running study."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from annotate.analysis.oracle_bands import Over
from annotate.reports.branch_rows import branch_pairs
from annotate.reports.branches import Branches, Settings
from annotate.reports.laboratory import Laboratory, investigate
from annotate.reports.laboratory_bands import why_not
from annotate.reports.laboratory_csv import OutcomesError
from annotate.reports.laboratory_files import lab_data, lab_text
from annotate.reports.laboratory_page import lay_out_laboratory
from annotate.reports.laboratory_study import read_branches
from annotate.studies.lifecycle import move
from annotate.studies.models import Study
from generation.spec import Adaptive
from tests.reports.laboratory_arrange import (
    GOOD,
    REFINED_VOTES,
    STUDENT_VOTES,
    WORKED,
    generated_branches,
    of,
    plurality,
    score,
    scored_csv,
)

pytestmark = pytest.mark.whole


def voted_csv(*, people: int = 6, seed: int = 3, n: int = 40) -> str:
    """Outcomes with the votes behind them and who cast each."""
    rng = np.random.default_rng(seed)
    lines = ["prompt,student,refined,student_votes,refined_votes,student_annotators,"
             "refined_annotators"]  # fmt: skip
    for i in range(n):
        ballots = ["".join(rng.choice(list("WTL"), 3)) for _ in range(2)]
        names = [
            ";".join(f"a{who}" for who in rng.choice(people, 3, replace=False)) for _ in range(2)
        ]
        lines.append(",".join([f"p{i}", *map(plurality, ballots), *ballots, *names]))
    return "\n".join(lines) + "\n"


def lab_of(branches: Branches, over: Over) -> Laboratory:
    return investigate(branches, Settings(resamples=200, over=over))


def running_study() -> Study:
    """Two estimators' scores; the last prompt's refined pair has no votes yet."""
    study = generated_branches(STUDENT_VOTES, [*REFINED_VOTES[:-1], ""])
    arm = study.methods.get(name="refined").settings["arm"]
    score(study, "student", Adaptive.model_validate(arm).estimator.digest(), GOOD)
    score(study, "student", "e" * 64, GOOD[::-1])
    return study


def branches_now(study: Study) -> Branches:
    return read_branches(Study.objects.get(pk=study.pk), branch_pairs(study)[0])


@pytest.mark.parametrize("over", list(Over))
def test_every_band_leaves_the_curve_as_it_is_and_says_what_it_draws(over: Over) -> None:
    lab = lab_of(of(voted_csv()), over)
    plain = lab_of(of(voted_csv()), Over.PROMPTS)
    assert np.array_equal(lab.curve.rates.win, plain.curve.rates.win)
    assert lab.curve.band is not None
    assert lab.curve.band.over is over
    page = lay_out_laboratory(lab)
    drawn = {"prompts": "prompts,", "votes": "prompts and votes,",
             "crossed": "prompts and annotators,"}  # fmt: skip
    assert f"bootstrap over {drawn[over]}" in page.curve.note.replace("\u00a0", " ")
    assert lab.annotators == 6


def test_a_band_over_six_annotators_is_wider_and_the_plain_one_says_it_is_too_short() -> None:
    widths = {}
    for over in Over:
        band = lab_of(of(voted_csv(n=80)), over).curve.band
        assert band is not None
        widths[over] = float((band.high.score - band.low.score).mean())
    assert widths[Over.CROSSED] > max(widths[Over.PROMPTS], widths[Over.VOTES])
    words = " ".join(lay_out_laboratory(lab_of(of(voted_csv()), Over.PROMPTS)).method)
    assert "6 annotators, fewer than 20: read the intervals as too short" in words.replace(
        "\u00a0", " "
    )
    many = " ".join(lay_out_laboratory(lab_of(of(voted_csv(people=40)), Over.PROMPTS)).method)
    assert "too short" not in many


@pytest.mark.parametrize(
    ("text", "over", "told"),
    [
        (WORKED, Over.VOTES, "Single votes are not known"),
        (scored_csv(20), Over.CROSSED, "Nothing names who cast which vote"),
        (
            "prompt,student,refined,student_votes,refined_votes\na,W,L,WWT,\nb,T,T,TTT,TTT\n",
            Over.VOTES,
            "1 of 2 prompts have a verdict without its votes",
        ),
        (
            "prompt,student,refined,student_votes,refined_votes\na,W,L,LLL,LLL\nb,T,T,TTT,TTT\n",
            Over.VOTES,
            "Of 1 of 2 prompts the verdict is not the plurality",
        ),
    ],
)
def test_a_band_that_the_votes_do_not_allow_is_refused_with_its_reason(
    text: str, over: Over, told: str
) -> None:
    branches = of(text)
    assert told in why_not(branches, over).replace("\u00a0", " ")
    assert not why_not(branches, Over.PROMPTS)
    with pytest.raises(ValueError, match=f"no band over {over}"):
        lab_of(branches, over)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("p1,W,W,WWT,WWW,a;b,a;b;c", "line 2: student_annotators is 'a;b' for 3 votes"),
        ("p1,W,W,WWT,WWW,a;b;a,a;b;c", "line 2: student_annotators is 'a;b;a' for 3 votes"),
        ("p1,W,W,WWT,WWW,a;b;c,", "line 2: refined_annotators is '' for 3 votes"),
    ],
)
def test_every_vote_has_one_annotator_of_its_own(row: str, told: str) -> None:
    head = voted_csv(n=1).splitlines()[0]
    with pytest.raises(OutcomesError, match=told):
        of(f"{head}\n{row}\n")


def test_annotators_without_votes_and_broken_rows_are_refused_with_a_line() -> None:
    with pytest.raises(OutcomesError, match="line 1: refined_annotators names who cast"):
        of("prompt,student,refined,refined_annotators\np1,W,W,a\n")
    with pytest.raises(OutcomesError, match="line 3: new-line character seen in unquoted"):
        of("prompt,student,refined\np1,W,W\np\r2,W,W\n")


def test_data_of_the_plain_band_are_as_they_were_and_name_any_other() -> None:
    branches = of(voted_csv())
    assert "over" not in lab_data(lab_of(branches, Over.PROMPTS))["settings"]
    assert lab_data(lab_of(branches, Over.VOTES))["settings"]["over"] == "votes"


def test_the_command_draws_the_band_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "voted.csv"
    path.write_text(voted_csv(), encoding="utf-8")
    bands = {}
    for over in Over:
        out = io.StringIO()
        args = ("--csv", str(path), "--resamples", "100", "--json", "--band", str(over))
        call_command("oracle_lab", *args, stdout=out)
        row = json.loads(out.getvalue())["curve"][25]
        bands[over] = (row["win_low"], row["win_high"])
    assert len(set(bands.values())) == 3
    path.write_text(WORKED, encoding="utf-8")
    with pytest.raises(CommandError, match="Single votes are not known"):
        call_command("oracle_lab", "--csv", str(path), "--band", "votes")


@pytest.mark.django_db
@pytest.mark.bothdb
def test_a_study_knows_its_votes_and_annotators() -> None:
    branches = branches_now(generated_branches(STUDENT_VOTES, REFINED_VOTES))
    for over in Over:
        assert not why_not(branches, over)
        assert lab_of(branches, over).annotators == 3
    assert branches.student_cast is not None
    assert [sorted(cast) for cast in branches.student_cast.votes] == [
        sorted(cast) for cast in of(
            "prompt,student,refined,student_votes,refined_votes\n"
            + "".join(f"p{i},T,T,{s},TTT\n" for i, s in enumerate(STUDENT_VOTES))
        ).student_votes or ()
    ]  # fmt: skip


@pytest.mark.django_db
def test_a_running_study_shows_no_p_values_and_says_why_until_it_is_over() -> None:
    study = running_study()
    lab = investigate(branches_now(study), Settings(resamples=50))
    assert len(lab.comparisons) == 1
    page = lay_out_laboratory(lab)
    assert page.comparisons is not None
    titles = [column.title for column in page.comparisons.columns]
    assert "AUC difference" in titles
    assert not {"McNemar p", "p, BH"} & set(titles)
    assert any("No p-values yet" in note for note in page.estimator_notes)
    assert "McNemar" not in lab_text(lab)
    assert "No p-values yet" in lab_text(lab)
    (row,) = lab_data(lab)["comparisons"]
    assert (row["p_value"], row["adjusted"]) == (None, None)
    assert row["n"] == 5
    move(study, Study.State.CLOSED, actor=study.owner)
    lab = investigate(branches_now(study), Settings(resamples=50))
    page = lay_out_laboratory(lab)
    assert page.comparisons is not None
    assert "McNemar p" in [column.title for column in page.comparisons.columns]
    assert not any("No p-values" in note for note in page.estimator_notes)
    assert lab_data(lab)["comparisons"][0]["p_value"] is not None


@pytest.mark.django_db
def test_a_study_with_all_its_votes_shows_them_although_it_is_open() -> None:
    study = generated_branches(STUDENT_VOTES, REFINED_VOTES)
    assert not branches_now(study).tests_withheld
    assert not of(WORKED).tests_withheld
