"""The re-examination end to end on few prompts: made once, judged, and written."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tqdm import tqdm

from annotate.reports.reexamined.evidence import Evidence, read_evidence
from annotate.reports.reexamined.files import CLAIMS, NUMBERS, PAGE, write
from annotate.reports.reexamined.findings import find
from generation.produce import Models
from generation.reference.s1 import making
from generation.reference.s1.arms import Design
from generation.reference.s1.shelf import Shelf
from generation.reference.s1.tuning import tau_of

pytestmark = pytest.mark.torch

DESIGN = Design(prompts=16, tuning=40, replicas=2, budgets=(4,))


def made(folder: Path) -> int:
    """Make what is missing; how many pictures that were."""
    models = Models(device="cpu", batch=16)
    with Path(os.devnull).open("w") as nowhere, tqdm(total=0, file=nowhere) as bar:
        making.make(DESIGN, Shelf(folder), models=models, bar=bar)
        return round(bar.n)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("shelf")
    assert made(folder) > 0
    yield folder
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def evidence(folder: Path) -> Evidence:
    return read_evidence(DESIGN, Shelf(folder))


def test_a_second_run_makes_nothing_and_one_lost_part_alone_is_made_again(folder):
    assert made(folder) == 0
    shelf, arms = Shelf(folder), DESIGN.arms(tau_of(DESIGN, Shelf(folder)))
    before = shelf.take(arms["unipc-4"], DESIGN.test_prompts(), seed=0).pictures
    for file in (folder / arms["unipc-4"].digest()[:20]).iterdir():
        file.unlink()
    assert made(folder) == DESIGN.prompts
    again = shelf.take(arms["unipc-4"], DESIGN.test_prompts(), seed=0).pictures
    assert np.array_equal(before, again)


def test_pictures_that_another_estimator_scored_are_scored_anew_and_not_made(folder):
    shelf, arm, part = Shelf(folder), DESIGN.student, DESIGN.test_prompts()
    before = shelf.take(arm, part, seed=0)
    other = replace(before, scores=before.scores * 0, scorers=frozenset({"another"}))
    shelf.put(arm, part, other, seed=0)
    assert made(folder) == 0
    after = shelf.take(arm, part, seed=0)
    assert after.scorers == {DESIGN.estimator.digest()}
    assert after.scores == pytest.approx(before.scores, abs=1e-6)


def test_an_adaptive_arm_shows_the_students_picture_where_it_scores_tau(evidence):
    adaptive, student, refined = (
        evidence.arms[name].shelved for name in ("refine-4", "student-2", "refined-4")
    )
    kept = student.scores >= evidence.tau
    assert 0 < kept.sum() < len(kept)
    assert list(adaptive.decisions == "kept") == list(kept)
    expected = np.where(kept[:, None, None, None], student.pictures, refined.pictures)
    assert np.array_equal(adaptive.pictures, expected)
    assert list(adaptive.steps) == [2 if each else 6 for each in kept]


def test_the_report_says_simulated_and_holds_every_claim(evidence, tmp_path):
    found = find(evidence)
    files = write(evidence, found, tmp_path)
    assert all(file.stat().st_size for file in files)
    told = json.loads((tmp_path / NUMBERS).read_text())
    assert "by a program" in told["simulated"]
    text, page = ((tmp_path / name).read_text() for name in (CLAIMS, PAGE))
    assert "Simulated votes" in page
    for claim in told["claims"]:
        assert claim["says"] in text
    # The branches give what the adaptive arm itself was judged: no prompt differs.
    (arm,) = found.laboratory.estimators[0].made
    assert arm.differ == 0
