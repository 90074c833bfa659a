"""A worker from a platform by keyboard: the link, the pairs of their quota, the code, goodbye."""

import re

import pytest

from tests.browser import axe
from tests.browser.bench import Bench

pytestmark = pytest.mark.browser


def clean(page) -> None:
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        assert axe.findings(page) == [], page.url


@pytest.mark.parametrize("width", [1280, 390])
def test_from_the_link_to_the_code_and_out_again(site, visitor, width):
    protocol = {"votes_per_annotator": 2, "phone": True}
    study = site.ask("study", pairs=5, people=0, protocol=protocol)
    token = site.ask("recruited", uid=study["uid"])["prolific"]
    page = visitor(width=width, height=844).new_page()
    page.goto(f"/enter/{token}/?PROLIFIC_PID=new{width}")
    clean(page)
    with page.expect_navigation():
        page.keyboard.press("Enter")  # its button has the focus
    bench = Bench(page, page.url)
    bench.answer("Digit1").answer("Digit2")
    page.wait_for_url(re.compile("/finished/"))
    code = page.input_value("#code")
    assert len(code) == 10
    back = page.get_attribute("text=Return with this code", "href")
    assert back == f"https://app.prolific.com/submissions/complete?cc={code}"
    clean(page)
    page.goto("/account/erase/")
    clean(page)
    page.check("[name=sure]")
    with page.expect_navigation():
        page.click("button:has-text('Leave and erase')")
    page.wait_for_selector("h1:has-text('Your data is erased')")
    assert [vote["side"] for vote in site.ask("votes", uid=study["uid"])][-2:] == ["left", "right"]
