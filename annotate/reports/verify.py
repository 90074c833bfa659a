"""Checks an export by recomputing it: digests, sums, and every verdict from its votes.

It must not trust any number that it can count itself.
"""

import csv
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from annotate.analysis.verdict import Rule, decide
from annotate.analysis.votes import Choice, Criterion, VoteRecord
from annotate.judging.models import Comparison, ContrastItem, Vote
from annotate.reports.export import FILES, MANIFEST
from annotate.reports.frames import as_side
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol

CRITERIA = tuple(Criterion)


def differences(folder: Path, study: Study | None = None) -> list[str]:
    """What does not add up, one line each; empty when all does.

    With a study its present rows are counted too, so take it while nobody votes.
    """
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    votes = list(_lines(folder / "votes.jsonl"))
    verdicts = list(_lines(folder / "verdicts.jsonl"))
    return [
        *_files(folder, manifest),
        *_sums(votes, verdicts, manifest, summary),
        *_redecided(votes, verdicts, Protocol.model_validate(summary["protocol"])),
        *(_database(study, votes, verdicts) if study else ()),
    ]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        # Not splitlines: prompts may hold characters that it takes for line ends.
        for line in file:
            yield json.loads(line)


def _files(folder: Path, manifest: dict[str, Any]) -> Iterator[str]:
    for name in FILES:
        said = manifest["files"][name]
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if digest != said["sha256"]:
            yield f"{name}: SHA-256 is {digest}, the manifest says {said['sha256']}"
        if name.endswith(".csv"):
            with (folder / name).open(encoding="utf-8", newline="") as file:
                yield from _same(
                    f"{name}: rows", sum(1 for _ in csv.reader(file)) - 1, said["rows"]
                )


def _sums(
    votes: list[dict[str, Any]],
    verdicts: list[dict[str, Any]],
    manifest: dict[str, Any],
    summary: dict[str, Any],
) -> Iterator[str]:
    counts = manifest["counts"]
    live = [vote for vote in votes if vote["kind"] == Comparison.Kind.LIVE]
    yield from _same("votes on live pairs", len(live), counts["votes"])
    yield from _same("votes of other kinds", len(votes) - len(live), counts["votes_of_other_kinds"])
    simulated = sum(vote["simulated"] for vote in live)
    yield from _same("simulated votes", simulated, counts["simulated"])
    outcomes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for verdict in verdicts:
        outcomes[verdict["a"], verdict["b"]][verdict["outcome"]] += 1
    for contrast in summary["contrasts"]:
        name = f"{contrast['a']} against {contrast['b']}"
        found = outcomes[contrast["a"], contrast["b"]]
        for outcome, column in (("a", "wins"), ("tie", "ties"), ("b", "losses")):
            yield from _same(f"{name}: {column}", found[outcome], contrast[column])
        yield from _same(f"{name}: undecided", found["undecided"], contrast["undecided"])
        yield from _same(f"{name}: all", found.total(), contrast["items"])


def _redecided(
    votes: list[dict[str, Any]], verdicts: list[dict[str, Any]], protocol: Protocol
) -> Iterator[str]:
    on: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for vote in votes:
        on[vote["comparison"]].append(vote)
    for verdict in verdicts:
        if verdict["reason"] == "identical":
            continue
        name = f"{verdict['a']} against {verdict['b']}, prompt {verdict['prompt_key']}"
        tally = Counter(
            as_side(vote["choice"], a_is_first=verdict["a_is_first"])
            for vote in on[verdict["comparison"]]
        )
        for side in ("a", "tie", "b"):
            yield from _same(f"{name}: votes {side}", tally[side], verdict[f"votes_{side}"])
        yield from _same(
            f"{name}: outcome",
            _decided(on[verdict["comparison"]], protocol, a_is_first=verdict["a_is_first"]),
            verdict["outcome"],
        )


def _decided(votes: list[dict[str, Any]], protocol: Protocol, *, a_is_first: bool) -> str:
    if not votes:
        return "undecided"
    records = [
        VoteRecord(
            {criterion: Choice(vote[criterion]) for criterion in CRITERIA if vote[criterion]}
        )
        for vote in votes
    ]
    decision = decide(
        records,
        rule=Rule(protocol.rule),
        min_votes=protocol.min_votes,
        split=protocol.split,
        escalate_to=protocol.escalate_to,
        overlap=protocol.overlap,
        on_demand=protocol.on_demand,
    )
    return as_side(decision.outcome, a_is_first=a_is_first) if decision else "undecided"


def _database(
    study: Study, votes: list[dict[str, Any]], verdicts: list[dict[str, Any]]
) -> Iterator[str]:
    stored = Vote.objects.filter(study=study).count()
    yield from _same("votes in the database", stored, len(votes))
    items = ContrastItem.objects.filter(
        contrast__study=study, comparison__kind=Comparison.Kind.LIVE
    )
    yield from _same("items in the database", items.count(), len(verdicts))
    decided = items.filter(comparison__verdict__isnull=False).count()
    exported = sum(verdict["outcome"] != "undecided" for verdict in verdicts)
    yield from _same("verdicts in the database", decided, exported)


def _same(what: str, counted: object, said: object) -> Iterator[str]:
    if counted != said:
        yield f"{what}: counted {counted}, but {said} stands there"
