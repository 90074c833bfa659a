"""Every result of the analysis says what it is: frozen, with estimand, unit, method and n."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest

from annotate import analysis

# Dataclasses that estimate nothing by themselves, each with the reason.
NO_RESULTS = {
    # What an analysis is given.
    "Coded": "input: answers as columns of codes",
    "Cost": "input: steps of the two branches",
    "BranchTable": "input: verdicts of both branches, counted; curves are made of it",
    "VoteDraws": "input: how the band of an OracleCurve draws, which names it",
    "CrossedDraws": "input: how the band of an OracleCurve draws, which names it",
    "Crowd": "input: how a rehearsal's votes come about",
    "Pool": "input: how a rehearsal's annotators work",
    "Limits": "input: the limits of the rules",
    "VoteRecord": "input: one person's answers on one pair",
    "SymmetricOracle": "input: the oracle whose curve is asked for",
    "ClassConditionalOracle": "input: the oracle whose curve is asked for",
    "SkilledBudgetOracle": "input: the oracle whose curve is asked for",
    "FixedBudgetOracle": "input: the oracle whose curve is asked for",
    "ScoreOracle": "input: the oracle whose curve is asked for",
    # Rows and columns of a result, which names them all.
    "Skill": "part of Aggregation: one annotator",
    "BinShare": "part of Association: one bin",
    "Effect": "part of VoteEffects: one coefficient",
    "JointShare": "part of JointShares: one of win, tie and loss",
    "Strength": "part of Ranking: one method",
    "SliceRate": "part of SliceTable: one slice, whose WinRate names itself",
    "Rates": "part of OracleCurve and of its band",
    "Band": "part of OracleCurve",
    "Estimate": "part of CurrentState and Ceiling: a number with its interval",
    # What follows from its arguments alone: nothing was sampled, so there is no n.
    "BudgetRange": "arithmetic: accuracies that a budget allows",
    "SliceMembers": "arithmetic: which rows lie in a slice",
    "PassLine": "arithmetic: chances to pass an exam",
    "Decision": "rule: the verdict on one pair, with the rule's name and reason",
    "Flag": "rule: what one of the rules says of an annotator",
    "Pressed": "draw: what a simulated annotator pressed",
    "Rehearsed": "draw: the votes of a rehearsed pool",
}
# `method` of a score is the method of a study that it belongs to, as in every file of a report.
OTHER_NAMES = {"DiversityScore": "procedure"}


def modules() -> Iterator[Any]:
    for found in pkgutil.iter_modules(analysis.__path__):
        yield importlib.import_module(f"{analysis.__name__}.{found.name}")


def of_module(module: Any, kind: Any) -> Iterator[Any]:
    for name, value in vars(module).items():
        if kind(value) and value.__module__ == module.__name__ and not name.startswith("_"):
            yield value


def is_dataclass(value: Any) -> bool:
    return inspect.isclass(value) and dataclasses.is_dataclass(value)


DATACLASSES = {found.__name__: found for m in modules() for found in of_module(m, is_dataclass)}
RESULTS = sorted(set(DATACLASSES) - set(NO_RESULTS))


def kind_of(cls: type, name: str) -> Any:
    """The type of a field or property as it is written down; None without one."""
    value = inspect.getattr_static(cls, name, None)
    if isinstance(value, property):
        return get_type_hints(value.fget)["return"].__name__
    return {field.name: field.type for field in dataclasses.fields(cls)}.get(name)


def says(cls: type, name: str) -> bool:
    """A text for the whole class, or told by each result: a field or a property that is a text."""
    kind = kind_of(cls, name)
    if kind is None:
        value = inspect.getattr_static(cls, name, "")
        return isinstance(value, str) and bool(value.strip())
    # Choices among texts have a name in their module.
    choices = get_args(getattr(inspect.getmodule(cls), kind, None))
    return kind == "str" or (bool(choices) and all(isinstance(one, str) for one in choices))


@pytest.mark.parametrize("name", sorted(DATACLASSES))
def test_every_dataclass_of_the_analysis_is_frozen(name: str) -> None:
    assert DATACLASSES[name].__dataclass_params__.frozen


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_names_its_estimand_unit_and_method(name: str) -> None:
    cls = DATACLASSES[name]
    method = OTHER_NAMES.get(name, "method")
    silent = [part for part in ("estimand", "unit", method) if not says(cls, part)]
    assert not silent, f"{name} names no {', '.join(silent)}: see docs/science.md"


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_says_how_many_it_rests_on(name: str) -> None:
    assert kind_of(DATACLASSES[name], "n") == "int"


def test_what_is_excused_from_naming_itself_is_there_and_says_why() -> None:
    assert set(NO_RESULTS) <= set(DATACLASSES)
    assert set(OTHER_NAMES) <= set(RESULTS)
    kinds = ("input: ", "part of ", "arithmetic: ", "rule: ", "draw: ")
    assert all(reason.startswith(kinds) for reason in NO_RESULTS.values())


# Functions that give a bare number, each with the reason.
BARE = {
    # Sums and models of what is given, whatever any data say.
    "exact_power": "arithmetic: of a rate that is given",
    "half_width": "arithmetic: of a rate that is given",
    "design_effect": "arithmetic: of a correlation that is given",
    "majority_of_three": "arithmetic: of a vote share that is given",
    "on_demand_votes": "arithmetic: of a vote share that is given",
    "expected_votes": "arithmetic: of a crowd that is given",
    "expected_shares": "arithmetic: of a crowd that is given",
    "verdict_icc": "arithmetic: of a crowd that is given",
    "pass_probability": "arithmetic: of an accuracy that is given",
    "expected_agreement": "arithmetic: of a noise that is given",
    "noise_for_agreement": "arithmetic: the inverse of expected_agreement",
    "levels": "arithmetic: the scores of a scale",
    "normal_quantile": "arithmetic: a quantile",
    # Steps of a result that has the name, or of one vote's reading.
    "wilson": "step: the bounds of WinRate and of many others",
    "student": "step: the bounds of CrossedShare and of others",
    "auc": "step: the estimate of RankingQuality and Ceiling",
    "holm": "step: corrects p-values of results that name themselves",
    "benjamini_hochberg": "step: corrects p-values of results that name themselves",
    "copying_p": "step: a signal of Suspicion",
    "sign_flip_p": "step: the p of AgreementDifference",
    "median_seconds": "step: one annotator's line on the quality page",
    "distance": "step: one rated vote against its pair's others",
    "mean_of": "step: one pair's levels",
    "lean": "step: one rated vote against its pair's others",
    "win_share": "step: of a rehearsed pool, before and after its repair",
}


def is_function(value: Any) -> bool:
    return inspect.isfunction(value)


def test_a_public_function_gives_a_bare_number_only_with_a_reason() -> None:
    bare = set()
    for module in modules():
        for function in of_module(module, is_function):
            told = inspect.formatannotation(inspect.signature(function).return_annotation)
            if set(re.findall(r"\w+", told)) - {"tuple", "None"} == {"float"}:
                bare.add(function.__name__)
    assert not bare - set(BARE), "give a result that names itself, or the reason for none"
    assert all(reason.startswith(("arithmetic: ", "step: ")) for reason in BARE.values())
