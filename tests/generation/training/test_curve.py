"""The loss curve as a picture."""

import re
from xml.etree import ElementTree

import pytest

from generation.training import curve


def points(text: str) -> list[tuple[float, float]]:
    drawn = re.search(r'polyline points="([^"]*)"', text)
    assert drawn
    return [tuple(map(float, pair.split(","))) for pair in drawn[1].split()]


def test_a_falling_loss_goes_down_from_left_to_right():
    drawn = points(curve.svg([1 / (step + 1) for step in range(50)], title="loss"))
    xs, ys = zip(*drawn, strict=True)
    assert list(xs) == sorted(xs)
    assert list(ys) == sorted(ys)


def test_the_picture_is_whole_and_bears_its_title():
    text = curve.svg([0.5] * 5000, title="teacher")
    ElementTree.fromstring(text)
    assert "teacher" in text
    assert len(points(text)) <= 420


@pytest.mark.parametrize("losses", [[], [1.0, 0.0]])
def test_what_has_no_logarithm_is_refused(losses):
    with pytest.raises(ValueError, match="above 0"):
        curve.svg(losses, title="")


def test_a_loss_of_zero_does_not_end_the_run_that_is_drawn(tmp_path):
    run = tmp_path / "curve.jsonl"
    run.write_text('{"loss": 0.5}\n{"loss": 0.0}\n')
    drawn = curve.save(run, tmp_path / "curve.svg", title="a < b & c")
    ElementTree.fromstring(drawn.read_text())
    assert len(points(drawn.read_text())) == 2
    run.write_text("")
    assert not curve.save(run, tmp_path / "none.svg", title="").exists()
