import subprocess
import sys

import pytest

from annotate.analysis.votes import Choice, Criterion, VoteRecord
from tests.analysis.ballots import choices, ranked


@pytest.mark.parametrize(
    ("answers", "derived", "deciding"),
    [
        ("A", "A", Criterion.ALIGNMENT),
        ("TB", "B", Criterion.QUALITY),
        ("TTA", "A", Criterion.AESTHETICS),
        ("TTT", "T", None),
        ("ABB", "A", Criterion.ALIGNMENT),
        ("TAB", "A", Criterion.QUALITY),
        ("T", "T", None),
    ],
)
def test_the_first_answer_that_is_no_tie_decides(answers, derived, deciding):
    vote = ranked(answers)
    assert [vote.derived()] == choices(derived)
    assert vote.deciding() is deciding


@pytest.mark.parametrize(
    ("said", "deciding"),
    [(Choice.FIRST, Criterion.OVERALL), (Choice.SECOND, Criterion.OVERALL), (Choice.TIE, None)],
)
def test_a_single_overall_answer_is_the_vote(said, deciding):
    vote = VoteRecord({Criterion.OVERALL: said})
    assert vote.derived() is said
    assert vote.deciding() is deciding


def test_the_overall_answer_is_ignored_where_the_criteria_were_asked():
    vote = VoteRecord({Criterion.OVERALL: Choice.SECOND, Criterion.ALIGNMENT: Choice.FIRST})
    assert vote.derived() is Choice.FIRST
    tied = VoteRecord({Criterion.OVERALL: Choice.SECOND, Criterion.ALIGNMENT: Choice.TIE})
    assert tied.derived() is Choice.TIE
    assert tied.deciding() is None


def test_the_order_of_the_answers_in_the_mapping_is_of_no_account():
    vote = VoteRecord({Criterion.AESTHETICS: Choice.SECOND, Criterion.ALIGNMENT: Choice.FIRST})
    assert vote.derived() is Choice.FIRST


def test_a_vote_keeps_its_answers_when_the_caller_changes_the_dict():
    answers = {Criterion.OVERALL: Choice.FIRST}
    vote = VoteRecord(answers)
    answers[Criterion.OVERALL] = Choice.SECOND
    assert vote.derived() is Choice.FIRST


def test_plain_words_from_a_database_become_choices():
    vote = VoteRecord({"alignment": "tie", "quality": "second"})
    assert vote.derived() is Choice.SECOND
    assert vote.deciding() is Criterion.QUALITY


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({}, "without answers"),
        ({"overall": "left"}, "'left' is no choice; use one of first, second, tie"),
        ({"beauty": "first"}, "'beauty' is no criterion; use one of alignment, quality"),
    ],
)
def test_unfit_answers_are_refused_with_the_way_out(answers, message):
    with pytest.raises(ValueError, match=message):
        VoteRecord(answers)


def test_mirroring_twice_changes_nothing():
    assert [choice.mirrored() for choice in Choice] == [Choice.SECOND, Choice.FIRST, Choice.TIE]
    assert all(choice.mirrored().mirrored() is choice for choice in Choice)


def test_web_processes_import_votes_and_verdicts_without_numpy_or_statistics():
    code = (
        "import sys, annotate.analysis.votes, annotate.analysis.verdict\n"
        "heavy = {'numpy', 'scipy', 'pandas', 'statsmodels', 'evalica'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_the_statistics_loads_neither_scipy_nor_pandas():
    code = (
        "import sys, annotate.analysis.winrate, annotate.analysis.agreement\n"
        "import annotate.analysis.annotators, annotate.analysis.significance\n"
        "heavy = {'scipy', 'pandas', 'statsmodels', 'evalica'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
