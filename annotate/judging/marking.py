"""Marks of reviewers on pairs: added, never changed or taken away. It must not touch votes,

slots or verdicts, nor decide who may mark (web.access does).
"""

from datetime import datetime

from annotate.judging.models import Comparison
from annotate.judging.queue import retrying
from annotate.judging.review_models import ReviewMark
from annotate.people.models import User
from annotate.studies.clock import database_now
from annotate.studies.models import Event

LONGEST = 1000


class BadMark(ValueError):
    """A mark that says nothing known, too much, or the same once more."""


def mark(
    comparison: Comparison,
    *,
    says: str,
    comment: str = "",
    author: User,
    now: datetime | None = None,
) -> ReviewMark:
    """Add a mark; the verdict, the votes and earlier marks stay as they are.

    Of two equal ones sent at once, as by a double press, one is added.

    Raises:
        BadMark: it is unknown or too long, the pair is not a live one, or it is the author's
            latest mark on this pair word by word.
    """
    comment = comment.strip()
    if says not in ReviewMark.Says.values:
        raise BadMark(f"{says!r} is no mark; choose one of {', '.join(ReviewMark.Says.labels)}.")
    if len(comment) > LONGEST:
        raise BadMark(f"The comment has {len(comment)} characters; at most {LONGEST}. Shorten it.")
    if comparison.kind != Comparison.Kind.LIVE:
        raise BadMark(f"Pair {comparison.pk} is {comparison.kind}; only live pairs are marked.")

    def verb() -> ReviewMark:
        # One at a time: the second of two equal ones must see the first.
        Comparison.objects.select_for_update().get(pk=comparison.pk)
        last = comparison.marks.filter(author=author).order_by("-at", "-pk").first()
        if last is not None and (last.says, last.comment) == (says, comment):
            raise BadMark("This is your latest mark on the pair already. Nothing was added.")
        made = ReviewMark.objects.create(
            comparison=comparison,
            author=author,
            says=says,
            comment=comment,
            at=now or database_now(),
        )
        Event.objects.create(
            study_id=comparison.study_id,
            actor=author,
            kind="pair_marked",
            data={"comparison": comparison.pk, "mark": made.pk, "says": says},
            at=made.at,
        )
        return made

    return retrying(verb)
