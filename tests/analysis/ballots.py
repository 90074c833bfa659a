"""Shorthand for votes in tests: A and B are the two images, T is a tie."""

from itertools import product

from hypothesis import strategies as st

from annotate.analysis.votes import PRIORITY, Choice, Criterion, VoteRecord

LETTERS = {"A": Choice.FIRST, "B": Choice.SECOND, "T": Choice.TIE}


def choices(letters: str) -> list[Choice]:
    return [LETTERS[letter] for letter in letters]


def overall(letters: str) -> list[VoteRecord]:
    """One vote per letter, each with a single overall answer."""
    return [VoteRecord({Criterion.OVERALL: choice}) for choice in choices(letters)]


def ranked(letters: str) -> VoteRecord:
    """One vote from its answers to alignment, quality and aesthetics, e.g. "TAB"."""
    return VoteRecord(dict(zip(PRIORITY, choices(letters), strict=False)))


def mirrored(vote: VoteRecord) -> VoteRecord:
    return VoteRecord({criterion: choice.mirrored() for criterion, choice in vote.answers.items()})


ALL_FULL_VOTES = [ranked("".join(letters)) for letters in product("ABT", repeat=3)]
full_votes = st.sampled_from(ALL_FULL_VOTES)
any_choice = st.sampled_from(list(Choice))
