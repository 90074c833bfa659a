"""No answer is lost or stored twice, whatever becomes of network, server, session and tabs."""

import re

import pytest

from tests.factories import PASSWORD

pytestmark = pytest.mark.browser

CUT = 10


class Wire:
    """What the browser sent: tokens posted, and which of them were acknowledged."""

    def __init__(self, page) -> None:
        self.posted: list[str] = []
        self.acknowledged: list[str] = []
        page.on("request", self._request)
        page.on("response", self._response)

    def _request(self, request) -> None:
        if request.url.endswith("/votes"):
            self.posted.append(request.post_data_json["token"])

    def _response(self, response) -> None:
        if response.url.endswith("/votes") and response.status in {200, 201}:
            self.acknowledged.append(response.request.post_data_json["token"])


def stored(site, study) -> list[str]:
    return [v["token"] for v in site.ask("votes", uid=study["uid"])]


@pytest.fixture
def restarted(site):
    """Whatever a test does to the server, the next one finds it running."""
    yield site
    site.kill()
    site.start()


def test_ten_answers_survive_a_cut_network_a_killed_server_and_a_reload(restarted, judging):
    site = restarted
    bench, study = judging(pairs=16, protocol={"prefetch": 12})
    wire, context = Wire(bench.page), bench.page.context
    bench.answer("Digit1").sent().has_pictures(2 * 14)
    context.set_offline(True)
    for n in range(CUT // 2):
        bench.answer("Digit2")
        banner = bench.page.is_visible("#banner")
        assert banner == (n >= 3), f"{n + 1} unsent answers, banner {banner}"
    bench.says("#banner", "No connection. 5 answers are kept on this device and will be sent.")
    site.kill()
    for _ in range(CUT // 2):
        bench.answer("Digit1")
    bench.says("#banner", "No connection. 10 answers are kept on this device")
    kept = bench.kept
    assert len(set(kept)) == CUT
    assert stored(site, study) == wire.acknowledged
    site.start()
    # The page itself needs the network to load again; the answers wait on the device meanwhile.
    context.set_offline(False)
    bench.page.reload()
    bench.ready().sent()
    wait_until_empty(bench)
    assert sorted(stored(site, study)) == sorted([wire.acknowledged[0], *kept])
    assert set(wire.posted) <= set(stored(site, study))
    bench.answer("Digit1").sent()
    bench.says("#progress-text", "12 / 16")
    assert not bench.page.is_visible("#banner")
    sides = [v["side"] for v in site.ask("votes", uid=study["uid"])]
    assert sides == ["left"] + ["right"] * 5 + ["left"] * 6


def wait_until_empty(bench) -> None:
    for _ in range(100):
        if not bench.kept:
            return
        bench.page.wait_for_timeout(100)
    raise AssertionError(f"still kept on the device: {bench.kept}")


def test_a_page_made_before_an_answer_arrived_neither_asks_nor_counts_as_if_it_had_not(
    site, judging
):
    bench, study = judging(pairs=4)
    page, first = bench.page, bench.prompt
    # What a slow server may answer to a reload, while it stores what the page sent as it left.
    stale = page.context.request.get(page.url)
    bench.answer("Digit1").sent().ready()
    page.route(page.url, lambda route: route.fulfill(response=stale))
    page.reload()
    bench.ready()
    assert bench.prompt != first
    bench.says("#progress-text", "1 / 4")
    bench.answer("Digit2").sent().says("#progress-text", "2 / 4")
    assert [v["side"] for v in site.ask("votes", uid=study["uid"])] == ["left", "right"]


def test_a_reload_while_the_server_is_down_keeps_the_answers(restarted, judging):
    site = restarted
    bench, study = judging(pairs=8)
    bench.has_pictures(6)
    site.kill()
    bench.answer("Digit1").answer("Digit2").answer("Digit1")
    bench.says("#note", "No connection. 3 answers are kept on this device and will be sent.")
    kept = bench.kept
    site.start()
    bench.page.reload()
    bench.ready()
    wait_until_empty(bench)
    assert sorted(stored(site, study)) == sorted(kept)
    bench.says("#progress-text", "3 / 8")


def test_the_default_hand_goes_on_by_itself_after_every_cut(site, judging):
    bench, study = judging(pairs=12)
    for n in range(3):
        bench.ready().sent().has_pictures(2 * (3 + 3 * n))
        bench.page.context.set_offline(True)
        for _ in range(3):
            bench.answer("Digit2")
        bench.says("#note", "No connection. 3 answers are kept on this device")
        bench.page.context.set_offline(False)
    bench.ready().sent()
    bench.says("#progress-text", "9 / 12")
    assert len(set(stored(site, study))) == 9


def test_a_killed_server_between_answers_loses_none(restarted, judging):
    site = restarted
    bench, study = judging(pairs=9)
    wire = Wire(bench.page)
    for n in range(3):
        bench.has_pictures(2 * (3 + 2 * n)).answer("Digit1")
        site.kill()  # with the answer perhaps on its way, perhaps stored and not acknowledged
        bench.answer("Digit2")
        site.start()
    bench.ready()
    wait_until_empty(bench)
    assert sorted(set(wire.posted)) == sorted(stored(site, study))
    assert set(wire.acknowledged) == set(stored(site, study))
    assert len(stored(site, study)) == 6


def test_an_answer_stored_but_not_acknowledged_is_sent_again_and_stored_once(site, judging):
    bench, study = judging(pairs=4)
    lost = []

    def lose(route):
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort("connectionreset")

    bench.page.route("**/votes", lose)
    wire = Wire(bench.page)
    bench.answer("Digit1").sent()
    wait_until_empty(bench)
    assert lost == [201]
    assert len(wire.posted) == 2
    assert len(set(wire.posted)) == 1
    assert stored(site, study) == wire.acknowledged == wire.posted[:1]


def test_an_ended_session_keeps_the_answers_until_one_signs_in_again(site, visitor):
    study = site.ask("study", pairs=6, password=PASSWORD)
    person = study["people"][0]
    page = visitor(person["session"]).new_page()
    page.goto(f"/annotate/{study['uid']}/")
    ready = 'html[data-ready="1"]'
    page.wait_for_selector(ready, state="attached")
    page.keyboard.press("Digit1")
    page.wait_for_selector("#unsent:has-text('All answers saved')", state="attached")
    site.ask("end_session", key=person["session"])
    for _ in range(2):
        page.wait_for_selector(ready, state="attached")
        page.keyboard.press("Digit2")
    page.wait_for_selector("#banner:has-text('You are logged out. 2 answers are kept')")
    assert len(stored(site, study)) == 1
    page.click("#banner-link")
    page.fill("input[name=username]", person["username"])
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/annotate/"))
    page.wait_for_selector("#progress-text:has-text('3 / 6')")
    page.wait_for_selector("#unsent:has-text('All answers saved')", state="attached")
    assert len(set(stored(site, study))) == 3


def test_two_tabs_of_one_person_never_answer_one_pair_twice(site, judging):
    first, study = judging(pairs=12)
    wires = [Wire(first.page)]
    second = type(first)(first.page.context.new_page(), first.url)
    wires.append(Wire(second.page))
    second.open()
    assert second.prompt == first.prompt  # all tabs of a person share one hand
    shown = first.prompt
    second.answer("Digit1")
    first.says("#hint", "This pair was answered in another tab.").ready()
    assert first.prompt != shown
    for n in range(11):
        tab = (first, second)[n % 2]
        tab.page.bring_to_front()
        tab.answer("Digit2").sent()
    second.wait("#note")
    first.wait("#note")
    tokens = stored(site, study)
    assert len(tokens) == len(set(tokens)) == 12
    assert sorted(set(wires[0].posted + wires[1].posted)) == sorted(tokens)
    assert first.progress == second.progress == "12 / 12"


def test_a_double_click_answers_one_pair(site, judging):
    bench, study = judging(pairs=4, protocol={"min_view_ms": 700})
    bench.page.dblclick(".choice-1")
    bench.sent().ready()
    assert bench.progress == "1 / 4"
    assert len(stored(site, study)) == 1


def test_a_pair_passed_on_while_one_was_away_is_refused_in_words(site, visitor, judging):
    bench, study = judging(pairs=8, people=2)
    bench.page.context.set_offline(True)
    bench.answer("Digit1")
    site.ask("expire_leases", uid=study["uid"])
    other = type(bench)(visitor(study["people"][1]["session"]).new_page(), bench.url)
    other.open().answer("Digit2").sent()
    bench.page.context.set_offline(False)
    bench.says("#hint", "passed on")
    wait_until_empty(bench)
    (vote,) = site.ask("votes", uid=study["uid"])
    assert vote["side"] == "right"


def test_an_answer_after_the_lease_counts_while_nobody_else_took_the_pair(site, judging):
    bench, study = judging(pairs=2)
    site.ask("expire_leases", uid=study["uid"])
    bench.answer("Digit1").sent()
    assert len(stored(site, study)) == 1
