"""Judging by keyboard alone, and what the screen does for eyes and hands."""

import re

import pytest

from tests.factories import PASSWORD

pytestmark = pytest.mark.browser

LEFT_KEYS = ["Digit1", "Numpad1", "ArrowLeft"]
RIGHT_KEYS = ["Digit2", "Numpad2", "ArrowRight"]


def test_twelve_pairs_are_signed_in_for_and_judged_with_keys_only(site, visitor):
    study = site.ask("study", pairs=12, password=PASSWORD)
    page = visitor().new_page()
    page.goto(f"/annotate/{study['uid']}/")
    page.locator("input[name=username]").focus()
    page.keyboard.type(study["people"][0]["username"])
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/annotate/"))
    keys = [LEFT_KEYS[0], RIGHT_KEYS[0], LEFT_KEYS[1], RIGHT_KEYS[1], LEFT_KEYS[2], RIGHT_KEYS[2]]
    for key in keys * 2:
        page.wait_for_selector('html[data-ready="1"]', state="attached")
        page.keyboard.press(key)
    page.wait_for_selector("#note:has-text('Thank you, your 12 answers are in.')")
    stored = site.ask("votes", uid=study["uid"])
    assert [v["side"] for v in stored] == ["left", "right"] * 6
    assert {v["deciding"] for v in stored} == {"alignment"}
    assert not any(v["too_fast"] for v in stored)
    assert page.inner_text("#progress-text") == "12 / 12"


def test_a_key_pressed_too_early_is_answered_by_a_hint_and_never_queued(site, judging):
    bench, study = judging(pairs=3, protocol={"min_view_ms": 4000})
    bench.page.reload()
    bench.wait(".pane-1 .frame img")
    bench.page.keyboard.press("Digit1")
    assert bench.text("#hint").startswith("A moment")
    prompt = bench.prompt
    bench.ready().page.wait_for_timeout(300)
    assert bench.prompt == prompt
    assert bench.text("#hint") == ""
    assert site.ask("votes", uid=study["uid"]) == []


def test_a_held_key_answers_one_pair(site, judging):
    bench, study = judging(pairs=4, protocol={"min_view_ms": 0})
    for _ in range(12):  # the repeats of a key that is not let go
        bench.page.keyboard.down("Digit1")
        bench.page.wait_for_timeout(20)
    bench.page.keyboard.up("Digit1")
    bench.sent()
    assert len(site.ask("votes", uid=study["uid"])) == 1


def test_keys_with_control_belong_to_the_browser(site, judging):
    bench, study = judging(pairs=3)
    bench.page.keyboard.press("Control+Digit1")
    bench.page.keyboard.press("Alt+Digit2")
    bench.page.wait_for_timeout(200)
    assert bench.progress == "0 / 3"
    assert site.ask("votes", uid=study["uid"]) == []


def test_holding_space_flips_in_place_and_f_latches_and_the_numbers_go_with_the_pictures(
    site, judging
):
    bench, study = judging(pairs=3)
    page, before = bench.page, bench.order
    page.keyboard.down("Space")
    assert bench.order == before[::-1]
    assert bench.numbers == ["2", "1"]
    page.keyboard.up("Space")
    assert (bench.order, bench.numbers) == (before, ["1", "2"])
    page.keyboard.press("KeyF")
    assert bench.order == before[::-1]
    page.keyboard.down("Space")  # held while latched: back in place
    assert bench.order == before
    page.keyboard.up("Space")
    page.keyboard.press("KeyF")
    assert bench.order == before
    bench.answer("Digit1").sent()
    (vote,) = site.ask("votes", uid=study["uid"])
    assert vote["telemetry"]["flips"] == 3
    assert vote["telemetry"]["flip_ms"] > 0


def test_answer_1_means_picture_1_while_flipped(site, judging):
    bench, study = judging(pairs=3)
    bench.page.keyboard.press("KeyF")
    bench.answer("Digit1").sent()
    assert site.ask("votes", uid=study["uid"])[0]["side"] == "left"


def test_one_zoom_and_pan_moves_both_pictures(site, judging):
    bench, study = judging(pairs=3, sizes=[(512, 512), (512, 512)])
    page = bench.page
    transforms = "[...document.querySelectorAll('.pane .frame img')].map(i => i.style.transform)"
    box = page.locator(".pane-1 .frame").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.3)
    page.mouse.wheel(0, -500)
    left, right = bench.run(transforms)
    assert left == right
    assert "scale(" in left
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.4)
    page.mouse.up()
    moved = bench.run(transforms)
    assert moved[0] == moved[1] != left
    page.keyboard.press("KeyZ")
    assert bench.run(transforms) == ["", ""]
    page.keyboard.press("KeyZ")
    bench.says("#zoom-text", "100 %")
    page.keyboard.press("KeyZ")
    bench.answer("Digit2").sent()
    telemetry = site.ask("votes", uid=study["uid"])[0]["telemetry"]
    assert telemetry["zooms"] == 2
    assert telemetry["zoom_ms"] > 0
    assert telemetry["display"]["viewport"] == [1280, 720]
    assert telemetry["display"]["layout"] == "wide"


@pytest.mark.parametrize(
    ("key", "dialog"), [("KeyI", "instructions"), ("Slash", "keys"), ("KeyR", "report")]
)
def test_a_dialog_opens_by_its_key_takes_the_keys_and_closes_by_escape(site, judging, key, dialog):
    bench, study = judging(pairs=3)
    bench.page.keyboard.press(key)
    bench.wait(f"dialog#{dialog}[open]")
    bench.page.keyboard.press("Digit1")
    bench.page.keyboard.press("Escape")
    bench.wait(f"dialog#{dialog}", "hidden")
    assert bench.progress == "0 / 3"
    bench.answer("Digit1").sent()
    assert len(site.ask("votes", uid=study["uid"])) == 1


def test_a_pair_is_reported_with_a_comment_by_keys_and_another_one_comes(site, judging):
    bench, study = judging(pairs=4)
    prompt = bench.prompt
    bench.page.keyboard.press("KeyR")
    bench.wait("dialog#report[open]")
    bench.page.keyboard.press("Space")  # the first reason has the focus
    bench.page.keyboard.press("Tab")
    bench.page.keyboard.type("torn at 1 and 2")
    bench.page.keyboard.press("Tab")
    bench.page.keyboard.press("Enter")
    bench.says("#hint", "Reported.")
    bench.ready()
    assert bench.prompt != prompt
    assert site.ask("reports", uid=study["uid"]) == [["broken", "torn at 1 and 2"]]
    assert site.ask("votes", uid=study["uid"]) == []


def test_a_skipped_pair_does_not_come_back(site, judging):
    bench, study = judging(pairs=3)
    skipped = bench.prompt
    bench.page.keyboard.press("KeyR")
    bench.page.get_by_role("button", name="Only skip this pair").click()
    bench.says("#hint", "Skipped.")
    seen = []
    for _ in range(2):
        seen.append(bench.ready().prompt)
        bench.answer("Digit1")
    bench.wait("#note").sent()
    assert skipped not in seen
    assert site.ask("skips", uid=study["uid"]) == 1
    assert len(site.ask("votes", uid=study["uid"])) == 2


def test_the_context_picture_is_shown_with_its_role(judging):
    bench, _study = judging(pairs=3, context=True)
    assert bench.page.is_visible(".pane-context img")
    assert bench.text("#context-role").lower() == "source"
    assert bench.run("document.querySelector('.pane-context img').naturalWidth") == 320


def test_a_break_is_offered_and_skipped_and_never_where_the_protocol_says_0(site, judging):
    bench, study = judging(pairs=5, protocol={"break_pairs": 2})
    bench.answer("Digit1").answer("Digit2").wait("dialog#rest[open]")
    assert bench.text("#rest-text").startswith("2 pairs.")
    bench.page.keyboard.press("Escape")
    bench.wait("dialog#rest", "hidden")
    bench.answer("Digit1").sent()
    assert len(site.ask("votes", uid=study["uid"])) == 3
    other, study = judging(pairs=3, protocol={"break_pairs": 0, "break_minutes": 0})
    other.answer("Digit1").answer("Digit1").ready()
    assert not other.page.is_visible("dialog#rest")
    assert not other.page.is_visible("#break-text")


def test_a_paused_study_says_so_and_asks_until_it_is_open_again(site, judging):
    bench, study = judging(pairs=4)
    site.ask("move", uid=study["uid"], state="paused")
    bench.answer("Digit1").says("#note", "This study is paused.")
    bench.page.clock.install()
    bench.page.reload()
    bench.says("#note", "This study is paused.")
    site.ask("move", uid=study["uid"], state="open")
    bench.page.clock.run_for(16_000)  # it looks every fifteen seconds
    bench.answer("Digit1").sent()
    assert len(site.ask("votes", uid=study["uid"])) == 2


def test_time_away_from_the_pair_is_not_active_time(site, judging):
    bench, study = judging(pairs=2)
    bench.page.wait_for_timeout(400)
    bench.answer("Digit1").sent()
    (vote,) = site.ask("votes", uid=study["uid"])
    assert 30 <= vote["active_ms"] <= vote["elapsed_ms"]
    assert vote["elapsed_ms"] < 20_000
