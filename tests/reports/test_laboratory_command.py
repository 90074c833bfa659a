"""`manage.py oracle_lab`, and the laboratory on real ratings."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from annotate.reports.branch_rows import branch_pairs
from annotate.reports.branches import Settings
from annotate.reports.laboratory import investigate
from annotate.reports.laboratory_study import read_branches
from annotate.studies.models import Study
from tests.factories import make_study
from tests.reports.laboratory_arrange import (
    QUICK,
    REFINED_VOTES,
    STUDENT_VOTES,
    WORKED,
    at,
    generated_branches,
    imported_branches,
    of,
    plurality,
    scored_csv,
)

pytestmark = pytest.mark.whole


def command(*args: str) -> str:
    out = io.StringIO()
    call_command("oracle_lab", *args, stdout=out)
    return out.getvalue()


@pytest.fixture
def worked(tmp_path: Path) -> Path:
    path = tmp_path / "worked.csv"
    path.write_text(WORKED, encoding="utf-8")
    return path


def test_the_command_prints_the_worked_example(worked):
    steps = ("--student-steps", "5", "--refine-steps", "10")
    printed = command("--csv", str(worked), *steps, "--resamples", "50")
    (line,) = [line for line in printed.splitlines() if line.startswith("75.0 %")]
    assert line.split()[2:9:2] == ["60.0", "17.5", "22.5", "68.8"]
    found = json.loads(command("--csv", str(worked), "--json", "--resamples", "50"))
    assert found["n"] == 10
    half = next(row for row in found["curve"] if row["setting"] == 0.5)
    assert (half["win"], half["tie"]) == pytest.approx((0.5, 0.15))


@pytest.mark.parametrize("code", ["utf-16", "cp1252"])
def test_a_file_that_is_not_utf8_is_refused_in_words(tmp_path, code):
    path = tmp_path / "outcomes.csv"
    path.write_text("prompt,student,refined\ncafé,W,T\n", encoding=code)
    with pytest.raises(CommandError, match="save it as UTF-8") as caught:
        command("--csv", str(path))
    assert "codec" not in str(caught.value)


def test_the_command_writes_the_same_files_every_time(tmp_path):
    path = tmp_path / "scored.csv"
    path.write_text(scored_csv(40), encoding="utf-8")
    for name in ("one", "two"):
        command("--csv", str(path), "--resamples", "50", "--out", str(tmp_path / name))
    one, two = (
        {p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("one", "two")
    )
    assert one == two
    assert set(one) == {
        *(f"{n}.svg" for n in ("figure-16", "score", "policy", "accuracy", "roc", "reliability")),
        "curve.csv",
        "policy.csv",
        "laboratory.json",
    }
    rows = list(csv.DictReader(io.StringIO(one["curve.csv"].decode())))
    assert len(rows) == 51
    assert float(rows[0]["win_low"]) <= float(rows[0]["win"]) <= float(rows[0]["win_high"])


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--k", "120"), "k=120 lies outside"),
        (("--student-steps", "5"), "give both"),
        (("--student-steps", "-5", "--refine-steps", "3"), "negative"),
    ],
)
def test_the_command_refuses_in_a_sentence(worked, args, told):
    with pytest.raises(CommandError, match=told):
        command("--csv", str(worked), *args)


def test_the_command_tells_what_is_wrong_with_a_file(tmp_path):
    path = tmp_path / "wrong.csv"
    path.write_text("prompt,student,refined\np1,Q,W\n", encoding="utf-8")
    with pytest.raises(CommandError, match="line 2: student is 'Q'"):
        command("--csv", str(path))
    with pytest.raises(CommandError, match="cannot be read"):
        command("--csv", str(tmp_path / "nowhere.csv"))


@pytest.mark.django_db
def test_the_command_works_on_a_study_and_asks_for_names_of_imported_arms():
    printed = command("--study", str(generated_branches(STUDENT_VOTES, REFINED_VOTES).uid))
    assert "6 prompts with both verdicts" in printed
    study = imported_branches(STUDENT_VOTES, REFINED_VOTES)
    with pytest.raises(CommandError, match="student,refined,teacher"):
        command("--study", str(study.uid))
    named = command("--study", str(study.uid), "--branches", "student,refined,teacher")
    assert "6 prompts with both verdicts" in named
    with pytest.raises(CommandError, match="names no two contrasts"):
        command("--study", str(study.uid), "--branches", "a,b,c")
    with pytest.raises(CommandError, match="recipe fig16"):
        command("--study", str(make_study(pairs=1).uid))


def likert_votes(folder: Path) -> dict[str, list[str]]:
    """tifa160_likert as votes against sd2dot1: the three smallest worker ids, sign of the gap."""
    ratings: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    with (folder / "tifa160_likert" / "tifa160-likert-anns.csv").open() as file:
        for row in csv.DictReader(file):
            ratings[row["item_id"], row["t2i_model"]][int(row["worker_id"])] = int(row["answer"])
    prompts = sorted({item for item, _ in ratings})
    found: dict[str, list[str]] = {"prompt": prompts}
    for name, model in (("student", "sd1dot1"), ("refined", "sd1dot5")):
        found[name] = []
        for item in prompts:
            ours, theirs = ratings[item, model], ratings[item, "sd2dot1"]
            workers = sorted(ours.keys() & theirs.keys())[:3]
            found[name].append("".join("LTW"[1 + np.sign(ours[w] - theirs[w])] for w in workers))
    return found


def check_likert(lab) -> None:
    """science.md D: always right 22/105/33 and always wrong 17/64/79 of 160."""
    assert (lab.curve.n, lab.curve.label_share) == (160, pytest.approx(0.53125))
    assert at(lab, 1.0)[:3] == pytest.approx([22 / 160, 105 / 160, 33 / 160])
    assert at(lab, 0.75)[0] == pytest.approx(0.129688, abs=5e-7)
    assert at(lab, 0.75)[2] == pytest.approx(0.278125, abs=5e-7)
    assert lab.fair is not None


@pytest.mark.realdata
def test_real_ratings_give_the_known_curve_through_the_csv(real_data):
    votes = likert_votes(real_data)
    lines = ["prompt,student,refined,student_votes,refined_votes"]
    for key, s, r in zip(votes["prompt"], votes["student"], votes["refined"], strict=True):
        lines.append(f"{key},{plurality(s)},{plurality(r)},{s},{r}")
    branches = of("\n".join(lines))
    assert Counter(map(str, branches.student)) == {"win": 16, "tie": 69, "loss": 75}
    assert Counter(map(str, branches.refined)) == {"win": 23, "tie": 100, "loss": 37}
    check_likert(investigate(branches, Settings(**QUICK)))


@pytest.mark.realdata
@pytest.mark.django_db
def test_real_ratings_give_the_known_curve_through_a_study(real_data):
    votes = likert_votes(real_data)
    study: Study = imported_branches(votes["student"], votes["refined"])
    (pair,) = [p for p in branch_pairs(study) if p.student.name == "student"]
    check_likert(investigate(read_branches(study, pair), Settings(**QUICK)))
