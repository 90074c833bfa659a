from collections import Counter
from itertools import combinations_with_replacement, product
from math import factorial, prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.analysis.verdict import RULES, Decision, Rule, decide, majority
from annotate.analysis.votes import PRIORITY, Choice, Criterion, VoteRecord
from tests.analysis.ballots import (
    ALL_FULL_VOTES,
    choices,
    full_votes,
    mirrored,
    overall,
    ranked,
)

PTM, MTP = Rule.PRIORITY_THEN_MAJORITY, Rule.MAJORITY_THEN_PRIORITY


def verdict(votes, *, rule=PTM, min_votes=3, split="tie", **protocol) -> Decision | None:
    return decide(votes, rule=rule, min_votes=min_votes, split=split, **protocol)


def test_of_27_patterns_7_go_to_each_side_7_to_a_tie_and_6_are_split():
    found = Counter()
    for letters in product("ABT", repeat=3):
        decision = verdict(overall("".join(letters)))
        found["split" if decision.reason == "split" else decision.outcome.value] += 1
        assert decision.outcome is majority(choices("".join(letters)))
    assert found == {"first": 7, "second": 7, "tie": 7, "split": 6}


def test_the_two_rules_differ_on_3480_of_19683_triples():
    differ = total = 0
    # The order of votes is of no account (tested below): multisets, each with its orderings.
    for triple in combinations_with_replacement(range(27), 3):
        orderings = factorial(3) // prod(factorial(n) for n in Counter(triple).values())
        votes = [ALL_FULL_VOTES[index] for index in triple]
        total += orderings
        if verdict(votes, rule=PTM).outcome is not verdict(votes, rule=MTP).outcome:
            differ += orderings
    assert (total, differ) == (19_683, 3_480)


@pytest.mark.parametrize(
    ("letters", "outcome", "reason", "counts"),
    [
        ("AAA", Choice.FIRST, "unanimous", (3, 0, 0)),
        ("ABA", Choice.FIRST, "majority", (2, 0, 1)),
        ("TBB", Choice.SECOND, "majority", (0, 1, 2)),
        ("TTT", Choice.TIE, "unanimous", (0, 3, 0)),
        ("TAT", Choice.TIE, "majority", (1, 2, 0)),
        ("ATB", Choice.TIE, "split", (1, 1, 1)),
    ],
)
def test_a_decision_names_its_reason_and_counts(letters, outcome, reason, counts):
    deciding = None if outcome is Choice.TIE else Criterion.OVERALL
    assert verdict(overall(letters)) == Decision(outcome, reason, PTM, deciding, counts)


def test_the_deciding_criterion_is_the_one_most_winning_votes_turned_on():
    assert verdict([ranked("A"), ranked("TA"), ranked("TA")]).deciding is Criterion.QUALITY
    assert verdict([ranked("TTA"), ranked("TA"), ranked("B")]).deciding is Criterion.QUALITY
    assert verdict([ranked("TTA"), ranked("A"), ranked("B")]).deciding is Criterion.ALIGNMENT
    assert verdict([ranked("T"), ranked("TT"), ranked("A")]).deciding is None


def test_majority_then_priority_lets_the_first_criterion_with_a_majority_decide():
    votes = [ranked("TAB"), ranked("TAB"), ranked("ABB")]
    assert verdict(votes, rule=MTP) == Decision(
        Choice.FIRST, "majority", MTP, Criterion.QUALITY, (2, 0, 1)
    )


def test_majority_then_priority_names_the_weakest_ballot_behind_a_tie():
    assert verdict([ranked("TTT")] * 3, rule=MTP).reason == "unanimous"
    assert verdict([ranked("TTT")] * 2 + [ranked("TTA")], rule=MTP).reason == "majority"
    votes = [ranked("ATT"), ranked("BTT"), ranked("TTT")]
    assert verdict(votes, rule=MTP).reason == "split"


def test_fewer_votes_than_the_quorum_are_undecided():
    for rule in Rule:
        assert verdict([], rule=rule) is None
        assert verdict([ranked("AAA")] * 2, rule=rule) is None
        assert verdict([ranked("AAA")] * 2, rule=rule, min_votes=2).reason == "unanimous"


def test_a_split_is_a_tie_or_dropped_or_waits_as_the_protocol_says():
    votes = overall("ABT")
    assert verdict(votes, split="tie").outcome is Choice.TIE
    assert verdict(votes, split="drop") is None
    assert verdict(votes, split="escalate", escalate_to=4) is None
    assert verdict(overall("AAT"), split="drop").outcome is Choice.FIRST


@pytest.mark.parametrize(
    ("letters", "outcome", "reason"),
    [
        ("ABTA", Choice.FIRST, "majority"),
        ("ABTT", Choice.TIE, "majority"),
        ("AABB", Choice.TIE, "split"),  # a vote was changed after the escalation
        ("AAAA", Choice.FIRST, "unanimous"),
    ],
)
def test_escalation_to_four_takes_the_plurality(letters, outcome, reason):
    decision = verdict(overall(letters), split="escalate", escalate_to=4)
    assert (decision.outcome, decision.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("letters", "outcome", "reason"),
    [
        ("ABTAA", Choice.FIRST, "majority"),
        ("ABTAB", Choice.TIE, "split"),
        ("ABTTT", Choice.TIE, "majority"),
        ("ABTTA", Choice.TIE, "split"),
        ("AAAB", Choice.FIRST, "majority"),  # three equal of five are certain already
    ],
)
def test_escalation_to_five_asks_for_three_equal(letters, outcome, reason):
    decision = verdict(overall(letters), split="escalate", escalate_to=5)
    assert (decision.outcome, decision.reason) == (outcome, reason)


def test_a_plurality_of_four_still_waits_for_the_fifth_vote():
    assert verdict(overall("ABTA"), split="escalate", escalate_to=5) is None


def test_a_lower_criterion_does_not_decide_while_a_higher_one_still_waits():
    votes = [ranked("AAT"), ranked("BAT"), ranked("TAT"), ranked("BAT")]
    waiting = verdict(votes, rule=MTP, split="escalate", escalate_to=5)
    assert waiting is None
    decision = verdict([*votes, ranked("BAT")], rule=MTP, split="escalate", escalate_to=5)
    assert (decision.outcome, decision.deciding) == (Choice.SECOND, Criterion.ALIGNMENT)
    decision = verdict([*votes, ranked("TAT")], rule=MTP, split="escalate", escalate_to=5)
    assert (decision.outcome, decision.deciding) == (Choice.FIRST, Criterion.QUALITY)


@pytest.mark.parametrize("votes", [[ranked("A")], [ranked("AAA"), ranked("TA")], overall("A")])
def test_majority_then_priority_refuses_votes_without_all_criteria(votes):
    with pytest.raises(ValueError, match=r"has no answer for .*use the protocol 'full'"):
        verdict(votes, rule=MTP)


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ({"min_votes": 0}, "min_votes=0"),
        ({"min_votes": 4}, "min_votes=4 with overlap=3"),
        ({"overlap": 0}, "overlap=0"),
        ({"split": "coin"}, "split='coin' is unknown; use one of tie, drop, escalate"),
        ({"split": "escalate"}, "escalate_to=None"),
        ({"split": "escalate", "escalate_to": 3}, "escalate_to=3"),
        ({"split": "escalate", "escalate_to": 4, "overlap": 4}, "more than the overlap"),
        ({"rule": "loudest"}, "'loudest' is not a valid Rule"),
    ],
)
def test_a_protocol_that_contradicts_itself_is_refused(protocol, message):
    with pytest.raises(ValueError, match=message):
        verdict(overall("AAA"), **protocol)


def test_a_verdict_without_votes_is_refused():
    with pytest.raises(ValueError, match="at least one vote"):
        majority([])


def test_every_rule_is_registered_under_its_name():
    assert set(RULES) == set(Rule)
    assert verdict(overall("AAA"), rule="priority-then-majority").rule is PTM


any_rule = st.sampled_from(list(Rule))
protocols = st.sampled_from(
    [
        {"split": "tie"},
        {"split": "drop"},
        {"split": "escalate", "escalate_to": 4},
        {"split": "escalate", "escalate_to": 5},
    ]
)
ballots = st.lists(full_votes, max_size=6)


@given(ballots, any_rule, protocols, st.randoms(use_true_random=False))
def test_the_order_of_the_votes_is_of_no_account(votes, rule, protocol, random):
    shuffled = random.sample(votes, k=len(votes))
    assert verdict(votes, rule=rule, **protocol) == verdict(shuffled, rule=rule, **protocol)


@given(ballots, any_rule, protocols)
def test_swapping_the_sides_swaps_the_verdict(votes, rule, protocol):
    plain = verdict(votes, rule=rule, **protocol)
    swapped = verdict([mirrored(vote) for vote in votes], rule=rule, **protocol)
    if plain is None:
        assert swapped is None
        return
    assert swapped.outcome is plain.outcome.mirrored()
    assert swapped.counts == plain.counts[::-1]
    assert (swapped.reason, swapped.deciding) == (plain.reason, plain.deciding)


@given(full_votes, full_votes, st.integers(3, 6), any_rule, protocols)
def test_adding_a_vote_never_turns_a_unanimous_item(same, other, count, rule, protocol):
    before = verdict([same] * count, rule=rule, **protocol)
    after = verdict([*[same] * count, other], rule=rule, **protocol)
    assert before.reason == "unanimous"
    assert after.outcome is before.outcome


@given(st.lists(full_votes, min_size=3, max_size=6), any_rule)
def test_counts_add_up_to_the_votes_and_a_tie_has_no_deciding_criterion(votes, rule):
    decision = verdict(votes, rule=rule)
    assert sum(decision.counts) == len(votes)
    assert (decision.deciding is None) == (decision.outcome is Choice.TIE)


@given(st.lists(full_votes, min_size=3, max_size=6))
def test_the_overall_answer_of_a_full_vote_never_moves_the_verdict(votes):
    with_overall = [
        VoteRecord({**vote.answers, Criterion.OVERALL: Choice.SECOND}) for vote in votes
    ]
    for rule in Rule:
        assert verdict(with_overall, rule=rule) == verdict(votes, rule=rule)


def test_the_priority_is_alignment_then_quality_then_aesthetics():
    assert PRIORITY == (Criterion.ALIGNMENT, Criterion.QUALITY, Criterion.AESTHETICS)
