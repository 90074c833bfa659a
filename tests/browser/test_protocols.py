"""Each protocol asks what it says and stores what was answered."""

import pytest

pytestmark = pytest.mark.browser


def sides(vote: dict) -> tuple[str, str, list[str]]:
    return vote["side"], vote["deciding"], sorted(vote["answers"])


def test_cascade_asks_the_next_criterion_only_after_a_tie(site, judging):
    bench, study = judging(pairs=3)
    assert bench.text("#question") == "Which picture matches the text better?"
    bench.answer("Digit0")
    assert bench.text("#question") == "Which picture has better image quality?"
    bench.answer("Numpad0")
    assert bench.text("#question") == "Which picture is more pleasing?"
    bench.answer("Digit2").answer("ArrowDown", "Digit1").answer("Digit0", "Digit0", "Digit0").sent()
    first, second, third = site.ask("votes", uid=study["uid"])
    assert sides(first) == ("right", "aesthetics", ["aesthetics", "alignment", "quality"])
    assert sides(second) == ("left", "quality", ["alignment", "quality"])
    assert third["choice"] == "tie"


def test_u_goes_one_question_back_within_a_pair(site, judging):
    bench, study = judging(pairs=3)
    bench.answer("Digit0", "Digit0", "KeyU")
    assert bench.text("#question") == "Which picture has better image quality?"
    assert bench.text("#undo-text") == "Undo “equal”"
    bench.answer("Backspace", "Digit1").sent()
    (vote,) = site.ask("votes", uid=study["uid"])
    assert sides(vote) == ("left", "alignment", ["alignment"])


def test_single_asks_once_and_then_what_decided_it(site, judging):
    bench, study = judging(pairs=3, protocol={"judgement": "single", "deciding_factor": True})
    bench.answer("Digit1")
    assert bench.text("#question") == "What decided it?"
    bench.answer("Digit2")
    bench.answer("Digit2", "Digit0")  # no single one
    bench.answer("Digit0").sent()  # nothing decides a tie
    first, second, third = site.ask("votes", uid=study["uid"])
    assert sides(first) == ("left", "quality", ["overall"])
    assert sides(second) == ("right", "", ["overall"])
    assert (third["choice"], third["deciding"]) == ("tie", "")


def test_full_asks_every_criterion_and_the_overall(site, judging):
    bench, study = judging(pairs=2, protocol={"judgement": "full"})
    bench.answer("Digit1", "Digit0", "Digit2")
    assert bench.text("#question") == "Which picture is better overall?"
    bench.answer("Digit2").sent()
    (vote,) = site.ask("votes", uid=study["uid"])
    assert sorted(vote["answers"]) == ["aesthetics", "alignment", "overall", "quality"]
    assert vote["answers"]["quality"] == "tie"
    assert vote["answers"]["overall"] == vote["answers"]["aesthetics"]
    assert vote["answers"]["overall"] != vote["answers"]["alignment"]


def test_split_ties_tell_both_bad_from_equally_good(site, judging):
    bench, study = judging(pairs=3, protocol={"judgement": "single", "ties": "split"})
    assert bench.text("#equal-words") == "Equally good"
    bench.answer("Digit9").answer("Digit0").answer("Numpad9").sent()
    stored = site.ask("votes", uid=study["uid"])
    assert [v["both_bad"] for v in stored] == [True, False, True]
    assert {v["choice"] for v in stored} == {"tie"}


def test_where_ties_are_forbidden_their_keys_do_nothing_and_their_buttons_are_gone(site, judging):
    bench, study = judging(pairs=2, protocol={"judgement": "single", "ties": "forbid"})
    assert not bench.page.is_visible(".choice-equal")
    assert not bench.page.is_visible(".choice-bad")
    bench.answer("Digit0", "Digit9", "ArrowDown", "Digit3")
    assert bench.progress == "0 / 2"
    bench.answer("Digit1").sent()
    assert [v["side"] for v in site.ask("votes", uid=study["uid"])] == ["left"]


def test_undo_takes_a_stored_answer_back_and_the_pair_returns(site, judging):
    bench, study = judging(pairs=3)
    judged = bench.prompt
    bench.answer("Digit1").sent().ready()
    bench.page.keyboard.press("KeyU")
    bench.says("#hint", "Undone. The pair is open again.").ready()
    assert bench.prompt == judged
    assert bench.progress == "0 / 3"
    assert site.ask("votes", uid=study["uid"]) == []
    bench.answer("Digit2").sent()
    assert [v["side"] for v in site.ask("votes", uid=study["uid"])] == ["right"]
    assert site.ask("taken_back", uid=study["uid"]) == 1


def test_undo_takes_an_unsent_answer_back_without_the_server(site, judging):
    bench, study = judging(pairs=4)
    bench.ready()
    bench.page.context.set_offline(True)
    judged = bench.prompt
    bench.answer("Digit1").answer("KeyU")
    bench.says("#hint", "Undone. The pair is open again.")
    assert bench.prompt == judged
    bench.answer("Digit2")
    bench.page.context.set_offline(False)
    bench.sent()
    assert [v["side"] for v in site.ask("votes", uid=study["uid"])] == ["right"]


def test_undo_is_still_offered_after_a_reload(site, judging):
    bench, study = judging(pairs=3)
    judged = bench.prompt
    bench.answer("Digit1").sent()
    bench.page.reload()
    bench.ready()
    assert bench.text("#undo-text") == "Undo last answer, “picture 1”"
    bench.page.keyboard.press("KeyU")
    bench.says("#hint", "Undone.").ready()
    assert bench.prompt == judged
    assert site.ask("votes", uid=study["uid"]) == []


def test_the_last_answer_of_a_study_can_be_undone_from_the_closing_words(site, judging):
    bench, study = judging(pairs=1)
    bench.answer("Digit1").says("#note", "Thank you, your answer is in.")
    bench.page.keyboard.press("KeyU")
    bench.answer("Digit2").sent()
    assert [v["side"] for v in site.ask("votes", uid=study["uid"])] == ["right"]
    assert site.ask("taken_back", uid=study["uid"]) == 1


def test_an_answer_before_the_last_one_is_final(site, judging):
    bench, study = judging(pairs=4)
    bench.answer("Digit1").answer("Digit1").sent().answer("KeyU")
    bench.says("#hint", "Undone.").ready()
    bench.page.keyboard.press("KeyU")
    bench.says("#hint", "Nothing to undo")
    assert len(site.ask("votes", uid=study["uid"])) == 1
