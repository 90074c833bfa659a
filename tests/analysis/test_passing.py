"""The pass table of an exam against scipy's own sums and the printed figures."""

import pytest
from scipy.stats import binom

from annotate.analysis.passing import pass_probability, pass_table


def test_the_pass_table_says_what_is_printed_for_sixteen_of_twenty():
    guesser, fair, good = pass_table(20, to_pass=16, attempts=2)
    printed = [f"{100 * line.first:.1f}" for line in (guesser, fair, good)]
    assert printed == ["0.6", "63.0", "95.7"]
    assert good.any == pytest.approx(1 - (1 - good.first) ** 2)


@pytest.mark.parametrize(("items", "to_pass"), [(20, 16), (15, 12), (1, 1), (10, 0)])
def test_the_chance_to_pass_is_the_binomial_sum(items, to_pass):
    for accuracy in (0, 0.5, 0.8, 0.9, 1):
        summed = sum(binom.pmf(k, items, accuracy) for k in range(to_pass, items + 1))
        assert pass_probability(accuracy, items, to_pass=to_pass) == pytest.approx(
            summed, abs=1e-12
        )


def test_a_mark_that_nobody_can_reach_is_refused():
    with pytest.raises(ValueError, match="21 of 20"):
        pass_probability(0.9, 20, to_pass=21)
