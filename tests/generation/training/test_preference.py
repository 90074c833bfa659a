"""A researcher's own annotators make a researcher's own estimator."""

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generation.errors import TrainingError
from generation.estimators import load_scorer
from generation.spec import Estimator
from generation.tiny_scorers import save_tiny_scorer
from generation.training import loop
from generation.training.__main__ import main
from generation.training.course import Course
from generation.training.preference import PreferenceTask, read_votes
from tests.generation.training.factories import SILENT

pytestmark = pytest.mark.torch


def votes(folder: Path, *, n: int = 12, seed: int = 0) -> Path:
    """Annotators who like bright pictures, nine out of ten."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        level = 40 + 170 * rng.permutation(2)
        for side, mean in zip("ab", level, strict=True):
            pixels = np.clip(rng.normal(mean, 20, (40, 40, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}{side}.png")
        share = 0.9 if level[0] > level[1] else 0.1
        rows.append((f"picture {number}", f"{number}a.png", f"{number}b.png", share))
    with (folder / "votes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("prompt", "first", "second", "share"), *rows])
    return folder / "votes.csv"


def test_a_fitted_estimator_agrees_with_the_annotators_on_new_pairs(tmp_path):
    start = save_tiny_scorer(tmp_path / "start", "pickscore", seed=4)
    scorer = load_scorer(Estimator(name="pickscore", path=str(start)), device="cpu")
    pairs = read_votes(votes(tmp_path))
    rule = Course(steps=25, batch=8, micro=8, rate=1e-3)
    task = PreferenceTask(rule, pairs, scorer)
    pace = replace(SILENT, checkpoint_every=1000)
    loop.train(task, rule, tmp_path / "run", pace=pace, cpu=True)
    curve = [json.loads(x)["loss"] for x in (tmp_path / "run" / loop.CURVE).open()]
    assert np.mean(curve[-5:]) < np.mean(curve[:5])
    fitted = task.save(tmp_path / "fitted", start=start)
    mine = load_scorer(Estimator(name="pickscore", path=str(fitted)), device="cpu")
    (tmp_path / "new").mkdir()
    new = read_votes(votes(tmp_path / "new", seed=9))
    texts = [pair.prompt for pair in new]
    first, second = (mine.score(texts, [getattr(p, s) for p in new]) for s in ("first", "second"))
    agrees = (first > second) == np.array([pair.share > 0.5 for pair in new])
    assert agrees.mean() > 0.9


def test_the_command_fits_and_leaves_an_estimator_that_loads(tmp_path, monkeypatch):
    start = save_tiny_scorer(tmp_path / "start", "pickscore", seed=4)
    words = ("fit", tmp_path / "run", "--votes", votes(tmp_path), "--start", start, "--cpu")
    size = ("--steps", 2, "--batch", 2, "--micro", 1)
    monkeypatch.setattr(sys, "argv", ["training", *map(str, (*words, *size))])
    main()
    fitted = Estimator(name="pickscore", path=str(tmp_path / "run" / "estimator"))
    before = load_scorer(Estimator(name="pickscore", path=str(start)), device="cpu")
    assert load_scorer(fitted, device="cpu").digest != before.digest


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,missing.png,0a.png,1", "line 14"),
        ("a,0a.png,0b.png,1.5", "give 0 to 1"),
        ("a,0a.png,0b.png,left", "line 14"),
    ],
)
def test_a_vote_that_cannot_be_read_is_named_by_its_line(tmp_path, row, said):
    file = votes(tmp_path)
    file.write_text(file.read_text() + row + "\n")
    with pytest.raises(TrainingError, match=said):
        read_votes(file)


def test_a_csv_without_votes_is_refused(tmp_path):
    (tmp_path / "votes.csv").write_text("prompt,first,second\na,b,c\n")
    with pytest.raises(TrainingError, match="share"):
        read_votes(tmp_path / "votes.csv")
