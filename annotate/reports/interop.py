"""A study's live votes in the forms that other programs read, one after the other.

It must not know file formats: `judging.external_formats` does.
"""

from collections.abc import Iterator

from annotate.judging.external_votes import ExternalVote, Side, Winner
from annotate.judging.external_writing import SIDE_UNKNOWN
from annotate.judging.models import ContrastItem, Outcome, Vote
from annotate.reports.frames import CHUNK, LIVE, contrast_rows, pseudonyms
from annotate.reports.rows import batches
from annotate.studies.models import Study


def external_votes(study: Study) -> Iterator[ExternalVote]:
    """Every live vote, contrast by contrast in serving order, then by pseudonym.

    `first` is the contrast's method a. A vote on a pair that serves several contrasts comes once
    for each. Memory is that of one batch of pairs, whatever their number.
    """
    names = pseudonyms(study)
    for contrast in contrast_rows(study):
        items = (
            ContrastItem.objects.filter(contrast_id=contrast.pk, comparison__kind=LIVE)
            .select_related("prompt", "comparison")
            .order_by("comparison__order", "prompt__key", "replica")
            .iterator(chunk_size=CHUNK)
        )
        for batch in batches(items):
            yield from _votes(batch, contrast.a, contrast.b, names)


def _votes(
    items: list[ContrastItem], a: str, b: str, names: dict[int, str]
) -> Iterator[ExternalVote]:
    on: dict[int, list[Vote]] = {item.comparison_id: [] for item in items}
    for vote in Vote.objects.filter(comparison__in=on).select_related("assignment"):
        on[vote.comparison_id].append(vote)
    for item in items:
        for vote in sorted(on[item.comparison_id], key=lambda v: names[v.annotator_id]):
            yield ExternalVote(
                prompt=item.prompt.text,
                first=a,
                second=b,
                annotator=names[vote.annotator_id],
                winner=_winner(vote, item),
                side=_side(vote, item),
                milliseconds=vote.active_ms,
                prompt_id=item.prompt.key,
                group=item.prompt.group,
                replica=item.replica,
                simulated=vote.simulated,
            )


def _winner(vote: Vote, item: ContrastItem) -> Winner:
    if vote.choice == Outcome.TIE:
        return "both_bad" if vote.both_bad else "tie"
    return "first" if (vote.choice == Outcome.FIRST) == item.a_is_first else "second"


def _side(vote: Vote, item: ContrastItem) -> Side:
    """Where method a's picture stood."""
    if vote.telemetry.get(SIDE_UNKNOWN):
        return ""
    # Flipped: the comparison's second picture is on the left.
    return "left" if vote.assignment.flipped != item.a_is_first else "right"
