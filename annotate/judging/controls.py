"""Items with a known answer: pairs of stored pictures, what is right per criterion, and why.

Kept as comparisons of their own kinds, so that no live number meets them. It must not know who
judges them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Min, QuerySet

from annotate.analysis.votes import PRIORITY, Choice, Criterion, VoteRecord
from annotate.judging.answers import Judgement
from annotate.judging.models import Assignment, Comparison, SittingItem
from annotate.judging.pairing import Pair
from annotate.judging.rated import BadLevels, expected_levels, fits, is_rated, levels_right
from annotate.judging.rings import BadRing, Ring, keep
from annotate.judging.writing import fit_boxes, sized
from annotate.people.models import User
from annotate.sampling.models import Image
from annotate.studies.models import Event, Prompt, Study
from annotate.studies.prompts import PromptRow, store_prompts, text_digest
from annotate.studies.protocol import Protocol

Kind = Comparison.Kind
# Mirrored repeats stand below this in the serving order.
REPEATS_BELOW = -(2**40)
# Anchors of a diversity study stand between, items that a researcher adds above it and below zero.
ANCHORS_BELOW = -(2**39)
# What an item may be for: training, exam, or control tasks that are mixed into live work.
KINDS = (Kind.TRAINING, Kind.EXAM, Kind.CONTROL)


class BadItem(ValueError):
    """An item that could not be judged right or wrong."""


@dataclass(frozen=True)
class KnownItem:
    """An item as a researcher writes it: pictures `a` and `b`, by content digest.

    `answers` says per criterion which is better: a, b or equal, in the order of priority down to
    the first that is not equal; lower criteria may be stated too, for protocol full. A control of a
    study that asks one question may say `overall` alone. In a study of
    diversity it says levels by attribute and their tolerance (`judging.rated`). `rings` are
    drawn over the pictures when a training answer is explained. `context` is the digest of the
    picture shown beside them; none: that of the study's own prompt of this text, where it has one.
    """

    kind: str
    prompt: str
    a: str
    b: str
    answers: Mapping[str, str]
    explanation: str
    rings: tuple[Ring, ...] = ()
    context: str = ""
    context_role: str = ""


def items(study: Study, kind: str) -> QuerySet[Comparison]:
    """The study's items of a kind that may be drawn, in the order in which they were added."""
    return study.comparisons.filter(kind=kind, held=False).order_by("-order")


def outcome(expected: Mapping[str, str]) -> Choice:
    """What the known answers amount to by priority: first, second or tie; a tie where levels are
    known, since nobody wins."""
    if is_rated(expected):
        return Choice.TIE
    return VoteRecord({Criterion(k): Choice(v) for k, v in expected.items()}).derived()


def can_be_given(expected: Mapping[str, str], protocol: Protocol) -> bool:
    """Whether the protocol has an answer that is right: without ties no equal pair has one."""
    if protocol.asks_diversity or is_rated(expected):
        return protocol.asks_diversity and is_rated(expected) and fits(expected, protocol)
    return protocol.ties != "forbid" or outcome(expected) is not Choice.TIE


def is_right(expected: Mapping[str, str], judgement: Judgement) -> bool:
    """Whether a judgement says what is known, criterion by criterion and as a whole.

    A criterion that was not asked, or whose answer is not known, counts neither way.
    """
    given = {str(k): str(v) for k, v in judgement.answers.items()}
    if is_rated(expected):
        return levels_right(expected, given)
    given.pop(Criterion.OVERALL, None)
    return judgement.choice == outcome(expected) and all(
        expected.get(criterion, choice) == choice for criterion, choice in given.items()
    )


def add_item(study: Study, item: KnownItem, *, actor: User | None) -> Comparison:
    """Keep an item with the study; its sides are drawn when somebody is given it.

    Raises:
        BadItem: a picture is not stored, or the answers leave open which picture is better.
        BadRing: a ring cannot be drawn, or nobody would ever see it.
    """
    if item.kind not in KINDS:
        raise BadItem(f"kind {item.kind!r}; allowed: {', '.join(KINDS)}.")
    if not item.explanation.strip():
        raise BadItem("the explanation is empty. Say why the answer is right: it teaches.")
    expected = _known(study, item)
    if item.rings and item.kind == Kind.CONTROL:
        raise BadRing(
            "rings belong to an explanation after a training answer, and a control task explains "
            "nothing. Remove them, or make it a training item."
        )
    # Canonical order, as in `_expected`.
    rings = keep(item.rings, a_is_first=item.a <= item.b)
    if not (text := item.prompt.strip()):
        raise BadItem("the prompt is empty. Write the text that the pictures were made from.")
    context, role = _context(study, item, text)
    named = [item.a, item.b, *filter(None, [context])]
    stored = {i.digest: i for i in Image.objects.filter(digest__in=named)}
    for side in named:
        if side not in stored:
            raise BadItem(f"picture {side[:12]!r} is not stored. Import it first.")
    first, second = sorted((stored[item.a], stored[item.b]), key=lambda image: image.digest)
    prompt = _prompt(text, context, role)
    pair = Pair(prompt=prompt, first=first, second=second, asking=0, lead_first=True)
    protocol = study.read_protocol()
    fit_boxes([pair], protocol)
    with transaction.atomic():
        # One writer at a time: the next place is drawn from those taken.
        Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        there = study.comparisons.filter(order__gt=ANCHORS_BELOW)
        lowest = there.aggregate(lowest=Min("order"))["lowest"]
        # Below all live pairs, whose places begin at 0.
        pair.order = min(lowest if lowest is not None else 0, 0) - 1
        row = sized(study, protocol, pair)
        row.kind, row.expected, row.explanation = item.kind, expected, item.explanation.strip()
        row.rings = rings
        row.save()
        Event.objects.create(
            study=study,
            actor=actor,
            kind="known_item_added",
            data={"comparison": row.pk, "kind": item.kind},
        )
    return row


def fit_items(study: Study, protocol: Protocol) -> None:
    """Make the files in which this display shows the items; call it outside a transaction."""
    fit_boxes((pair for _, pair in _shown(study)), protocol)


def refit(study: Study, protocol: Protocol) -> None:
    """Give all items the boxes of this display, which may have changed since they were added.

    Call `fit_items` first.
    """
    for pk, pair in _shown(study):
        as_shown = sized(study, protocol, pair)
        names = ("box_width", "box_height", "wire_bytes")
        sizes = {name: getattr(as_shown, name) for name in names}
        Comparison.objects.filter(pk=pk).update(**sizes)


def _shown(study: Study) -> Iterator[tuple[int, Pair]]:
    for row in study.comparisons.filter(kind__in=KINDS).select_related("prompt", "first", "second"):
        pair = Pair(row.prompt, row.first, row.second, asking=0, lead_first=True, order=row.order)
        yield row.pk, pair


def taught(study: Study, shown: Iterable[tuple[int, int]]) -> int:
    """How many of these pairs (ids of first and second picture) are items of the study too."""
    rows = study.comparisons.filter(kind__in=KINDS, held=False)
    return len(set(rows.values_list("first", "second")) & set(shown))


def drop_item(comparison: Comparison, *, actor: User) -> None:
    """Take an item out of use; one that somebody was given stays on record."""
    if comparison.kind not in KINDS:
        raise BadItem(f"comparison {comparison.pk} is {comparison.kind}, not an item. Leave it.")
    with transaction.atomic():
        Study.objects.select_for_update(no_key=True).get(pk=comparison.study_id)
        sat = SittingItem.objects.filter(comparison=comparison)
        if sat.exists() or Assignment.objects.filter(comparison=comparison).exists():
            Comparison.objects.filter(pk=comparison.pk).update(held=True)
        else:
            comparison.delete()
        Event.objects.create(
            study_id=comparison.study_id,
            actor=actor,
            kind="known_item_dropped",
            data={"kind": comparison.kind},
        )


def _known(study: Study, item: KnownItem) -> dict[str, str]:
    """The known answers as they are stored, in the terms of what the study asks."""
    protocol = study.read_protocol()
    if not protocol.asks_diversity:
        return _expected(item, single=protocol.judgement == "single")
    if item.kind == Kind.CONTROL:
        raise BadItem(
            "a study of diversity draws its control tasks itself, from its own pictures. Add the "
            "item for training or exam, and set the share of control tasks in the protocol."
        )
    try:
        return expected_levels(item.answers, protocol, identical=item.a == item.b)
    except BadLevels as error:
        raise BadItem(str(error)) from error


def _expected(item: KnownItem, *, single: bool) -> dict[str, str]:
    """The answers by canonical picture, checked to decide the pair."""
    # Nobody is taught by it: by which criterion a picture is better stays open.
    overall = set(item.answers) == {str(Criterion.OVERALL)} and single and item.kind == Kind.CONTROL
    asked = (Criterion.OVERALL,) if overall else PRIORITY
    a_is_first = item.a <= item.b
    choices = {"a": Choice.FIRST if a_is_first else Choice.SECOND, "equal": Choice.TIE}
    choices["b"] = Choice.SECOND if a_is_first else Choice.FIRST
    expected: dict[str, str] = {}
    for criterion, said in item.answers.items():
        if criterion not in set(asked) or said not in choices:
            raise BadItem(
                f"answer {criterion}={said!r}; criteria are {', '.join(asked)} and answers a, b "
                "or equal (overall alone is enough for a control of a study that asks one question "
                "only). Correct it."
            )
        expected[str(criterion)] = str(choices[said])
    for criterion in asked:
        if criterion not in expected:
            raise BadItem(
                f"the answer for {criterion} is missing, and every criterion above it is equal. "
                "State it, so that one answer is right."
            )
        if expected[criterion] != Choice.TIE:
            break
    if item.a == item.b and set(expected.values()) != {str(Choice.TIE)}:
        raise BadItem("both pictures are the same, so nothing but equal is right. Correct it.")
    return expected


def _context(study: Study, item: KnownItem, text: str) -> tuple[str, str]:
    """The picture beside the item and its role: as for the study's live pairs of this text."""
    if item.context:
        return item.context, item.context_role
    own = Prompt.objects.filter(prompt_set__studies=study, digest=text_digest(text))
    found = set(own.values_list("context", "context_role"))
    if len(found) > 1:
        raise BadItem(
            f"{len(found)} prompts of this study have this text with other pictures beside them. "
            "Say which is meant: give the item's context in a file of items."
        )
    return found.pop() if found else ("", "")


def _prompt(text: str, context: str, role: str) -> Prompt:
    """The prompt as an exam prompt of its own: it belongs to no study's test prompts."""
    digest = text_digest(text)
    name = f"known item {digest[:16]}"
    row = PromptRow(key="1", text=text, context=context, context_role=role)
    return store_prompts(name, [row], role="exam").prompts.get()
