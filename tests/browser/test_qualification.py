"""From the invitation to live work by keyboard: consent, training, an exam failed, a day later

passed. Every screen on the way is looked at by axe in both themes."""

import re

import pytest

from tests.browser import axe
from tests.browser.bench import Bench
from tests.factories import PASSWORD

pytestmark = pytest.mark.browser

FOCUSED = (
    "() => document.activeElement.matches('a, button') ? document.activeElement.textContent : ''"
)
BAR = "document.querySelectorAll('.patch')[{}].querySelector('rect + rect').getAttribute('x')"
PLACES = {"14": 0, "68": 1, "122": 2}
OTHER = {"Digit1": "Digit2", "Digit2": "Digit1"}


def tab_to(page, words: str) -> None:
    """Walk with Tab to what says this, as somebody without a mouse does."""
    for _ in range(60):
        if words in page.evaluate(FOCUSED):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reached {words!r} on {page.url}")


def press_on(page, words: str) -> None:
    tab_to(page, words)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def clean(page) -> None:
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        assert axe.findings(page) == [], page.url


def test_a_new_annotator_comes_from_an_invitation_to_live_work_by_keyboard(site, visitor):
    study = site.ask("examined", people=0)
    uid = study["uid"]
    page = visitor().new_page()
    page.goto(f"/join/{site.ask('study_invitation', uid=uid)}/")
    page.locator("input[name=username]").focus()
    for typed in ("newcomer", PASSWORD, PASSWORD):
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
    press_on(page, "Make the account")
    press_on(page, "Start")
    page.wait_for_url(re.compile("/first/"))
    clean(page)

    # Consent and the screen, with a wrong bar first.
    where = [PLACES[page.evaluate(BAR.format(n))] for n in (0, 1)]
    page.locator("a.brand").focus()
    choose_bars(page, [(where[0] + 1) % 3, where[1]])
    page.wait_for_selector(".banner-error:has-text('The bar stands elsewhere')")
    clean(page)
    choose_bars(page, where, agreed=True)
    page.wait_for_selector(".deck .example")
    clean(page)
    press_on(page, "I have read this")

    # Training: wrong once, explained each time.
    page.wait_for_selector("button:has-text('Begin the training'):focus")
    with page.expect_navigation():
        page.keyboard.press("Enter")  # its button has the focus
    bench = Bench(page, page.url).ready()
    keys = site.ask("right_keys", uid=uid)
    for n, key in enumerate(keys):
        bench.answer(OTHER[key] if n == 0 else key)
        said = f"You chose {OTHER[key][-1]}." if n == 0 else "Right."
        bench.says("#lesson-heading", f"{said} Picture {key[-1]} matches the text better.")
        bench.says("#lesson-reason", "Discs come before light.")
        if n == 0:
            clean(page)
            page.keyboard.press("Digit1")  # no answer is open now
        assert bench.text("#trial-words") == f"{n} of {n + 1} right, 2 of 3 to pass"
        page.keyboard.press("Enter")
    page.wait_for_selector("button:has-text('Begin the exam')")
    clean(page)

    # The exam: failed, a day of waiting, passed on other items.
    sit_exam(page, site, uid, right=False)
    page.wait_for_selector(".qualify-said:has-text('0 of 4. 3 are needed. Another set opens on')")
    clean(page)
    page.goto(f"/annotate/{uid}/")
    assert page.url.endswith("/first/")
    assert page.locator("button:has-text('Begin')").count() == 0
    site.ask("a_day_passes", uid=uid)
    page.reload()
    sit_exam(page, site, uid, right=True)
    page.wait_for_selector(".qualify-said:has-text('Passed.')")
    clean(page)
    assert site.ask("votes", uid=uid) == []
    with page.expect_navigation():
        page.keyboard.press("Enter")
    Bench(page, page.url).answer("Digit1").answer("Digit2").sent()
    assert [vote["side"] for vote in site.ask("votes", uid=uid)] == ["left", "right"]


RINGED = """() => [...document.querySelectorAll('.cover')].map((cover) => {
    const both = [cover, cover.previousElementSibling];
    const [over, under] = both.map((node) => node.getBoundingClientRect());
    const sides = ['left', 'top', 'width', 'height'];
    const off = sides.map((side) => Math.abs(over[side] - under[side]));
    const no = cover.closest('.pane').querySelector('.no').textContent;
    const pane = cover.closest('.pane').classList[1];
    return { off: Math.max(...off), no, pane, wide: over.width };
})"""


@pytest.mark.parametrize("screen", [(1280, 720), (390, 844)])
def test_a_ring_lies_in_the_box_of_its_picture_through_zoom_and_flip(site, visitor, screen):
    study = site.ask("examined", stage="in training", protocol={"phone": True})
    page = visitor(study["people"][0]["session"]).new_page()
    page.set_viewport_size({"width": screen[0], "height": screen[1]})
    bench = Bench(page, f"/annotate/{study['uid']}/trial/").open()
    (right, *_) = site.ask("right_keys", uid=study["uid"])
    assert bench.run(RINGED) == []
    bench.answer(right)
    page.wait_for_selector(".shows-lesson .cover", state="attached")
    seen = [bench.run(RINGED)]
    for key in ("KeyZ", "KeyF", "KeyZ", "KeyF"):
        page.keyboard.press(key)
        seen.append(bench.run(RINGED))
    for rings in seen:
        # The first ring of an item lies on its better picture, under whatever number that stands.
        assert right[-1] in {ring["no"] for ring in rings}
        assert max(ring["off"] for ring in rings) < 0.5
    wide = screen[0] == 1280
    assert seen[1][0]["wide"] > 1.5 * seen[0][0]["wide"]
    panes = [{ring["no"]: ring["pane"] for ring in rings}[right[-1]] for rings in seen]
    assert (panes[0] != panes[2]) == wide  # on a phone the panes lie over each other and stay
    page.keyboard.press("Enter")
    bench.ready()
    assert bench.run(RINGED) == []


def choose_bars(page, where: list[int], *, agreed: bool = False) -> None:
    """Radio buttons by Tab, Space and arrows; then the box and the button."""
    for square, place in zip(("dark", "light"), where, strict=True):
        page.locator(f"#{square}-left").focus()
        page.keyboard.press("Space")
        for _ in range(place):
            page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    if not agreed:
        page.keyboard.press("Space")
    press_on(page, "Go on")


def sit_exam(page, site, uid: str, *, right: bool) -> None:
    page.wait_for_selector("button:has-text('Begin the'):focus")  # given it once the page is there
    with page.expect_navigation():
        page.keyboard.press("Enter")
    bench = Bench(page, page.url).ready()
    keys = site.ask("right_keys", uid=uid)
    for key in keys[:-1]:
        bench.answer(key if right else OTHER[key])
    bench.answer(keys[-1] if right else OTHER[keys[-1]])
