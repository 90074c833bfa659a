import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from annotate.analysis.published import published_bars
from annotate.analysis.significance import sign_test
from annotate.analysis.winrate import three_conventions

# Figure 9 of arXiv:2312.10835, win / loss / tie in percent of 600 prompts each.
FIGURE_9 = {
    "a COCO 10 - DDIM-50": (43, 41, 16),
    "a COCO 10 - DPM-25": (39, 40, 21),
    "a COCO 15 - DPM-25": (41, 38, 21),
    "a LAION 10 - DDIM-50": (39, 39, 14),
    "a LAION 10 - DPM-25": (38, 44, 18),
    "a LAION 15 - DPM-25": (39, 38, 27),
    "b COCO 5": (65, 19, 16),
    "b COCO 10": (48, 34, 18),
    "b COCO 15": (49, 30, 21),
    "b COCO 25": (47, 37, 16),
    "b LAION 5": (64, 22, 14),
    "b LAION 10": (42, 39, 19),
    "b LAION 15": (45, 35, 20),
    "b LAION 25": (49, 38, 20),
    "c COCO 10": (46, 26, 28),
    "c COCO 15": (45, 36, 19),
    "c LAION 10": (42, 29, 28),
    "c LAION 15": (44, 38, 18),
}
# Figure 1: a student against its teacher, in the same order.
FIGURE_1 = {"CD-SD1.5 - SD1.5": (33, 55, 12), "CD-SDXL - SDXL": (32, 53, 15)}
labels = st.integers(0, 100)


def bar(win, loss, tie, *, prompts=600, **options):
    return published_bars(win, loss, tie=tie, prompts=prompts, **options)


def test_the_first_bar_of_figure_9_gives_the_report_that_the_paper_could_have_printed():
    found = bar(43, 41, 16, challenger="adaptive-10", opponent="DDIM-50")
    assert (found.wins, found.ties, found.losses, found.unaccounted) == (258, 96, 246, 0)
    assert found.rates == three_conventions(258, 96, 246)
    assert found.rates[0].p_value == pytest.approx(0.6243, abs=5e-4)
    assert (found.rates[0].low, found.rates[0].high) == pytest.approx((0.4684, 0.5552), abs=5e-4)
    assert found.joint.win.low < 0.43 < found.joint.win.high
    assert found.warning == ""
    assert (found.open, found.resolved) == (True, False)
    assert found.resolution.win_rate == pytest.approx(0.563, abs=2e-3)
    assert found.sentence == (
        "Of 504 decided prompts 258 went to adaptive-10 (51.2 %, 95 % interval 46.8 to 55.5 %; "
        "96 ties dropped), p = .624. Not resolved: which of adaptive-10 and DDIM-50 is preferred. "
        "Resolved is only that the win rate lies between 46.8 and 55.5 %: 504 decided prompts find "
        f"a win rate of {100 * found.resolution.win_rate:.1f} % or more with a chance of 80 %."
    )


@pytest.mark.parametrize("name", FIGURE_9)
def test_every_bar_of_figure_9_is_accepted_and_warned_of_where_it_does_not_sum_to_100(name):
    found = bar(*FIGURE_9[name])
    total = sum(FIGURE_9[name])
    assert found.wins + found.ties + found.losses + found.unaccounted == 600
    assert (found.warning == "") == (total == 100)
    assert found.consistent == (abs(total - 100) <= 1)
    assert found.p_range.low <= found.rates[0].p_value <= found.p_range.high
    assert None not in (found.rates[0].low, found.rates[1].low, found.rates[2].low)


def test_what_figure_9_resolves_and_what_it_does_not():
    found = {name: bar(*values) for name, values in FIGURE_9.items()}
    assert {name for name, one in found.items() if one.resolved} == {
        "b COCO 5",
        "b COCO 10",
        "b COCO 15",
        "b COCO 25",
        "b LAION 5",
        "b LAION 15",
        "c COCO 10",
        "c COCO 15",
        "c LAION 10",
    }
    assert {name for name, one in found.items() if one.open} == {
        "a COCO 10 - DDIM-50",
        "a COCO 10 - DPM-25",
        "a COCO 15 - DPM-25",
        "a LAION 10 - DPM-25",
        "a LAION 15 - DPM-25",
        "b LAION 10",
        "c LAION 15",
    }
    hangs = found["b LAION 25"]
    assert "Not resolved by these labels" in hangs.sentence
    assert "p from < .001 to .438" in hangs.sentence


@pytest.mark.parametrize(
    ("name", "counts", "interval"),
    [
        ("CD-SD1.5 - SD1.5", (198, 72, 330), (0.334, 0.418)),
        ("CD-SDXL - SDXL", (192, 90, 318), (0.335, 0.420)),
    ],
)
def test_figure_1_resolves_that_teachers_are_preferred(name, counts, interval):
    found = bar(*FIGURE_1[name], challenger="the student", opponent="the teacher")
    assert (found.wins, found.ties, found.losses, found.unaccounted) == (*counts, 0)
    assert (found.rates[0].low, found.rates[0].high) == pytest.approx(interval, abs=1e-3)
    assert found.p_range.high < 1e-5
    assert found.warning == ""
    assert (found.resolved, found.open) == (True, False)
    assert "Resolved: the teacher is preferred to the student." in found.sentence


def test_bars_that_do_not_sum_to_100_say_by_how_much():
    short, over, rounded = bar(39, 39, 14), bar(39, 38, 27), bar(42, 29, 28)
    assert "sum to 92 %, 48 of 600 prompts are in no bar" in short.warning
    assert "sum to 104 %, there are 24 verdicts more than the 600 prompts" in over.warning
    assert "rounding does not explain it" in over.warning
    assert "rounding explains it" in rounded.warning
    assert (short.unaccounted, over.unaccounted, rounded.unaccounted) == (48, -24, 6)
    # Were the missing 8 % all wins, 282 to 234 would be a finding.
    assert short.p_range.low < sign_test(282, 234).p_value < 0.05
    assert short.p_range.high == 1.0


def test_rounding_alone_can_leave_a_finding_open():
    found = bar(45.0, 37.0, 18.0)
    assert found.p_range.low < found.rates[0].p_value < found.p_range.high
    exact = bar(45.0, 37.0, 18.0, digits=3)
    assert exact.p_range.low == exact.p_range.high == pytest.approx(exact.rates[0].p_value)


@given(labels, labels, labels, st.sampled_from([7, 60, 300, 600]))
def test_swapping_the_methods_mirrors_every_number(win, loss, tie, prompts):
    assume(max(win, loss, tie) * prompts >= 50)
    plain = bar(win, loss, tie, prompts=prompts)
    turned = bar(loss, win, tie, prompts=prompts)
    assert (plain.wins, plain.ties, plain.losses) == (turned.losses, turned.ties, turned.wins)
    assert plain.p_range == pytest.approx(turned.p_range)
    assert (plain.resolved, plain.open) == (turned.resolved, turned.open)
    assert plain.resolution == turned.resolution
    if plain.rates[0].low is not None:
        assert plain.rates[0].low == pytest.approx(1 - turned.rates[0].high)
    assert plain.joint.win == turned.joint.loss
    if plain.wins != plain.losses:
        named = bar(win, loss, tie, prompts=prompts, challenger="a", opponent="b")
        other = bar(loss, win, tie, prompts=prompts, challenger="b", opponent="a")
        assert named.sentence == other.sentence


@given(labels, labels, st.integers(1, 700))
def test_a_finding_is_never_both_resolved_and_open(win, loss, prompts):
    assume(win + loss <= 100 and max(win, loss) * prompts >= 50)
    found = bar(win, loss, 100 - win - loss, prompts=prompts)
    assert not (found.resolved and found.open)
    assert found.consistent
    assert 0 <= found.p_range.low <= found.p_range.high <= 1


def test_a_clear_bar_is_resolved_and_names_the_winner_whichever_comes_first():
    found = bar(19, 65, 16, challenger="DPM-5", opponent="CD-5")
    assert "390 went to CD-5 (77.4 %" in found.sentence
    assert "p < .001. Resolved: CD-5 is preferred to DPM-5." in found.sentence


def test_nothing_but_ties_is_no_preference():
    found = bar(0, 0, 100)
    assert found.sentence.startswith("Every verdict is a tie")
    assert found.rates[0].estimate is None


def test_a_label_that_no_count_can_have_is_warned_of():
    assert "no whole number of 20 prompts is 43 % (win)" in bar(43, 41, 16, prompts=20).warning


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"win": 143}, "win=143"),
        ({"tie": -1}, "tie=-1"),
        ({"win": float("nan")}, "win=nan"),
        ({"win": 0, "loss": 0, "tie": 0}, "no verdict at all"),
        ({"prompts": 0}, "prompts=0"),
        ({"digits": -1}, "digits=-1"),
        ({"confidence": 95}, "confidence=95"),
    ],
)
def test_what_is_no_printed_bar_is_refused(options, message):
    given_ = {"win": 43, "loss": 41, "tie": 16, "prompts": 600, **options}
    with pytest.raises(ValueError, match=message):
        published_bars(given_.pop("win"), given_.pop("loss"), **given_)
