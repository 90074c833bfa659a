"""Writing from right to left on the judging screen: in the prompt, and of the page itself."""

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

ARABIC = "ثلاث تفاحات حمراء على طاولة خشبية قديمة، 4K"
HEBREW = "כלב ישן על ספה כחולה ליד חלון, בסגנון Van Gogh"
LEFT = "Math.round(document.querySelector('{}').getBoundingClientRect().left)"


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_a_prompt_from_right_to_left_is_set_so_and_the_sides_stay(judging, width, height):
    protocol = {"phone": True, "min_view_ms": 30}
    screen = {"width": width, "height": height}
    bench, _ = judging(screen, pairs=2, prompts=[ARABIC, HEBREW], protocol=protocol)
    prompt = "document.querySelector('#prompt-text')"
    assert bench.text("#prompt-text") in {ARABIC, HEBREW}
    assert bench.run(f"getComputedStyle({prompt}).direction") == "rtl"
    assert bench.run("getComputedStyle(document.body).direction") == "ltr"
    if folder := os.environ.get("TRIPTYCH_SCREENSHOTS"):
        bench.page.screenshot(path=Path(folder) / f"rtl-prompt-{width}.png")
    # A page in such a language is mirrored; which picture is called 1 and left is not.
    bench.run("document.documentElement.dir = 'rtl'")
    if width > 900:
        assert bench.run(LEFT.format(".pane-1")) < bench.run(LEFT.format(".pane-2"))
    assert bench.run(LEFT.format(".choice-1")) < bench.run(LEFT.format(".choice-2"))
    assert bench.run("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("TRIPTYCH_SCREENSHOTS"):
        bench.page.screenshot(path=Path(folder) / f"rtl-page-{width}.png")
