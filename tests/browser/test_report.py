"""An open report in a browser: it follows the votes, and keeps what a reader has open."""

import pytest

pytestmark = pytest.mark.browser

ROUND_MS = 16_000


def test_an_open_report_follows_the_votes_and_keeps_the_readers_place(site, visitor):
    study = site.ask("study", pairs=4)
    page = visitor(study["owner"]["session"]).new_page()
    page.clock.install()
    page.goto(f"/studies/{study['uid']}/report/")
    assert page.inner_text("h1") == "No prompt is decided yet: 0 of 4 votes are in."
    page.click("text=The whole protocol")

    site.ask("vote_all", uid=study["uid"])
    page.clock.run_for(ROUND_MS)
    page.wait_for_selector("#bars .plot-wide")
    assert "4 of 4" in page.inner_text(".meta")
    assert page.inner_text("#report-status") == "The report was updated."

    page.click("text=The whole protocol")
    mark = page.get_attribute("main", "data-report")
    page.clock.run_for(ROUND_MS)
    assert page.get_attribute("main", "data-report") == mark
    assert page.locator("details.protocol[open]").count() == 1


def test_the_report_prints_in_light_whatever_the_screen(site, visitor):
    study = site.ask("study", pairs=2)
    site.ask("vote_all", uid=study["uid"])
    page = visitor(study["owner"]["session"], color_scheme="dark").new_page()
    page.goto(f"/studies/{study['uid']}/report/")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(22, 22, 22)"
    page.emulate_media(media="print")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    for gone in ("header.top", ".toc", "#export .actions", ".plot-narrow"):
        assert not page.locator(gone).first.is_visible()
    assert page.locator(".plot-wide").first.is_visible()
    assert page.pdf().startswith(b"%PDF")
