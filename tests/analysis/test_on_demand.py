"""A third vote only where two differ: what it saves, what it keeps, and what it would bias."""

import csv
import itertools
import logging
from collections import defaultdict

import numpy as np
import pytest

from annotate.analysis.agreement import percent_agreement
from annotate.analysis.contrast import Result
from annotate.analysis.power import on_demand_votes
from annotate.analysis.verdict import Rule, decide, wants_third
from annotate.analysis.votes import Choice, Criterion, VoteRecord
from tests.analysis.crowds import crowd, true_share

RULE = Rule.PRIORITY_THEN_MAJORITY
log = logging.getLogger(__name__)
CHOICES = tuple(Choice)
SAID = {choice: VoteRecord({Criterion.OVERALL: choice}) for choice in Choice}
HOW = {"rule": RULE, "min_votes": 3, "split": "tie"}


def outcome(votes, **how):
    return decide([SAID[vote] for vote in votes], **(HOW | how)).outcome


def asked(votes):
    """The votes of three that are asked for on demand."""
    first = [SAID[vote] for vote in votes[:2]]
    return votes[: 2 + wants_third(first, rule=RULE)]


@pytest.mark.parametrize("min_votes", [1, 2, 3])
@pytest.mark.parametrize("split", [{}, {"split": "drop"}, {"split": "escalate", "escalate_to": 5}])
def test_two_votes_decide_where_no_third_could_change_the_label(min_votes, split):
    for votes in itertools.product(CHOICES, repeat=3):
        how = HOW | split | {"min_votes": min_votes}
        full = decide([SAID[vote] for vote in votes], **how)
        spared = decide([SAID[vote] for vote in asked(votes)], on_demand=True, **how)
        assert (full and full.outcome) == (spared and spared.outcome)
        assert (len(asked(votes)) == 2) == (votes[0] == votes[1])


def test_a_third_is_wanted_of_two_votes_only():
    with pytest.raises(ValueError, match="first two"):
        wants_third([SAID[Choice.TIE]], rule=RULE)


@pytest.mark.realdata
def test_five_real_judges_of_each_pair_give_the_same_labels_for_the_votes_of_the_formula(real_data):
    """TIFA-160: five people rated five models on each prompt; a higher rating is a vote."""
    ratings = defaultdict(dict)
    path = real_data / "tifa160_likert" / "tifa160-likert-anns.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            ratings[row["item_id"], row["worker_id"]][row["t2i_model"]] = int(row["answer"])
    votes = defaultdict(list)
    for (item, _), rated in sorted(ratings.items()):
        for a, b in itertools.combinations(sorted(rated), 2):
            more = (rated[a] > rated[b]) - (rated[a] < rated[b])
            votes[item, a, b].append({1: Choice.FIRST, 0: Choice.TIE, -1: Choice.SECOND}[more])
    rng = np.random.default_rng(0)
    # Five voted; which three are asked, and in which order, is drawn.
    drawn = [[said[i] for i in rng.permutation(len(said))[:3]] for said in votes.values()]
    spared = [asked(said) for said in drawn]
    for full, few in zip(drawn, spared, strict=True):
        assert outcome(full) == outcome(few, on_demand=True)
    differ = 1 - agreement(votes.values())
    saved = 1 - sum(map(len, spared)) / (3 * len(drawn))
    early, biased = agreement([few[:2] for few in spared]), agreement(spared)
    log.info(
        f"{len(drawn):,} pairs: {sum(map(len, spared)):,} of {3 * len(drawn):,} votes, saved "
        f"{saved:.2%}, by the formula {(1 - differ) / 3:.2%}; agreement of all five "
        f"{1 - differ:.2%}, of the first two {early:.2%}, with thirds counted in {biased:.2%}"
    )
    assert saved == pytest.approx((1 - differ) / 3, abs=0.01)
    assert early == pytest.approx(1 - differ, abs=0.03)
    assert biased > early + 0.1


def agreement(votes):
    counts = np.array([[said.count(choice) for choice in CHOICES] for said in votes])
    return percent_agreement(counts).estimate


def test_the_first_two_votes_are_unbiased_for_agreement_and_vote_share_and_thirds_are_not():
    """Simulated studies of 600 prompts, of which the true share and the agreement are known."""
    lean, sd, tie = 1.0, 2.0, 0.16
    kinds = {Result.WIN: Choice.FIRST, Result.TIE: Choice.TIE, Result.LOSS: Choice.SECOND}
    found = defaultdict(list)
    for seed in range(30):
        said, prompt, _ = crowd(seed, lean=lean, prompt_sd=sd, person_sd=0, tie=tie)
        votes = defaultdict(list)
        for result, of in zip(said, prompt, strict=True):
            votes[of].append(kinds[result])
        few = [asked(three) for three in votes.values()]
        for name, given in (
            ("full", votes.values()),
            ("first two", [two[:2] for two in few]),
            ("thirds counted in", few),
        ):
            spread = [vote for three in given for vote in three if vote is not Choice.TIE]
            found[name].append((np.mean([v is Choice.FIRST for v in spread]), agreement(given)))
        found["votes"].append((sum(map(len, few)) / len(few), 0))
    share = true_share(lean, sd)
    mean = {name: np.mean(rows, axis=0) for name, rows in found.items()}
    error = {name: np.std(rows, axis=0) / np.sqrt(30) for name, rows in found.items()}
    assert abs(mean["first two"][0] - share) < 3 * error["first two"][0]
    assert abs(mean["first two"][1] - mean["full"][1]) < 3 * error["first two"][1]
    # Study by study: thirds come from the prompts that are closest to one half.
    pulled = np.array(found["thirds counted in"])[:, 0] - np.array(found["first two"])[:, 0]
    assert pulled.mean() < -2 * pulled.std() / np.sqrt(30)
    assert mean["thirds counted in"][1] > mean["full"][1] + 0.1
    # Prompts differ, so fewer thirds are asked than if all were alike.
    alike = on_demand_votes((1 - tie) * share, tie, (1 - tie) * (1 - share))
    assert 2 + 1 - mean["full"][1] == pytest.approx(mean["votes"][0], abs=0.01)
    assert mean["votes"][0] < alike
    log.info(f"true share {share:.4f}; " + "; ".join(f"{k} {v.round(4)}" for k, v in mean.items()))
