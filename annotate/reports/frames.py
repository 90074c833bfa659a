"""Reads what a study's report and exports are made of: a few queries, one snapshot of the database.

It must not compute statistics or words; preview votes and comparisons that are not live stay out.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from django.db import connection, transaction
from django.db.models import Count, F, Max, Min, Q

from annotate.judging import opening
from annotate.judging.models import (
    Answer,
    Comparison,
    ContrastItem,
    Outcome,
    PreviewVote,
    Report,
    Skip,
    Verdict,
    Vote,
    VoteRevision,
)
from annotate.reports.branch_rows import BranchRow, own_branches
from annotate.reports.frame_rows import PromptRow, ScoreRow, prompt_rows, score_rows
from annotate.reports.origins import origins
from annotate.reports.recipes import TunedRow, tuned_rows
from annotate.reports.serving import ServedRow, served_rows
from annotate.sampling.progress import ArmProgress, executed
from annotate.studies.models import Contrast, Membership, Study

LIVE = Comparison.Kind.LIVE
# Rows that a database hands over at once.
CHUNK = 2000
# Words that thousands of rows share are held once.
_once = sys.intern
Side = Literal["a", "b", "tie"]


class ContrastRow(NamedTuple):
    """Method a against method b, by name and by the label that people read."""

    pk: int
    a: str
    b: str
    a_label: str
    b_label: str
    primary: bool


class ItemRow(NamedTuple):
    """One prompt (and replica) of a contrast with its comparison's verdict, if there is one."""

    contrast: int
    comparison: int
    prompt: int
    group: str
    a_is_first: bool
    outcome: Side | None
    reason: str
    deciding: str
    replica: int = 0


class VoteRow(NamedTuple):
    """One current vote on a live comparison. `annotator` is a pseudonym, never a name."""

    comparison: int
    annotator: str
    choice: str
    deciding: str
    both_bad: bool
    side: str
    simulated: bool
    late: bool
    too_fast: bool
    active_ms: int
    # False for what came after two other votes where a third is asked on demand.
    early: bool = True


# A table, since a report asks for every vote several times.
_SIDES: dict[bool, dict[str, Side]] = {
    True: {Outcome.FIRST.value: "a", Outcome.SECOND.value: "b", Outcome.TIE.value: "tie"},
    False: {Outcome.FIRST.value: "b", Outcome.SECOND.value: "a", Outcome.TIE.value: "tie"},
}


@dataclass(frozen=True)
class SetAside:
    """What was not counted, or was counted and flagged."""

    undone: int
    invalidated: int
    skipped: int
    reported: int
    held: int
    preview_votes: int
    other_kinds: int
    overall_differs: int


@dataclass(frozen=True)
class StudyFrame:
    """Everything that one report needs, as it stood at one moment. Lists, in serving order."""

    contrasts: tuple[ContrastRow, ...]
    items: tuple[ItemRow, ...]
    votes: tuple[VoteRow, ...]
    set_aside: SetAside
    prompt_sets: tuple[str, ...]
    first_vote: datetime | None
    last_change: datetime | None
    # Generated arms as they were executed; none where all pictures were imported.
    arms: tuple[ArmProgress, ...] = ()
    # By the key that items carry.
    prompts: Mapping[int, PromptRow] = field(default_factory=dict)
    scores: tuple[ScoreRow, ...] = ()
    # Verdicts by the protocol hash they were made under, the oldest first: a study that grew has
    # more than one.
    protocols: tuple[tuple[str, int], ...] = ()
    # Of the primary contrast, in serving order, where the protocol declares early stopping.
    served: tuple[ServedRow, ...] = ()
    # Where a student and all of its samples refined met one teacher.
    branches: BranchRow | None = None
    # By what way how many of the people who judged came; programs come by none.
    came: tuple[tuple[str, int], ...] = ()
    # Where tuned thresholds are from, by method.
    tuned: tuple[TunedRow, ...] = ()
    # Of a running study, planned pairs whose pictures are still to be made.
    unopened: int = 0


@contextmanager
def read_snapshot() -> Iterator[None]:
    """All queries inside see one state of the database, whatever others write meanwhile.

    PostgreSQL: REPEATABLE READ, read only. SQLite: a deferred transaction, which reads from one
    point of the log and, unlike the IMMEDIATE default, keeps nobody from writing. Inside a
    transaction of the caller there is nothing to begin: that one's view holds.
    """
    if connection.in_atomic_block:
        yield
        return
    if connection.vendor == "sqlite":
        with _deferred(), transaction.atomic():
            yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


@contextmanager
def _deferred() -> Iterator[None]:
    # Connections belong to one thread, so nobody else begins a transaction in this mode.
    usual = connection.transaction_mode  # type: ignore[attr-defined]
    connection.transaction_mode = "DEFERRED"  # type: ignore[attr-defined]
    try:
        yield
    finally:
        connection.transaction_mode = usual  # type: ignore[attr-defined]


def read_frame(study: Study) -> StudyFrame:
    """The study's live rows. The number of queries does not depend on the number of rows."""
    with read_snapshot():
        first_vote, last_change = _times(study)
        return StudyFrame(
            contrasts=tuple(contrast_rows(study)),
            items=tuple(_items(study)),
            votes=tuple(_votes(study)),
            set_aside=_set_aside(study),
            prompt_sets=tuple(str(p) for p in study.prompt_sets.order_by("name", "version")),
            first_vote=first_vote,
            last_change=last_change,
            arms=executed(study),
            prompts=prompt_rows(study),
            scores=tuple(score_rows(study)),
            protocols=tuple(_protocols(study)),
            served=served_rows(study),
            branches=own_branches(study),
            came=origins(study),
            tuned=tuned_rows(study),
            unopened=opening.waiting(study) if study.state in opening.JUDGED else 0,
        )


def fingerprint(study: Study) -> str:
    """Changes with every vote, verdict, undo, report and move: tells an open page to read again."""
    with read_snapshot():
        votes = Vote.objects.filter(study=study).aggregate(n=Count("pk"), last=Max("pk"))
        verdicts = Verdict.objects.filter(comparison__study=study).aggregate(
            n=Count("pk"), last=Max("decided_at")
        )
        reports = Report.objects.filter(comparison__study=study).aggregate(
            n=Count("pk"), done=Count("resolved_at")
        )
        state = Study.objects.values_list("state", flat=True).get(pk=study.pk)
    last = verdicts["last"].timestamp() if verdicts["last"] else 0
    parts = (state, votes["n"], votes["last"], verdicts["n"], last, *reports.values())
    return "-".join(str(part) for part in parts)


def pseudonyms(study: Study) -> dict[int, str]:
    """User id to pseudonym. Places are never deleted, so every vote finds one."""
    return dict(Membership.objects.filter(study=study).values_list("user_id", "pseudonym"))


def contrast_rows(study: Study) -> list[ContrastRow]:
    """The contrasts, the primary one first, then in the order they were written."""
    rows = Contrast.objects.filter(study=study).select_related("a", "b").order_by("order", "pk")
    found = [ContrastRow(c.pk, c.a.name, c.b.name, str(c.a), str(c.b), c.primary) for c in rows]
    return sorted(found, key=lambda c: not c.primary)


def as_side(choice: str, *, a_is_first: bool) -> Side:
    """An answer about first and second, said of the contrast's a and b."""
    return _SIDES[a_is_first][choice]


def _items(study: Study) -> Iterator[ItemRow]:
    rows = (
        ContrastItem.objects.filter(contrast__study=study, comparison__kind=LIVE)
        .order_by("comparison__order", "contrast_id", "replica", "pk")
        .values_list(
            "contrast_id",
            "comparison_id",
            "prompt_id",
            "prompt__group",
            "a_is_first",
            "comparison__verdict__outcome",
            "comparison__verdict__reason",
            "comparison__verdict__deciding",
            "replica",
        )
    )
    for told in rows.iterator(chunk_size=CHUNK):
        contrast, comparison, prompt, group, a_is_first, outcome, reason, deciding, n = told
        side = as_side(outcome, a_is_first=a_is_first) if outcome else None
        yield ItemRow(
            contrast,
            comparison,
            prompt,
            _once(group),
            a_is_first,
            side,
            _once(reason or ""),
            _once(deciding or ""),
            n,
        )


def _votes(study: Study) -> Iterator[VoteRow]:
    names = pseudonyms(study)
    third = after_two(study) if study.read_protocol().on_demand else set()
    rows = (
        Vote.objects.filter(study=study, comparison__kind=LIVE)
        .order_by("comparison__order", "annotator_id")
        .values_list(
            "comparison_id",
            "annotator_id",
            "choice",
            "deciding",
            "both_bad",
            "side",
            "simulated",
            "late",
            "too_fast",
            "active_ms",
        )
    )
    for told in rows.iterator(chunk_size=CHUNK):
        pair, who, choice, deciding, both_bad, side, simulated, late, too_fast, ms = told
        yield VoteRow(
            pair,
            names[who],
            _once(choice),
            _once(deciding),
            both_bad,
            _once(side),
            simulated,
            late,
            too_fast,
            ms,
            early=(pair, who) not in third,
        )


def after_two(study: Study) -> set[tuple[int, int]]:
    """(comparison, annotator) of every vote that came after two others."""
    votes = Vote.objects.filter(study=study, comparison__kind=LIVE)
    seen: Counter[int] = Counter()
    late: set[tuple[int, int]] = set()
    for comparison, who in votes.order_by("created_at", "pk").values_list(
        "comparison_id", "annotator_id"
    ):
        seen[comparison] += 1
        if seen[comparison] > 2:
            late.add((comparison, who))
    return late


def _protocols(study: Study) -> Iterator[tuple[str, int]]:
    rows = (
        Verdict.objects.filter(comparison__study=study)
        .values("protocol_hash")
        .annotate(n=Count("pk"), since=Min("decided_at"))
        .order_by("since", "protocol_hash")
    )
    for row in rows:
        yield row["protocol_hash"] or study.protocol_hash, row["n"]


def _set_aside(study: Study) -> SetAside:
    revisions = VoteRevision.objects.filter(
        comparison__study=study, comparison__kind=LIVE
    ).aggregate(
        undone=Count("pk", filter=Q(reason=VoteRevision.Reason.UNDONE)),
        invalidated=Count("pk", filter=Q(reason=VoteRevision.Reason.INVALIDATED)),
    )
    comparisons = Comparison.objects.filter(study=study, kind=LIVE).aggregate(
        held=Count("pk", filter=Q(held=True))
    )
    reported = Report.objects.filter(comparison__study=study, comparison__kind=LIVE)
    # Asked apart from the criteria under protocol `full`; elsewhere it is the answer itself.
    differs = Answer.objects.filter(
        vote__study=study, vote__comparison__kind=LIVE, criterion="overall"
    ).exclude(choice=F("vote__choice"))
    return SetAside(
        undone=revisions["undone"],
        invalidated=revisions["invalidated"],
        skipped=Skip.objects.filter(comparison__study=study, comparison__kind=LIVE).count(),
        reported=reported.values("comparison").distinct().count(),
        held=comparisons["held"],
        preview_votes=PreviewVote.objects.filter(study=study).count(),
        other_kinds=Vote.objects.filter(study=study).exclude(comparison__kind=LIVE).count(),
        overall_differs=differs.count(),
    )


def _times(study: Study) -> tuple[datetime | None, datetime | None]:
    votes = Vote.objects.filter(study=study, comparison__kind=LIVE).order_by("created_at")
    first = votes.values_list("created_at", flat=True).first()
    last = votes.values_list("created_at", flat=True).last()
    decided = Verdict.objects.filter(comparison__study=study).aggregate(last=Max("decided_at"))
    known = [moment for moment in (last, decided["last"]) if moment is not None]
    return first, max(known, default=None)
