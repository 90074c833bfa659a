"""What training and exam say: titles, marks, and why an answer was right or wrong.

It must not decide what is right.
"""

from typing import Any

from django.utils.translation import gettext as _

from annotate.analysis.votes import PRIORITY, Choice, Criterion
from annotate.judging.controls import outcome
from annotate.judging.drawn_items import in_words as drawn_in_words
from annotate.judging.hotpath import Lease, Shown
from annotate.judging.pilot import in_words
from annotate.judging.qualification import Marked
from annotate.judging.qualification_models import Sitting, SittingItem
from annotate.judging.rated import is_rated
from annotate.judging.rings import Drawn, draw
from annotate.judging.verdicts import protocol_of
from annotate.sampling.models import Image
from annotate.studies.protocol import Protocol
from annotate.web.rated_words import rated_heading


def title(sitting: Sitting, study_name: str) -> str:
    """What the bar of the judging screen is headed."""
    training = sitting.kind == Sitting.Kind.TRAINING
    return f"{_('Training') if training else _('Exam')}: {study_name}"


def mark_words(sitting: Sitting, protocol: Protocol) -> str:
    """How many must be right, before and while it is held."""
    training = sitting.kind == Sitting.Kind.TRAINING
    if training and sitting.items.exclude(answered_at=None).exists():
        return count_words(sitting, protocol)
    return _("%(mark)d of %(all)d right to pass") % {
        "mark": protocol.training_pass if training else protocol.exam_pass,
        "all": protocol.training_pairs if training else protocol.exam_items,
    }


def count_words(sitting: Sitting, protocol: Protocol) -> str:
    """Training only: an exam tells nothing before its end."""
    answered = sitting.items.exclude(answered_at=None)
    return _("%(right)d of %(done)d right, %(mark)d of %(all)d to pass") % {
        "right": answered.filter(right=True).count(),
        "done": answered.count(),
        "mark": protocol.training_pass,
        "all": protocol.training_pairs,
    }


def feedback(marked: Marked) -> dict[str, Any]:
    """One training answer: right or not, what is right, the reason first and what follows it, and
    the rings that point at it."""
    item = marked.item
    expected = item.comparison.expected or {}
    if is_rated(expected):
        given = {str(name): str(said) for name, said in marked.judgement.answers.items()}
        heading = rated_heading(expected, given, protocol_of(item.comparison.study))
        return {"right": bool(item.right), "heading": heading, **_why(item)}
    truth = _truth(expected, flipped=item.flipped)
    right, chosen = bool(item.right), _side(marked.judgement.choice, flipped=item.flipped)
    if right:
        heading = _("Right. %(truth)s") % {"truth": truth}
    elif marked.judgement.choice == outcome(expected):
        heading = _("The right picture, but at another question. %(truth)s") % {"truth": truth}
    elif chosen:
        heading = _("You chose %(side)d. %(truth)s") % {"side": chosen, "truth": truth}
    else:
        heading = _("You chose about equal. %(truth)s") % {"truth": truth}
    return {"right": right, "heading": heading, **_why(item)}


def _why(item: SittingItem) -> dict[str, Any]:
    """The explanation, its first sentence apart, and the rings that point at it."""
    told = in_words(drawn_in_words(item.comparison.explanation))
    reason, dot, more = told.partition(". ")
    return {"reason": reason + dot.strip(), "more": more, "rings": _rings(item)}


def _rings(item: SittingItem) -> list[Drawn]:
    pair = item.comparison
    if not pair.rings:
        return []
    sizes = {
        name: (i.width, i.height) for name, i in (("first", pair.first), ("second", pair.second))
    }
    return draw(
        pair.rings, flipped=item.flipped, sizes=sizes, box=(pair.box_width, pair.box_height)
    )


def _truth(expected: dict[str, str], *, flipped: bool) -> str:
    side = _side(outcome(expected), flipped=flipped)
    if side is None:
        return _("The two pictures are about equal.")
    deciding = next(c for c in PRIORITY if expected.get(c, Choice.TIE) != Choice.TIE)
    words = {
        Criterion.ALIGNMENT: _("Picture %(side)d matches the text better."),
        Criterion.QUALITY: _("Both match the text; picture %(side)d has better image quality."),
        Criterion.AESTHETICS: _("Only looks differ, and picture %(side)d is more pleasing."),
    }
    return words[deciding] % {"side": side}


def _side(choice: Choice, *, flipped: bool) -> int | None:
    """The number a picture has on the screen; None for a tie."""
    if choice is Choice.TIE:
        return None
    return 1 if (choice is Choice.FIRST) != flipped else 2


def lease_of(item: SittingItem) -> Lease:
    """An item as the judging screen takes a pair. Its number is negative: no slot has it."""
    pair = item.comparison
    return Lease(
        pk=-item.pk,
        comparison_id=0,
        slot=1,
        token=item.token,
        lane=0,
        turn=item.place,
        leased_at=item.sitting.begun_at,
        lease_until=item.sitting.begun_at,
        flipped=item.flipped,
        prompt=pair.prompt.text,
        context=pair.prompt.context,
        context_role=pair.prompt.context_role,
        first=_shown(pair.first),
        second=_shown(pair.second),
        box_width=pair.box_width,
        box_height=pair.box_height,
        wire_bytes=pair.wire_bytes,
    )


def _shown(image: Image) -> Shown:
    return Shown(image.digest, image.width, image.height)
