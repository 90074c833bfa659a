"""The screen of a diversity study: four keystrokes and Enter."""

import os
from pathlib import Path

import pytest
from PIL import Image

from tests.browser.axe import findings
from tests.browser.bench import Bench

pytestmark = pytest.mark.browser
LINES = ("angle_of_view", "background", "main_object", "style")
MARKED = ".attr-now legend"


@pytest.fixture
def variety(site, visitor, tmp_path):
    """Somebody at the bench of a study: two methods, two prompts, two pictures of each."""
    lines = ["file,prompt_id,prompt,method,replica"]
    for n, (method, prompt, replica) in enumerate(
        (m, p, r) for m in ("one", "two") for p in ("p0", "p1") for r in (0, 1)
    ):
        Image.new("RGB", (320, 320), (30 * n, 200 - 20 * n, 90)).save(tmp_path / f"{n}.png")
        lines.append(f"{n}.png,{prompt},A cup of tea {prompt},{method},{replica}")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("\n".join(lines), encoding="utf-8")
    protocol = {"kind": "diversity", "overlap": 1, "min_votes": 1, "min_view_ms": 30, "phone": True}

    def open_study(*, more=None, worked=False, **screen):
        study = site.ask(
            "study_of",
            manifest=str(manifest),
            people=1,
            protocol=protocol | (more or {}),
            methods=("one", "two"),
            launched=not (more or worked),
        )
        if more:
            site.ask("train_in_diversity", uid=study["uid"])
        if worked:
            site.ask("launch_with_worked_pairs", uid=study["uid"])
        context = visitor(study["people"][0]["session"], **screen)
        place = "trial/" if more else ""
        return Bench(context.new_page(), f"/annotate/{study['uid']}/{place}").open(), study

    return open_study


def picture(bench: Bench, name: str) -> None:
    """Kept where TRIPTYCH_SCREENSHOTS names a folder, to be looked at."""
    if folder := os.environ.get("TRIPTYCH_SCREENSHOTS"):
        bench.page.screenshot(path=Path(folder) / f"{name}.png")


def test_four_keys_and_enter_answer_a_pair(site, variety):
    bench, study = variety(width=1280, height=720)
    assert bench.text(MARKED).startswith("Angle of view")
    bench.answer("Enter").says("#hint", "Four answers first")
    bench.answer("Digit3", "Digit2", "Digit0")
    assert bench.text(MARKED).startswith("Style")
    picture(bench, "diversity-1280-light")
    assert findings(bench.page) == []
    assert bench.run("document.querySelector('.rate').scrollHeight") <= bench.run(
        "document.querySelector('.rate').clientHeight"
    )
    bench.answer("Digit1", "ArrowUp", "ArrowUp", "Digit1", "Enter").sent()
    (vote,) = site.ask("votes", uid=study["uid"])
    assert vote["answers"] == dict(zip(LINES, ("2", "0", "cannot", "0"), strict=True))
    bench.ready().wait(".attr-now")
    assert bench.text("#rate-count") == "0 of 4"
    bench.answer("Digit2", "KeyU")  # within the pair, one line back
    assert bench.text("#rate-count") == "0 of 4"
    bench.answer("KeyU").says("#hint", "Undone").sent()
    assert site.ask("votes", uid=study["uid"]) == []
    for _ in range(4):
        bench.answer(*["Digit3"] * 4, "Enter").sent()
    assert len(site.ask("votes", uid=study["uid"])) == 4
    bench.wait("body.shows-note")


def test_a_phone_shows_everything_at_once_and_takes_taps(site, variety):
    bench, study = variety(width=390, height=844, has_touch=True, color_scheme="dark")
    for line in LINES:
        bench.page.tap(f'input[name="{line}"][value="1"]')
        bench.wait(f'input[name="{line}"][value="1"]:checked', state="attached")
    picture(bench, "diversity-390-dark")
    assert findings(bench.page) == []
    assert bench.run("document.querySelector('#rate-next').getBoundingClientRect().bottom") <= 844
    bench.page.tap("#rate-next")
    bench.sent()
    (vote,) = site.ask("votes", uid=study["uid"])
    assert set(vote["answers"].values()) == {"1"}


EXAM = {
    "qualification": True,
    "training_pairs": 2,
    "training_pass": 1,
    "exam_items": 2,
    "exam_pass": 2,
    "exam_attempts": 1,
}


@pytest.mark.parametrize(("width", "height", "scheme"), [(1280, 720, "light"), (390, 844, "dark")])
def test_training_explains_which_line_was_otherwise_until_enter(variety, width, height, scheme):
    bench, _ = variety(more=EXAM, width=width, height=height, color_scheme=scheme)
    bench.answer("Digit1", "Digit1", "Digit1", "Digit3", "Enter").sent().wait("#lesson")
    assert "Style: you said “Clearly”, right is “Same”" in bench.text("#lesson-heading")
    assert bench.text("#lesson-reason") == "It is the same picture twice."
    picture(bench, f"diversity-lesson-{width}-{scheme}")
    assert findings(bench.page) == []
    assert (
        bench.run("document.querySelector('#lesson-next').getBoundingClientRect().bottom") <= height
    )
    bench.page.keyboard.press("Enter")
    bench.wait("#lesson", state="hidden").answer(*["Digit1"] * 4, "Enter").sent().wait("#lesson")
    assert bench.text("#lesson-heading").startswith("Right. Angle of view: Same")
    bench.page.keyboard.press("Enter")
    bench.page.wait_for_url("**/first/")


@pytest.mark.parametrize(
    ("width", "height", "scheme"),
    [(1280, 720, "light"), (1280, 720, "dark"), (390, 844, "light"), (390, 844, "dark")],
)
def test_worked_pairs_of_the_marked_line_come_and_go_with_a_key(variety, width, height, scheme):
    bench, _ = variety(worked=True, width=width, height=height, color_scheme=scheme)
    assert bench.page.is_hidden("#samples")
    bench.page.click("#open-samples")
    bench.wait('#samples [data-line="angle_of_view"]')
    assert "Same: It is the same picture twice." in bench.text("#samples")
    bench.answer("Digit1", "Digit1").wait('#samples [data-line="main_object"]')
    assert bench.page.is_hidden('#samples [data-line="angle_of_view"]')
    shown = "[...document.querySelectorAll('[data-line=main_object] img')]"
    bench.run(f"Promise.all({shown}.map((image) => image.decode()))")
    picture(bench, f"diversity-examples-{width}-{scheme}")
    assert findings(bench.page) == []
    lowest = "document.querySelector('#rate-next').getBoundingClientRect().bottom"
    assert bench.run(lowest) <= height
    for scrolls in ("document.documentElement", "document.querySelector('.rate')"):
        assert bench.run(f"{scrolls}.scrollHeight") <= bench.run(f"{scrolls}.clientHeight")
    bench.answer("Digit1").wait(".samples-none")  # no pairs of the last line
    bench.page.keyboard.press("e")
    bench.wait("#samples", state="hidden")
    assert bench.page.get_attribute("#open-samples", "aria-expanded") == "false"
    bench.page.keyboard.press("i")
    bench.wait("#instructions[open]")
    assert "Main object: Somewhat." in bench.text("#instructions")
    bench.run("document.querySelectorAll('#instructions .example')[3].scrollIntoView()")
    picture(bench, f"diversity-instructions-{width}-{scheme}")
    assert findings(bench.page) == []
