"""How numbers are written, and the sentences made from them."""

from __future__ import annotations

import re

import pytest

from annotate.reports import words
from annotate.reports.sentences import (
    agreement_title,
    bars_title,
    forest_title,
    headline,
    methods,
    people_note,
    sides_title,
    standfirst,
)
from annotate.reports.text import win_rate_table
from tests.reports.test_report import frame_of, report_of

NO_BREAK = "\u00a0"


@pytest.mark.parametrize(
    ("p", "written"),
    [(0.0359, ".036"), (0.5, ".500"), (1.0, "1.00"), (0.9951, "1.00"), (0.0004, "< .001")],
)
def test_p_values_are_never_zero(p: float, written: str) -> None:
    assert words.p_value(p) == written


def test_what_cannot_be_computed_is_not_a_number() -> None:
    assert words.percent(None) == words.span(None, 1) == words.coefficient(None) == "n/a"


@pytest.mark.parametrize(
    ("value", "written"), [(0.284, ".28"), (-0.05, "−.05"), (1.0, "1.00"), (-0.001, ".00")]
)
def test_coefficients_have_a_true_minus(value: float, written: str) -> None:
    assert words.coefficient(value) == written


def test_no_line_ends_between_a_number_and_its_sign() -> None:
    assert words.typeset("54.8 % and p = .036, p < .001") == (
        f"54.8{NO_BREAK}% and p{NO_BREAK}={NO_BREAK}.036, p{NO_BREAK}<{NO_BREAK}.001"
    )


def pairs(**counts: int) -> list[tuple[str, bool]]:
    return [(pattern, True) for pattern, n in counts.items() for _ in range(n)]


def test_the_headline_of_the_standing_example() -> None:
    report = report_of(frame_of(pairs(aab=276, abt=96, abb=228)))
    assert headline(report) == (
        "Annotators preferred One on 54.8 % of 504 decided prompts, 95 % interval 50.4 to 59.1; "
        "96 ties dropped."
    )
    assert "p = .036" in standfirst(report)
    assert bars_title(report) == "One is preferred to Two"


def test_the_headline_names_the_winner_whichever_is_named_first() -> None:
    report = report_of(frame_of(pairs(abb=276, aab=228, abt=1)))
    assert headline(report).startswith("Annotators preferred Two on 54.8 % of 504")
    assert headline(report).endswith("50.4 to 59.1; 1 tie dropped.")


def test_what_is_not_resolved_says_so() -> None:
    report = report_of(frame_of(pairs(aab=10, abb=9)))
    assert headline(report).startswith("Not decided between One and Two: annotators preferred One")
    assert "contains 50 %" in headline(report)
    assert bars_title(report) == ("The interval contains 50 %: One and Two are not told apart yet")
    assert forest_title(report) == bars_title(report)


def test_before_the_first_verdict_there_is_no_rate() -> None:
    report = report_of(frame_of(pairs(a=2, ab=1)))
    assert headline(report) == "No prompt is decided yet: 4 of 9 votes are in."
    assert "n/a" in win_rate_table(report)
    assert agreement_title(report.contrasts[0], overlap=3) == "No prompt has its three votes yet"


def test_ties_alone_are_no_win_rate() -> None:
    report = report_of(frame_of(pairs(ttt=3)))
    assert headline(report) == "Annotators found no difference: all 3 verdicts are ties."
    assert sides_title(report) == "No vote has chosen a side yet"


def test_methods_tell_the_protocol_and_what_was_left_out() -> None:
    said = " ".join(methods(report_of(frame_of(pairs(aaa=3, a=1)))))
    for phrase in (
        "3 different annotators",
        "matches the text better; if equal",
        "rule “priority-then-majority”",
        "1 pair undecided",
        "95 % Wilson intervals",
    ):
        assert phrase in said


def test_few_annotators_are_spoken_of() -> None:
    assert "fewer than 6" in people_note(report_of(frame_of(pairs(aaa=1))))


def test_the_terminal_table_lines_up() -> None:
    table = win_rate_table(report_of(frame_of(pairs(aab=276, abt=96, abb=228))))
    lines = table.splitlines()
    assert re.split(r"\s{2,}", lines[2]) == [
        *("contrast", "win", "tie", "lose", "win rate", "95 % CI", "p", "n"),
    ]
    assert re.split(r"\s{2,}", lines[4]) == [
        *("One against Two", "276", "96", "228", "54.8 %", "[50.4, 59.1]", ".036", "504"),
    ]
    assert lines[2].index("lose") + 4 == lines[4].index("228") + 3
    assert "SIMULATED" not in table
