import csv
import hashlib
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from annotate.analysis.aggregation import (
    Answer,
    DuplicateAnswersError,
    known_accuracy,
    majority_labels,
)
from annotate.analysis.annotator_models import NoCrowdKitError, dawid_skene, glad, one_coin
from tests.examples import examples

METHODS = (majority_labels, dawid_skene, one_coin)
MODELS = (dawid_skene, one_coin)


def answers(*tasks):
    """Tasks by number; the annotators of each are x, y, z, ... in the order of its letters."""
    return [
        Answer(number, "xyzvw"[place], letter)
        for number, letters in enumerate(tasks)
        for place, letter in enumerate(letters)
        if letter != "-"
    ]


def crowd(seed, *, tasks=60, skills=(0.9, 0.8, 0.7, 0.6), labels="ABC"):
    """Everybody answers every task and errs evenly; (answers, truth)."""
    rng = np.random.default_rng(seed)
    truth = {task: str(rng.choice(list(labels))) for task in range(tasks)}
    said = [
        Answer(
            task,
            worker,
            right if rng.random() < skill else str(rng.choice([x for x in labels if x != right])),
        )
        for task, right in truth.items()
        for worker, skill in enumerate(skills)
    ]
    return said, truth


def chosen(found):
    return dict(zip(found.tasks, found.chosen, strict=True))


def posterior(found):
    return {
        (task, label): found.posterior[i, j]
        for (i, task), (j, label) in product(enumerate(found.tasks), enumerate(found.labels))
    }


@pytest.fixture(scope="module")
def barzan(real_data):
    folder = real_data / "crowd_barzan"
    with (folder / "barzan_labels.txt").open() as file:
        said = [
            Answer(task, worker, label) for worker, task, label in csv.reader(file, "excel-tab")
        ]
    with (folder / "barzan_gold.txt").open() as file:
        return said, dict(csv.reader(file, "excel-tab"))


def weather(folder, name):
    with (folder / "crowd_weather_sentiment" / name).open() as file:
        rows = list(csv.reader(file))
    return [Answer(r[1], r[0], r[2]) for r in rows], {r[1]: r[3] for r in rows}


@pytest.mark.realdata
def test_the_majority_has_its_known_accuracy(barzan, real_data):
    for (said, truth), share, tied in (
        (barzan, 0.696, 0),
        (weather(real_data, "CF.csv"), 0.882, 27),
    ):
        found = known_accuracy(majority_labels(said), truth)
        assert found.estimate == pytest.approx(share, abs=5e-4)
        assert (found.n, found.tied, found.without_truth) == (len(truth), tied, 0)


@pytest.mark.realdata
def test_ties_drawn_at_random_are_as_accurate_as_expected(real_data):
    said, truth = weather(real_data, "CF.csv")
    rng = np.random.default_rng(5)
    drawn = [
        known_accuracy(majority_labels(said, ties="random", rng=rng), truth).estimate
        for _ in range(30)
    ]
    assert np.std(drawn) > 0
    expected = known_accuracy(majority_labels(said), truth).estimate
    assert abs(np.mean(drawn) - expected) < 4 * np.std(drawn) / np.sqrt(len(drawn))


# What crowd-kit answered, by `make parity-aggregation WRITE=1`: labels as the SHA-256 of the
# lines "task label", sorted. It stops after 3 and 5 iterations: what it calls its loss adds the
# prior once for each vote and falls there, while the likelihood still rises.
GOLDEN = Path(__file__).parents[1] / "golden" / "aggregation.json"


@pytest.mark.realdata
def test_dawid_skene_gives_the_labels_of_crowd_kit_where_that_stops(barzan, real_data):
    sets = {"barzan": barzan, "CF": weather(real_data, "CF.csv")}
    golden = json.loads(GOLDEN.read_text())
    assert golden.keys() == sets.keys()
    for name, (said, truth) in sets.items():
        theirs = golden[name]
        assert theirs["losses"][-1] < theirs["losses"][-2]
        found = dawid_skene(said, max_iterations=theirs["iterations"])
        assert known_accuracy(found, truth).estimate == pytest.approx(theirs["right"], abs=1e-9)
        lines = "\n".join(f"{task} {label}" for task, label in sorted(chosen(found).items()))
        assert hashlib.sha256(lines.encode()).hexdigest() == theirs["labels_sha256"]
        assert not found.converged
        assert "before it had converged" in found.warning


@pytest.mark.realdata
def test_dawid_skene_goes_on_to_the_maximum_and_says_who_answered_little(barzan, real_data):
    stopped, found = dawid_skene(barzan[0], max_iterations=3), dawid_skene(barzan[0])
    assert found.converged
    assert found.objective[-1] > stopped.objective[-1]
    assert min(np.diff(found.objective)) >= 0
    same = np.mean([a == b for a, b in zip(found.chosen, stopped.chosen, strict=True)])
    assert same >= 0.99
    assert known_accuracy(found, barzan[1]).estimate == pytest.approx(0.712, abs=1e-9)
    assert found.warning.startswith("44 of 83 annotators gave fewer than 20 answers")
    few = one_coin(weather(real_data, "CF.csv")[0])
    assert sum(not skill.enough for skill in few.annotators) == 453


@pytest.mark.realdata
def test_the_five_double_answers_of_the_real_set_are_refused_by_name(real_data):
    said, _ = weather(real_data, "CF_amt.csv")
    for method in METHODS:
        with pytest.raises(
            DuplicateAnswersError, match=r"5 \(task, annotator\) have several"
        ) as error:
            method(said)
        assert len(error.value.duplicates) == 5
        assert ("81177836", "A2QVMCGDLTWV9") in error.value.duplicates
        assert "A2QLSHXNCHBRN4" in str(error.value)


def test_a_double_answer_is_refused_even_when_it_says_the_same():
    with pytest.raises(DuplicateAnswersError, match="task 0 by annotator 'x' \\('A', 'A'\\)"):
        majority_labels([*answers("AB"), Answer(0, "x", "A")])


def test_the_report_of_many_double_answers_stays_short():
    with pytest.raises(DuplicateAnswersError, match=r"18 .* and 13 more") as error:
        majority_labels(answers(*["AB"] * 9) * 2)
    assert len(error.value.duplicates) == 18


def test_a_tie_has_no_label_unless_one_is_drawn():
    said = answers("AABC", "ABC", "AB", "ABBA")
    none = majority_labels(said)
    assert none.chosen == ("A", None, None, None)
    assert (none.n, none.tied, none.votes) == (4, 3, 13)
    drawn = [
        majority_labels(said, ties="random", rng=np.random.default_rng(seed)).chosen
        for seed in range(40)
    ]
    assert {row[0] for row in drawn} == {"A"}
    assert {row[1] for row in drawn} == {"A", "B", "C"}
    assert {row[2] for row in drawn} == {row[3] for row in drawn} == {"A", "B"}


def test_a_tie_counts_its_chance_where_labels_are_known():
    found = majority_labels(answers("AABC", "ABC", "AB", "B"))
    accuracy = known_accuracy(found, {0: "A", 1: "C", 2: "C", 9: "A"})
    assert accuracy.correct == pytest.approx(1 + 1 / 3)
    assert (accuracy.n, accuracy.tied) == (3, 2)
    assert (accuracy.without_truth, accuracy.without_votes) == (1, 1)
    assert known_accuracy(found, {}).estimate is None


@pytest.mark.parametrize("method", METHODS)
def test_a_single_annotator_gets_their_own_labels(method):
    said = [Answer(task, "x", label) for task, label in enumerate("AAAAAAAABAACAAA")]
    found = method(said)
    assert found.chosen == tuple(row.label for row in said)
    assert found.tied == 0


tables = st.lists(
    st.lists(st.sampled_from("ABC-"), min_size=5, max_size=5).filter(lambda r: set(r) != {"-"}),
    min_size=2,
    max_size=14,
)


@given(tables)
@settings(max_examples=examples(20))
def test_each_iteration_keeps_or_raises_the_likelihood(table):
    for method in MODELS:
        found = method(answers(*table), labels="ABC", max_iterations=60)
        steps = np.diff(found.objective)
        # Rounding of sums is no fall.
        assert (steps >= -1e-9 * np.maximum(1, np.abs(found.objective[1:]))).all()
        assert found.posterior.sum(axis=1) == pytest.approx(1)


@given(tables, st.permutations("ABC"), st.randoms(use_true_random=False))
@settings(max_examples=examples(20))
def test_names_of_labels_and_people_and_the_order_of_rows_change_nothing(table, names, random):
    said = answers(*table)
    renamed = dict(zip("ABC", names, strict=True))
    again = [Answer(-t, f"worker {w}", renamed[label]) for t, w, label in said]
    random.shuffle(again)
    for method in METHODS:
        # A saddle would turn the rounding of sums into another answer after many iterations.
        limit = {} if method is majority_labels else {"max_iterations": 4}
        first, second = (method(rows, labels="ABC", **limit) for rows in (said, again))
        expected = {(-t, renamed[label]): p for (t, label), p in posterior(first).items()}
        assert posterior(second) == pytest.approx(expected, abs=1e-7)


def test_the_likelihood_is_that_of_the_model():
    said, _ = crowd(2, tasks=12)
    found = dawid_skene(said, labels="ABC", max_iterations=2)
    last = dawid_skene(said, labels="ABC", max_iterations=1)
    # The second iteration is evaluated at the parameters that the first posterior gives.
    share = last.posterior.mean(axis=0)
    matrix = np.array([skill.confusion for skill in last.annotators])
    total = 0.0
    for task in last.tasks:
        rows = [(w, "ABC".index(label)) for t, w, label in said if t == task]
        total += np.log(
            sum(share[k] * np.prod([matrix[w, k, s] for w, s in rows]) for k in range(3))
        )
    assert found.objective[-1] == pytest.approx(total, abs=1e-9)


def test_one_coin_is_the_maximum_of_its_posterior():
    said, _ = crowd(3, tasks=40)
    found = one_coin(said, labels="ABC", prior=(4, 2))

    def cost(free):
        skill = 1 / (1 + np.exp(-free))
        total = -(4 * np.log(skill) + 2 * np.log(1 - skill)).sum()
        for task in found.tasks:
            rows = [(w, label) for t, w, label in said if t == task]
            total -= np.log(
                sum(
                    np.prod([skill[w] if s == true else (1 - skill[w]) / 2 for w, s in rows]) / 3
                    for true in "ABC"
                )
            )
        return total

    best = minimize(cost, np.ones(4), method="BFGS", options={"gtol": 1e-8})
    skills = [skill.accuracy for skill in found.annotators]
    assert skills == pytest.approx(1 / (1 + np.exp(-best.x)), abs=1e-5)
    assert found.objective[-1] == pytest.approx(-best.fun, abs=1e-7)


def test_models_find_who_is_skilled_and_do_better_for_it():
    said, truth = crowd(4, tasks=600, skills=(0.95, 0.8, 0.4, 0.4, 0.4))
    majority = known_accuracy(majority_labels(said), truth)
    for method in MODELS:
        found = method(said)
        assert [s.accuracy for s in found.annotators] == pytest.approx(
            [0.95, 0.8, 0.4, 0.4, 0.4], abs=0.06
        )
        assert known_accuracy(found, truth).low > majority.high
        assert found.warning == ""
    # Somebody who always says the opposite still tells the truth, to a confusion matrix.
    said = [
        Answer(t, w, {"A": "B", "B": "A"}[label] if w == 0 else label)
        for t, w, label in crowd(5, tasks=300, skills=(0.95, 0.8, 0.8), labels="AB")[0]
    ]
    matrix = dawid_skene(said).annotators[0].confusion
    assert matrix[0][1] > 0.9
    assert matrix[1][0] > 0.9


def test_an_annotator_with_few_answers_is_drawn_to_the_prior_and_flagged():
    said, _ = crowd(6, tasks=30, skills=(0.9, 0.9, 0.9))
    said = [row for row in said if row.annotator != 2 or row.task < 2]
    few = one_coin(said, labels="ABC").annotators[2]
    assert (few.votes, few.enough) == (2, False)
    assert 3 / 6 <= few.accuracy <= 5 / 6
    found = one_coin(said, labels="ABC")
    assert "1 of 3 annotators gave fewer than 20 answers" in found.warning
    assert [skill.enough for skill in found.annotators] == [True, True, False]


def test_without_crowd_kit_glad_says_in_one_phrase_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NoCrowdKitError, match=r"^GLAD needs crowd-kit: pip install crowd-kit==1"):
        glad(answers("AB"))


@pytest.mark.parametrize(
    ("method", "said", "given", "message"),
    [
        (majority_labels, [], {}, "no answer was given"),
        (majority_labels, [Answer(0, "x", None)], {}, "annotator 'x' has no label for task 0"),
        (majority_labels, [Answer(0, "x", float("nan"))], {}, "leave out what was not answered"),
        (dawid_skene, answers("AB"), {"labels": "AC"}, "label 'B' is none of"),
        (dawid_skene, answers("AB"), {"max_iterations": 0}, "max_iterations=0"),
        (one_coin, answers("AA"), {}, "the only label is 'A'"),
        (one_coin, answers("AB"), {"prior": (1, 0)}, "must be two positive numbers"),
        (one_coin, answers("AB"), {"ties": "random"}, "needs an rng"),
        (one_coin, answers("AB"), {"ties": "first"}, "ties='first' is unknown"),
    ],
)
def test_what_cannot_be_aggregated_is_refused(method, said, given, message):
    with pytest.raises(ValueError, match=message):
        method(said, **given)
