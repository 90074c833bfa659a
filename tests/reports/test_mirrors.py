"""Whole reports, field by field: what mirrors when arms are relabelled, and what nothing may move.

Every field is walked, so that one that is added later is held to the same without being named.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

import pytest

from annotate.analysis.winrate import TieConvention, win_rate
from annotate.judging.models import Verdict
from annotate.reports.frames import StudyFrame
from annotate.reports.report import Report, report_on
from annotate.reports.serving import ServedRow
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol
from annotate.studies.recipes import recipe
from tests.factories import NOW
from tests.reports.test_analyses import MIRROR, frame

pytestmark = pytest.mark.whole

# Under the names of a published study, so that its printed bars stand in the report.
PAPER = {"ten": "adaptive-10", "fifteen": "adaptive-15", "base": "dpm-25"}
# By method or of ties, whoever is named first.
UNDIRECTED = {"rankings", "compute", "ties"}
SWAP = {"first": "second", "second": "first", "left": "right", "right": "left"}


@cache
def rows() -> StudyFrame:
    """The frame of the analyses' tests; its pairs were served in order, and turned on criteria."""
    base = frame()
    said: dict[int, set[str]] = {}
    for vote in base.votes:
        said.setdefault(vote.comparison, set()).add(vote.choice)
    return replace(
        base,
        contrasts=tuple(c._replace(a=PAPER[c.a], b=PAPER[c.b]) for c in base.contrasts),
        items=tuple(
            i._replace(
                reason=Verdict.Reason.UNANIMOUS if len(said[i.comparison]) == 1 else i.reason,
                deciding="" if i.outcome == "tie" else "quality" if i.prompt % 3 else "alignment",
            )
            for i in base.items
        ),
        arms=tuple(replace(arm, name=PAPER[arm.name]) for arm in base.arms),
        scores=tuple(s._replace(method=PAPER[s.method]) for s in base.scores),
        served=tuple(
            ServedRow(i.comparison, set_aside=False) for i in base.items if i.contrast == 1
        ),
    )


def report(of: StudyFrame) -> Report:
    """The report of a study whose arms are set as in Figure 9a, under early stopping."""
    spec = recipe("fig9a").spec.model_dump(mode="json")
    spec["contrasts"] = [{"a": c.a, "b": c.b, "primary": c.primary} for c in of.contrasts]
    protocol = Protocol(stopping="e-process").model_dump(mode="json")
    return report_on(Study(name="Mirror", spec=spec | {"protocol": protocol}), of, now=NOW)


def plain(value: Any) -> Any:
    """Dataclasses and named tuples as dictionaries, sequences as lists."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "_asdict"):
        return {name: plain(inner) for name, inner in value._asdict().items()}
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def leaves(tree: Any, path: str = "report") -> Iterator[tuple[str, Any]]:
    """Every value that is no container, with the way to it."""
    if isinstance(tree, dict | list):
        inner = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for name, value in inner:
            yield from leaves(value, f"{path}.{name}")
    else:
        yield path, tree


def alike(one: Any, two: Any, *, within: float = 1e-6) -> dict[str, tuple[Any, Any]]:
    """The leaves that differ; floats may by rounding. A report's own name is made up each time."""
    ours, theirs = dict(leaves(one)), dict(leaves(two))
    assert ours.keys() == theirs.keys()
    return {
        path: (value, theirs[path])
        for path, value in ours.items()
        if path != "report.uid"
        and theirs[path]
        != (pytest.approx(value, abs=within) if isinstance(value, float) else value)
    }


@cache
def tree() -> Any:
    return plain(report(rows()))


def complement(rate: dict[str, Any]) -> dict[str, Any]:
    """A share of the other arm: 1 - estimate, with the ends of its interval changed over."""
    ends = {"low": rate["high"], "high": rate["low"]}
    turned = {n: None if v is None else 1 - v for n, v in ends.items()}
    if rate["estimate"] is not None:
        turned["estimate"] = 1 - rate["estimate"]
    return rate | turned


def negative(effect: dict[str, Any]) -> dict[str, Any]:
    ends = {"estimate": -effect["estimate"], "low": -effect["high"], "high": -effect["low"]}
    return effect | ends


def swapped(here: dict[str, Any], *pairs: tuple[str, str]) -> dict[str, Any]:
    return here | {
        to: here[name] for x, y in pairs if x in here and y in here for name, to in ((x, y), (y, x))
    }


def mirrored(here: Any) -> Any:
    """What a report must be when every contrast names its arms the other way round.

    What no law below names stays as it is: a new field of a direction fails until it has one.
    """
    if isinstance(here, list):
        return [mirrored(inner) for inner in here]
    if not isinstance(here, dict):
        return here
    if here.get("convention") == TieConvention.LOSSES:
        # Ties count against whoever is named first: another question, asked of the other arm.
        counts = (here["losses"], here["ties"], here["wins"])
        return plain(win_rate(*counts, convention=TieConvention.LOSSES))
    turned = {n: inner if n in UNDIRECTED else mirrored(inner) for n, inner in here.items()}
    if "percent" in here and "joint" in here:
        turned["percent"] = here["percent"][::-1]
    if "on_left" in here:
        # Where a stood on the left, b stood on the right.
        sides = {"on_left": 1 - here["on_right"], "on_right": 1 - here["on_left"]}
        return complement(turned) | sides | {"raw": 1 - here["raw"]}
    if "estimate" in here and {"wins", "spread", "sharing"} & here.keys():
        turned = complement(turned)
    if "log_e_value" in here and "looks" not in here:
        ends = {"low": 1 - here["high"], "high": 1 - here["low"]}
        return turned | ends | {"wins": here["n"] - here["wins"]}
    if "challenger" in here and isinstance(here["challenger"], dict):
        turned["challenger"] = negative(here["challenger"])
    return swapped(
        turned,
        ("a", "b"),
        ("a_label", "b_label"),
        ("wins", "losses"),
        ("unanimous_wins", "unanimous_losses"),
        ("win", "loss"),
        ("a_on_left", "a_on_right"),
        *((("challenger", "opponent"),) if "percent" in here else ()),
    )


def test_relabelling_the_arms_mirrors_every_number_of_a_report() -> None:
    base = rows()
    turned = replace(
        base,
        contrasts=tuple(
            c._replace(a=c.b, b=c.a, a_label=c.b_label, b_label=c.a_label) for c in base.contrasts
        ),
        items=tuple(
            i._replace(a_is_first=not i.a_is_first, outcome=MIRROR[i.outcome])  # type: ignore[arg-type]
            for i in base.items
        ),
    )
    assert tree()["analyses"]["published"]
    assert tree()["contrasts"][0]["monitoring"]["looks"]
    assert alike(mirrored(tree()), plain(report(turned))) == {}


def test_with_all_pictures_shown_on_the_other_side_only_what_speaks_of_sides_mirrors() -> None:
    """A vote for a picture is for that picture wherever it stood; no number of arms moves."""
    base = rows()
    flipped = replace(
        base, votes=tuple(v._replace(side=SWAP.get(v.side, v.side)) for v in base.votes)
    )
    assert alike(other_side(tree()), plain(report(flipped))) == {}


def other_side(here: Any) -> Any:
    """What a report must be when all that was chosen on the left had been on the right."""
    if isinstance(here, list):
        return [other_side(inner) for inner in here]
    if not isinstance(here, dict):
        return here
    turned = {name: other_side(inner) for name, inner in here.items()}
    if {"left", "right", "estimate"} <= here.keys():
        turned = complement(turned)
    if "left_picks" in here:
        turned = negative(turned)
    if isinstance(here.get("side"), dict) and "challenger" in here:
        turned["side"] = negative(here["side"])
    return swapped(
        turned,
        ("left", "right"),
        ("left_picks", "right_picks"),
        ("on_left", "on_right"),
        ("a_on_left", "a_on_right"),
    )


def test_which_picture_of_a_pair_is_called_first_changes_nothing() -> None:
    base = rows()
    turned = replace(
        base,
        items=tuple(i._replace(a_is_first=not i.a_is_first) for i in base.items),
        votes=tuple(v._replace(choice=SWAP.get(v.choice, v.choice)) for v in base.votes),
    )
    assert alike(tree(), plain(report(turned)), within=1e-9) == {}


def test_the_order_of_rows_changes_nothing() -> None:
    base, rng = rows(), random.Random(1)
    parts = {name: list(getattr(base, name)) for name in ("items", "votes", "scores")}
    for part in parts.values():
        rng.shuffle(part)
    shuffled = replace(base, **{name: tuple(part) for name, part in parts.items()})
    assert alike(tree(), plain(report(shuffled)), within=1e-9) == {}


def test_the_names_of_workers_change_nothing_but_the_order_in_which_they_stand() -> None:
    base = rows()
    names = sorted({v.annotator for v in base.votes})
    other = dict(zip(names, reversed(names), strict=True))
    renamed = replace(
        base, votes=tuple(v._replace(annotator=other[v.annotator]) for v in base.votes)
    )
    assert alike(tree(), named(plain(report(renamed)), other)) == {}


def named(here: Any, names: dict[str, str]) -> Any:
    """The same under other names, whatever lists people sorted by the new ones."""
    if isinstance(here, dict):
        turned = {name: named(inner, names) for name, inner in here.items()}
        if "common" in here and "share" in here:
            for table in ("share", "common"):
                turned[table] = [line[::-1] for line in turned[table][::-1]]
        return turned
    if not isinstance(here, list):
        return names.get(here, here) if isinstance(here, str) else here
    found = [named(inner, names) for inner in here]
    people = all(isinstance(one, dict) and one.get("pseudonym") in names for one in found)
    return found[::-1] if people or set(map(str, found)) == set(names) else found
