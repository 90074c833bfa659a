"""Whom a rehearsal is played by, and what they take the pictures to be worth."""

import threading

import pytest

from annotate.cli.pool import PoolError, drawn, read_pool
from annotate.cli.simulated_annotator import Temper
from annotate.cli.worth import TruthError, read_truth, scored_truth
from annotate.sampling.models import Sample, Score
from generation.reference.judge import CRITERIA
from tests.cli.test_simulation import Site, annotator
from tests.factories import make_study

POOL = '[[people]]\ncount = 2\naccuracy = 0.9\nseconds = 4\n\n[[people]]\nhabit = "left"\n'


def test_a_drawn_pool_is_fixed_by_its_seed_and_fast_people_are_fast():
    usual = Temper(seconds=4.0, waits=False)
    pool = drawn(30, usual, spammers=0.2, seed=1)
    assert pool == drawn(30, usual, spammers=0.2, seed=1)
    assert pool != drawn(30, usual, spammers=0.2, seed=2)
    assert len({temper.seconds for temper in pool}) == 30
    assert min(pool, key=lambda temper: temper.seconds).habit == "fast"
    assert drawn(3, usual, spammers=0, seed=1) == [usual] * 3
    with pytest.raises(PoolError, match="from 0 to 1"):
        drawn(3, usual, spammers=2, seed=1)


def test_a_pool_is_read_from_toml_and_refused_in_words(tmp_path):
    path = tmp_path / "pool.toml"
    path.write_text(POOL)
    pool = read_pool(path, waits=False)
    assert [t.habit for t in pool] == ["honest", "honest", "left"]
    assert (pool[0].accuracy, pool[0].seconds, pool[0].waits) == (0.9, 4.0, False)
    for text, told in (('[[people]]\nhabit = "lazy"', r"people\.0\.habit"), ("x", "TOML")):
        path.write_text(text)
        with pytest.raises(PoolError, match=told):
            read_pool(path, waits=False)


@pytest.mark.parametrize("habit", ["random", "left", "copies", "fast"])
def test_a_spammer_votes_over_http_like_anybody(habit):
    site = Site()
    temper = Temper(habit=habit, seconds=0.5, waits=False)
    assert annotator(site, temper).judge_all(threading.Event()) == 1
    (vote,) = site.votes
    assert set(vote["answers"].values()) <= {"left", "right", "equal"}
    # Told, not waited for.
    assert vote["active_ms"] > 50


def test_worth_is_read_from_a_table(tmp_path):
    path = tmp_path / "worth.csv"
    path.write_text(f"picture,worth\n{'a' * 64},0.25\n")
    assert read_truth(path)("a" * 64) == dict.fromkeys(CRITERIA, 0.25)
    for text in ("picture,worth\na,7\n", "picture\na\n"):
        path.write_text(text)
        with pytest.raises(TruthError, match="picture"):
            read_truth(path)


@pytest.mark.django_db
def test_stored_scores_are_worth_their_rank():
    study = make_study(pairs=2)
    with pytest.raises(TruthError, match="0 estimators"):
        scored_truth(study)
    samples = list(Sample.objects.order_by("pk"))
    for value, sample in zip((3.0, -1.0, 3.0, 9.0), samples, strict=True):
        Score.objects.create(sample=sample, estimator_digest="e", value=value)
    worth = scored_truth(study)
    found = [worth(sample.image.digest)["quality"] for sample in samples]
    assert found == [0.5, 0.0, 0.5, 1.0]
