"""The judging screen fits its window, treats both pictures alike, and has no colour but theirs."""

import io
import re
from collections.abc import Iterator

import pytest
from PIL import Image

from tests.browser.bench import Bench
from tests.browser.pages import DEJAVU, PROMPTS

pytestmark = pytest.mark.browser

# CSS pixels; half of 1280 x 720 is what 200 % zoom leaves of it.
SCREENS = {
    "laptop": (1280, 720),
    "200 %": (640, 360),
    "phone": (390, 844),
    "small phone": (320, 640),
    "wide": (1920, 1080),
    "tablet": (1024, 768),
}
NEXT_FRAME = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
# How far the contents of an element run over it; the page itself must never scroll.
OVERFLOW = """() => ["html", ".answers", ".bar", ".prompt"].map((name) => {
    const box = document.querySelector(name);
    return [name, box.scrollWidth - box.clientWidth, box.scrollHeight - box.clientHeight];
}).filter(([, wide, high]) => wide > 0 || high > 0)"""
FRAMES = """() => [".pane-1 .frame", ".pane-2 .frame"].map((name) => {
    const { width, height, top } = document.querySelector(name).getBoundingClientRect();
    return [width, height, top];
})"""
PICTURES = """() => [...document.querySelectorAll(".frame, .thumb-pic")].map((box) => {
    const { left, top, right, bottom } = box.getBoundingClientRect();
    return [left, top, right, bottom];
})"""


STUDIES = {
    "plain": {"prompts": PROMPTS},
    "split": {"protocol": {"ties": "split", "judgement": "full"}},
    "factor": {"protocol": {"judgement": "single", "deciding_factor": True}},
    "context": {"context": True},
    "unlike": {"sizes": [(256, 256), (512, 384)]},
    "tiny": {"sizes": [(16, 16), (16, 16)]},
}


@pytest.fixture(scope="module")
def study(site):
    return {
        kind: site.ask(
            "study", **given | {"pairs": 2, "protocol": {"phone": True} | given.get("protocol", {})}
        )
        for kind, given in STUDIES.items()
    }


def show(visitor, study, width=1280, height=720, **options) -> Bench:
    context = visitor(study["people"][0]["session"], width=width, height=height, **options)
    return Bench(context.new_page(), f"/annotate/{study['uid']}/").open()


def screens(bench: Bench) -> Iterator[str]:
    for name, (width, height) in SCREENS.items():
        bench.page.set_viewport_size({"width": width, "height": height})
        bench.run(NEXT_FRAME)
        yield name


@pytest.mark.parametrize("kind", STUDIES)
def test_judging_fits_without_scrolling_in_any_font(visitor, study, kind):
    bench = show(visitor, study[kind])
    # The longest there is to show: another question, and an undo beside it.
    bench.page.keyboard.press("Digit1" if kind == "factor" else "Digit0")
    for fonts in ("own", "DejaVu"):
        if fonts == "DejaVu":
            bench.run(DEJAVU)
        for screen in screens(bench):
            assert bench.run(OVERFLOW) == [], f"{screen}, {fonts} fonts"


@pytest.mark.parametrize("kind", STUDIES)
def test_both_frames_are_equal_to_a_tenth_of_a_pixel(visitor, study, kind):
    bench = show(visitor, study[kind])
    for screen in screens(bench):
        left, right = bench.run(FRAMES)
        assert left == pytest.approx(right, abs=0.1), screen
        assert min(left[:2]) > 100, screen


def test_pictures_of_unlike_sizes_are_shown_equally_large(visitor, study):
    bench = show(visitor, study["unlike"])
    sizes = "[...document.querySelectorAll('.pane .frame img')].map(i => [i.width, i.naturalWidth])"
    left, right = bench.run(sizes)
    assert left == right
    assert left[1] == 512


@pytest.mark.parametrize("screen", ["laptop", "phone"])
def test_a_tiny_picture_is_enlarged_by_a_whole_factor_and_not_smoothed(visitor, study, screen):
    bench = show(visitor, study["tiny"], *SCREENS[screen])
    shown = bench.run("""[...document.querySelectorAll(".frame img")].map((picture) => {
        const { width, height } = picture.getBoundingClientRect();
        return [width, height, getComputedStyle(picture).imageRendering];
    })""")
    sides = {side for width, height, _ in shown for side in (width, height)}
    assert len(sides) == 1
    assert sides.pop() % 16 == 0
    assert {how for *_, how in shown} == {"pixelated"}
    fitted = bench.run("document.querySelector('.pane-1 .frame').clientWidth")
    assert fitted - 16 < shown[0][0] <= fitted


def test_native_pictures_keep_one_scale(site, judging):
    bench, _study = judging(pairs=1, sizes=[(256, 256), (512, 512)], protocol={"display": "native"})
    sizes = "[...document.querySelectorAll('.pane .frame img')].map(i => i.width / i.naturalWidth)"
    left, right = bench.run(sizes)
    assert left == pytest.approx(right, abs=0.01)


@pytest.mark.parametrize("screen", ["laptop", "200 %", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_on_the_bench_has_a_colour_but_the_pictures(visitor, study, screen, theme):
    width, height = SCREENS[screen]
    bench = show(visitor, study["plain"], width, height, color_scheme=theme)
    for keys in ([], ["Tab", "Tab"], ["KeyI"], ["Escape", "KeyR"], ["Escape", "Slash"]):
        for key in keys:
            bench.page.keyboard.press(key)
        assert chroma(bench) == 0, f"after {keys}"


def chroma(bench: Bench) -> int:
    """The largest difference between red, green and blue outside the pictures."""
    shot = Image.open(io.BytesIO(bench.page.screenshot(animations="disabled"))).convert("RGB")
    for left, top, right, bottom in bench.run(PICTURES):
        shot.paste((0, 0, 0), (int(left) - 1, int(top) - 1, int(right) + 2, int(bottom) + 2))
    return max(max(c) - min(c) for _, c in shot.getcolors(1 << 24))


def test_a_small_touch_screen_is_turned_away_where_the_protocol_allows_no_phones(site, visitor):
    study = site.ask("study", pairs=1)
    context = visitor(study["people"][0]["session"], width=390, height=844, has_touch=True)
    page = context.new_page()
    page.goto(f"/annotate/{study['uid']}/")
    page.wait_for_selector("#note:has-text('This study needs a screen at least 900 px wide.')")
    page.keyboard.press("Digit1")
    page.wait_for_timeout(200)
    assert site.ask("votes", uid=study["uid"]) == []


def test_a_phone_flips_by_thumb_and_says_so_in_the_vote(site, visitor):
    study = site.ask("study", pairs=2, protocol={"phone": True})
    bench = show(visitor, study, 390, 844, has_touch=True, is_mobile=True)
    shown = "document.querySelector('#stage').dataset.show"
    first = bench.run(shown)
    other = "2" if first == "1" else "1"
    bench.page.tap(f".thumb-{other}")
    assert bench.run(shown) == other
    bench.page.tap(".choice-2")
    bench.sent()
    (vote,) = site.ask("votes", uid=study["uid"])
    assert vote["side"] == "right"
    assert vote["telemetry"]["display"]["layout"] == "flip"
    assert vote["telemetry"]["display"]["first"] == int(first)
    assert vote["telemetry"]["flips"] == 1


def test_reduced_motion_leaves_nothing_moving(visitor, study):
    bench = show(visitor, study["plain"], 1280, 720, reduced_motion="reduce")
    moving = "document.getAnimations().length"
    bench.page.keyboard.press("KeyI")
    assert bench.run(moving) == 0


def test_the_focus_is_always_visible(visitor, study):
    bench = show(visitor, study["plain"], 1280, 720)
    seen = []
    for _ in range(12):
        bench.page.keyboard.press("Tab")
        style = bench.run(
            "(() => { const s = getComputedStyle(document.activeElement);"
            " return [document.activeElement.tagName, s.outlineStyle, s.outlineWidth]; })()"
        )
        if style[0] == "BODY":
            break
        seen.append(style)
    assert len(seen) >= 6
    assert all(s[1] != "none" and float(re.sub("px", "", s[2])) >= 2 for s in seen)
