"""`benchmarks.crosscheck` on a few data sets; the command itself takes a thousand of each."""

import numpy as np
import pytest

from benchmarks import crosscheck


@pytest.mark.parametrize("check", crosscheck.CHECKS, ids=[check[0] for check in crosscheck.CHECKS])
def test_every_method_agrees_with_another_library_or_its_definition_written_out(check, monkeypatch):
    monkeypatch.setattr(crosscheck, "SETS", 3)
    worst, numbers = crosscheck.compared(check[3], 20261123)
    assert worst <= check[2]
    assert numbers >= 3


def test_a_number_that_is_off_or_none_ends_the_command_with_an_error(monkeypatch, capsys):
    monkeypatch.setattr(crosscheck, "SETS", 2)
    found = iter([0.25, 0.25 + 1e-6, 0.5, np.nan])

    def wrong(rng):
        yield next(found), next(found)

    monkeypatch.setattr(crosscheck, "CHECKS", (("ours", "theirs", 1e-9, wrong),))
    assert crosscheck.main(["ours"]) == 1
    assert "MISSED" in capsys.readouterr().out
