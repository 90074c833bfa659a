"""GLAD where crowd-kit is installed: run by `make parity-crowd-kit`, in its own environment."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from crowdkit.aggregation import GLAD

from annotate.analysis.aggregation import known_accuracy, majority_labels
from annotate.analysis.annotator_models import glad, has_glad
from annotate.reports.analyses_page import analysis_sections
from annotate.reports.report_files import table_csv
from annotate.reports.tables import Table
from tests.analysis.test_aggregation import answers, crowd, posterior, weather
from tests.reports.test_analyses import frame, made


def test_the_labels_are_those_of_crowd_kit_itself() -> None:
    said, _ = crowd(3, tasks=60)
    found = glad(said, labels="ABC")
    rows = pd.DataFrame(said, columns=["task", "worker", "label"], index=None)
    rows.columns = pd.Index(["task", "worker", "label"])
    peer = GLAD(n_iter=100).fit(rows).probas_
    for (task, label), chance in posterior(found).items():
        assert chance == pytest.approx(peer.loc[task, label], abs=1e-9)
    assert found.converged
    assert found.method == "GLAD by crowd-kit"


def test_names_and_the_order_of_rows_change_nothing() -> None:
    said, _ = crowd(4, tasks=40)
    order = np.random.default_rng(0).permutation(len(said))
    again = posterior(glad([said[i] for i in order], labels="ABC"))
    assert again == pytest.approx(posterior(glad(said, labels="ABC")), abs=1e-6)


def test_it_tells_the_skilled_and_does_better_for_it() -> None:
    said, truth = crowd(4, tasks=300, skills=(0.95, 0.8, 0.4, 0.4, 0.4))
    found = glad(said)
    assert found.annotators[0].accuracy > 0.85
    assert found.annotators[3].accuracy < 0.55
    majority = known_accuracy(majority_labels(said), truth).estimate
    better = known_accuracy(found, truth).estimate
    assert majority is not None
    assert better is not None
    assert better > majority


def test_an_offered_label_that_nobody_chose_stays_possible() -> None:
    found = glad(answers("AAB", "ABB", "AAA"), labels="ABC")
    assert found.labels == ("A", "B", "C")
    assert found.posterior.sum(axis=1) == pytest.approx(1)
    assert (found.posterior[:, 2] < found.posterior[:, 0]).all()
    with pytest.raises(ValueError, match="the only label is 'A'"):
        glad(answers("AA"))


@pytest.mark.realdata
def test_real_answers_get_the_labels_of_crowd_kit(real_data) -> None:
    said, truth = weather(real_data, "CF.csv")
    found = known_accuracy(glad(said), truth)
    rows = pd.DataFrame(list(said))
    rows.columns = pd.Index(["task", "worker", "label"])
    peer = GLAD(n_iter=100).fit_predict(rows)
    right = sum(peer.loc[task] == label for task, label in truth.items())
    assert found.correct == pytest.approx(right)
    assert found.estimate == pytest.approx(0.880, abs=5e-4)


def test_the_report_has_it_as_a_column_of_its_first_contrast() -> None:
    assert has_glad()
    report = made(frame())
    assert report.analyses is not None
    first, second = report.analyses.contrasts
    assert [model.model for model in first.models] == ["one-coin", "Dawid-Skene", "GLAD"]
    assert [model.model for model in second.models] == ["one-coin", "Dawid-Skene"]
    assert dict(report.analyses.software)["crowd-kit"] == "1.4.2"
    (section,) = (s for s in analysis_sections(report) if s.name == "robustness")
    table: Table = section.tables[0]
    assert table_csv(table).splitlines()[0].endswith("GLAD,changed")
    assert not any("needs crowd-kit" in note for note in section.notes)
