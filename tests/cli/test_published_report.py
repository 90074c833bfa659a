"""Printed bars on the command line: the report that a paper could have printed."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command


def told(*arguments: str) -> str:
    out = io.StringIO()
    call_command("published_report", *arguments, stdout=out)
    return out.getvalue()


def test_figure_9a_is_read_as_counts_and_said_to_leave_the_preference_open() -> None:
    said = told("--recipe", "fig9a")
    assert "43 / 41 / 16 % of 600: 258 wins, 96 ties, 246 losses" in said
    assert "ties dropped  51.2 % [46.8, 55.5] p .624 n 504" in said
    assert "Not resolved: which of Adaptive, 10 steps and SD1.5, DDIM-50 is preferred." in said


def test_labels_that_do_not_sum_to_100_are_taken_with_a_warning() -> None:
    said = told("--bar", "39", "38", "27", "--a", "A")
    assert "Careful: the labels sum to 104 %" in said
    with pytest.raises(CommandError, match="no percentage"):
        told("--bar", "390", "38", "27")
