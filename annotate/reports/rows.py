"""The rows of an export: one for each vote, one for each verdict, in an order of their own.

It must not know file formats. People appear by pseudonym only.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from django.db.models import Count, Q

from annotate.analysis.votes import PRIORITY, Criterion
from annotate.judging.models import Answer, Comparison, ContrastItem, Outcome, ReviewMark, Vote
from annotate.reports.frames import CHUNK, LIVE, as_side, contrast_rows, pseudonyms
from annotate.reports.report import Report
from annotate.studies.models import Study

Row = dict[str, Any]
T = TypeVar("T")
# Pairs in one of the batches.
BATCH = 500
# Who is no member of the study and may act in it all the same.
ADMIN = "an admin"

VOTE_COLUMNS: Mapping[str, str] = {
    "comparison": "a prompt with two pictures; joins votes to verdicts",
    "kind": "live votes count; control, repeat, training and exam do not",
    "prompt_key": "the researcher's own id of the prompt",
    "prompt": "its text",
    "group": "prompts of one group are resampled together",
    "first_image": "SHA-256 of the first picture's pixels",
    "second_image": "SHA-256 of the second picture's pixels",
    "first_methods": "methods that made the first picture",
    "second_methods": "methods that made the second picture",
    "annotator": "pseudonym",
    "choice": "first, second or tie, by picture and not by side",
    "preferred_methods": "methods of the chosen picture; empty for a tie",
    "deciding": "the criterion that settled the vote",
    "alignment": "answer for text match; empty where it was not asked",
    "quality": "answer for image quality",
    "aesthetics": "answer for aesthetics",
    "overall": "answer for the overall question",
    "both_bad": "a tie of the kind “both bad”",
    "left": "which picture stood on the left: first or second",
    "side": "the side of the chosen picture",
    "simulated": "cast by a program, not by a person",
    "late": "came after its lease had run out",
    "too_fast": "faster than the protocol's minimum viewing time",
    "active_ms": "milliseconds with the page in view",
    "elapsed_ms": "milliseconds from showing to answer",
    "created_at": "UTC",
    "telemetry": "what the page reported about the display",
}
VERDICT_COLUMNS: Mapping[str, str] = {
    "a": "method a, the challenger",
    "b": "method b",
    "primary": "the comparison of the headline",
    "prompt_key": "the researcher's own id of the prompt",
    "prompt": "its text",
    "group": "prompts of one group are resampled together",
    "replica": "number of the sample",
    "comparison": "joins verdicts to votes",
    "a_is_first": "method a made the first picture",
    "outcome": "a, b, tie or undecided",
    "reason": "unanimous, majority, split or identical; empty while undecided",
    "rule": "the rule that made the verdict",
    "protocol_hash": "of the frozen protocol under which it was made; empty while undecided",
    "deciding": "the criterion that settled it",
    "votes_a": "votes for method a",
    "votes_tie": "votes for a tie",
    "votes_b": "votes for method b",
    "identical": "both pictures are equal",
    "held": "held back from annotators after reports",
    "simulated": "at least one vote was cast by a program",
    "decided_at": "UTC",
}
MARK_COLUMNS: Mapping[str, str] = {
    "comparison": "joins marks to votes and verdicts",
    "prompt_key": "the researcher's own id of the prompt",
    "prompt": "its text",
    "says": "right (looks right), doubtful (labels doubtful) or broken (picture or prompt broken)",
    "comment": "the reviewer's own words",
    "author": "pseudonym; “an admin” for one who is no member",
    "at": "UTC",
    "votes": "current votes on the pair",
    "simulated_votes": "of these, cast by programs",
    "simulated": "at least one vote on the pair was cast by a program",
}
SUMMARY_COLUMNS: Mapping[str, str] = {
    "a": "method a, the challenger",
    "b": "method b",
    "primary": "the comparison of the headline",
    "ties": "dropped (the headline), half, or losses",
    "wins": "verdicts for a",
    "tied": "verdicts that are a tie",
    "losses": "verdicts for b",
    "undecided": "without a verdict: not in any rate",
    "items": "wins + tied + losses + undecided",
    "identical": "ties of equal pictures, not shown to anyone",
    "split": "ties of which all answers differ",
    "by_alignment": "wins and losses that text match decided",
    "by_quality": "wins and losses that image quality decided",
    "by_aesthetics": "wins and losses that aesthetics decided",
    "unanimous": "pairs with three votes on which all are equal",
    "two_of_three": "pairs with three votes on which two are equal",
    "all_different": "pairs with three votes that all differ",
    "n": "the rate's denominator",
    "win_rate": "share of verdicts, in [0, 1]",
    "low": "lower end of the interval",
    "high": "upper end of the interval",
    "confidence": "of the interval",
    "method": "of the interval",
    "p_value": "exact two-sided sign test; none while the study runs without early stopping",
    "p_claimed": "anytime p where early stopping was declared, else the sign test, ties dropped",
    "vote_share": "share of single votes for a, tied votes dropped: not a win rate",
    "vote_share_low": "lower end, votes clustered by prompt",
    "vote_share_high": "upper end",
    "alpha": "Krippendorff's alpha, nominal",
    "agreement": "share of equal vote pairs",
    "ac1": "Gwet's AC1",
    "votes": "votes on live pairs in the whole study",
    "simulated_votes": "of these, cast by programs",
    "rule": "of the verdicts",
    "protocol_hash": "of the frozen protocol",
}

# Columns that all votes on a pair share, and where they are read.
_OF_PAIR: Mapping[str, str] = {
    "comparison": "pk",
    "kind": "kind",
    "prompt_key": "prompt__key",
    "prompt": "prompt__text",
    "group": "prompt__group",
    "first_image": "first__digest",
    "second_image": "second__digest",
}
# Columns that are read from the vote as they stand.
_OF_VOTE = (
    *("choice", "deciding", "both_bad", "side", "simulated", "late", "too_fast"),
    *("active_ms", "elapsed_ms", "telemetry"),
)


@dataclass(frozen=True)
class _Place:
    """Where a comparison is used: a contrast's item."""

    a: str
    b: str
    a_is_first: bool


def vote_rows(study: Study) -> Iterator[Row]:
    """Every current vote of the study, by serving order and pseudonym. Memory: of one batch."""
    names = pseudonyms(study)
    for pairs in _pairs(study):
        places, answers = _places(list(pairs)), _answers(list(pairs))
        votes = Vote.objects.filter(comparison__in=list(pairs)).values_list(
            "pk", "comparison_id", "annotator_id", "assignment__flipped", "created_at", *_OF_VOTE
        )
        on: dict[int, list[Row]] = defaultdict(list)
        for pk, pair, who, flipped, at, *told in votes:
            vote = dict(zip(_OF_VOTE, told, strict=True))
            vote |= {"annotator": names[who], "created_at": stamp(at), **answers[pk]}
            vote["left"] = Outcome.SECOND.value if flipped else Outcome.FIRST.value
            on[pair].append(vote)
        for pair, shown in pairs.items():
            made = _made_by(places[pair])
            for vote in sorted(on[pair], key=lambda row: row["annotator"]):
                preferred = made.get(f"{vote['choice']}_methods", [])
                yield {**shown, **made, "preferred_methods": preferred, **vote}


def _pairs(study: Study) -> Iterator[dict[int, Row]]:
    """Batches of the study's comparisons by key, in serving order, with what their votes share.

    Each batch begins where the last one ended, so that no database sorts or holds all of them.
    """
    rows = Comparison.objects.filter(study=study).order_by("order")
    after = rows
    while some := list(after.values_list("order", *_OF_PAIR.values())[:BATCH]):
        yield {told[0]: dict(zip(_OF_PAIR, told, strict=True)) for _, *told in some}
        after = rows.filter(order__gt=some[-1][0])


def _answers(comparisons: Sequence[int]) -> dict[int, dict[str, str]]:
    """What each vote says of every criterion; empty where it was not asked."""
    found: dict[int, dict[str, str]] = defaultdict(lambda: {c.value: "" for c in Criterion})
    rows = Answer.objects.filter(vote__comparison__in=comparisons)
    for vote, criterion, choice in rows.values_list("vote_id", "criterion", "choice"):
        if criterion in found[vote]:
            found[vote][criterion] = choice
    return found


def batches(rows: Iterable[T]) -> Iterator[list[T]]:
    """Pairs whose other rows are read together."""
    found = iter(rows)
    while some := list(islice(found, BATCH)):
        yield some


def _places(comparisons: Sequence[int]) -> dict[int, list[_Place]]:
    rows = ContrastItem.objects.filter(comparison__in=comparisons).values_list(
        "comparison_id", "contrast__a__name", "contrast__b__name", "a_is_first"
    )
    found: dict[int, list[_Place]] = defaultdict(list)
    ordered = rows.order_by("contrast__order", "contrast_id", "replica")
    for comparison, a, b, a_is_first in ordered:
        found[comparison].append(_Place(a, b, a_is_first))
    return found


def _made_by(places: list[_Place]) -> dict[str, list[str]]:
    """The methods of either picture."""
    return {
        "first_methods": sorted({p.a if p.a_is_first else p.b for p in places}),
        "second_methods": sorted({p.b if p.a_is_first else p.a for p in places}),
    }


def verdict_rows(study: Study) -> Iterator[Row]:
    """Every item of every contrast, decided or not: contrast by contrast in serving order.

    Memory is that of one batch of pairs.
    """
    for contrast in contrast_rows(study):
        items = (
            ContrastItem.objects.filter(contrast_id=contrast.pk, comparison__kind=LIVE)
            .select_related("prompt", "comparison__verdict")
            .order_by("comparison__order", "prompt__key", "replica")
            .iterator(chunk_size=CHUNK)
        )
        for some in batches(items):
            cast, simulated = _cast([item.comparison_id for item in some])
            for item in some:
                yield {
                    "a": contrast.a,
                    "b": contrast.b,
                    "primary": contrast.primary,
                    **_item_row(item, cast[item.comparison_id]),
                    "simulated": item.comparison_id in simulated,
                    "decided_at": _decided_at(item),
                }


def _cast(comparisons: Sequence[int]) -> tuple[dict[int, Counter[str]], set[int]]:
    """Votes by comparison and choice, and the comparisons on which a program voted."""
    cast: dict[int, Counter[str]] = defaultdict(Counter)
    simulated: set[int] = set()
    tallies = (
        Vote.objects.filter(comparison__in=comparisons)
        .values_list("comparison_id", "choice")
        .annotate(n=Count("pk"), programs=Count("pk", filter=Q(simulated=True)))
    )
    for comparison, choice, n, programs in tallies:
        cast[comparison][choice] = n
        if programs:
            simulated.add(comparison)
    return cast, simulated


def _item_row(item: ContrastItem, cast: Counter[str]) -> Row:
    comparison = item.comparison
    verdict = getattr(comparison, "verdict", None)
    outcome = as_side(verdict.outcome, a_is_first=item.a_is_first) if verdict else "undecided"
    a, b = Outcome.FIRST.value, Outcome.SECOND.value
    if not item.a_is_first:
        a, b = b, a
    return {
        "prompt_key": item.prompt.key,
        "prompt": item.prompt.text,
        "group": item.prompt.group,
        "replica": item.replica,
        "comparison": comparison.pk,
        "a_is_first": item.a_is_first,
        "outcome": outcome,
        "reason": verdict.reason if verdict else "",
        "rule": verdict.rule if verdict else "",
        "protocol_hash": verdict.protocol_hash if verdict else "",
        "deciding": verdict.deciding if verdict else "",
        "votes_a": cast[a],
        "votes_tie": cast[Outcome.TIE.value],
        "votes_b": cast[b],
        "identical": comparison.identical,
        "held": comparison.held,
    }


def _decided_at(item: ContrastItem) -> str:
    verdict = getattr(item.comparison, "verdict", None)
    return stamp(verdict.decided_at) if verdict else ""


def mark_rows(study: Study) -> Iterator[Row]:
    """Every mark of a reviewer, pair by pair in serving order, the oldest first."""
    names = pseudonyms(study)
    marks = ReviewMark.objects.filter(comparison__study=study).select_related("comparison__prompt")
    cast = marks.annotate(
        n=Count("comparison__votes"),
        programs=Count("comparison__votes", filter=Q(comparison__votes__simulated=True)),
    )
    ordered = cast.order_by("comparison__order", "comparison_id", "at", "pk")
    for mark in ordered.iterator(chunk_size=CHUNK):
        yield {
            "comparison": mark.comparison_id,
            "prompt_key": mark.comparison.prompt.key,
            "prompt": mark.comparison.prompt.text,
            "says": mark.says,
            "comment": mark.comment,
            "author": names.get(mark.author_id, ADMIN),
            "at": stamp(mark.at),
            "votes": mark.n,
            "simulated_votes": mark.programs,
            "simulated": mark.programs > 0,
        }


def summary_rows(report: Report) -> Iterator[Row]:
    """Every contrast under the three tie conventions."""
    for c in report.contrasts:
        turned_on = {one.criterion: one.rate.n for one in c.criteria}
        for rate in c.conventions:
            yield {
                "a": c.a,
                "b": c.b,
                "primary": c.primary,
                "ties": rate.convention.value,
                "wins": c.wins,
                "tied": c.ties,
                "losses": c.losses,
                "undecided": c.undecided,
                "items": c.items,
                "identical": c.identical,
                "split": c.split,
                **{f"by_{criterion}": turned_on.get(criterion, 0) for criterion in PRIORITY},
                "unanimous": c.agreement.split.unanimous,
                "two_of_three": c.agreement.split.two_of_three,
                "all_different": c.agreement.split.all_different,
                "n": rate.n,
                "win_rate": rate.estimate,
                "low": rate.low,
                "high": rate.high,
                "confidence": rate.confidence,
                "method": rate.method,
                "p_value": None if report.tests_withheld else rate.p_value,
                "p_claimed": report.p_shown(c),
                "vote_share": c.share.estimate,
                "vote_share_low": c.share.low,
                "vote_share_high": c.share.high,
                "alpha": c.agreement.alpha,
                "agreement": c.agreement.percent,
                "ac1": c.agreement.ac1,
                "votes": report.counts.votes,
                "simulated_votes": report.counts.simulated,
                "rule": report.protocol.rule,
                "protocol_hash": report.protocol_hash,
            }


def stamp(moment: datetime) -> str:
    """The same text whatever time zone the database answers in."""
    return moment.astimezone(UTC).isoformat()
