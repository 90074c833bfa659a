"""A study that demands training and exam, with items whose better picture can be seen; its clock.

It must not answer anything.
"""

from datetime import timedelta
from typing import Any

from django.db.models import F

from annotate.judging import qualification
from annotate.judging.controls import KnownItem, add_item, outcome
from annotate.judging.drawn_items import add_drawn_items
from annotate.judging.launch import launch
from annotate.judging.qualification_models import Sitting, SittingItem
from annotate.judging.rings import Ring
from annotate.judging.voting import Ballot
from annotate.sampling.storage import put
from annotate.studies.models import Membership, Study
from tests.browser.pictures import scene

PROTOCOL = {
    "qualification": True,
    "training_pairs": 3,
    "training_pass": 2,
    "exam_items": 4,
    "exam_pass": 3,
}
WHY = "Discs come before light. The text asks for three discs, and the other picture lost them."


def add_items(study: Study, *, training: int = 4, exam: int = 8) -> None:
    """In each item the better picture shows the discs, the other a bare sky over a ground."""
    for n in range(training + exam):
        good, bare = put(scene(500 + n)), put(scene(700 + n).resize((2, 2)).resize((320, 320)))
        kind = "training" if n < training else "exam"
        prompt = f"three discs over a plain ground, number {n + 1}"
        answers = {"alignment": "a"}
        # A place on each picture: the reason, and where it is missing.
        rings = (Ring("a", 0.1, 0.2, 0.35, 0.3), Ring("b", 0.5, 0.5, 0.3, 0.4))[: 1 + n % 2]
        item = KnownItem(kind, prompt, good.digest, bare.digest, answers, WHY, rings)
        add_item(study, item, actor=None)


def worked_pair() -> dict[str, Any]:
    """A conflict pair for the instructions."""
    plain, pretty = put(scene(900)), put(scene(901))
    return {
        "prompt": "two red discs on a plain ground",
        "first": plain.digest,
        "second": pretty.digest,
        "answer": "1",
        "explanation": "Picture 2 has the better light and one disc too many. Count comes first.",
    }


def give_worked_pairs(study: Study) -> None:
    """A draft of diversity: all lines but one have a worked pair of each of three levels."""
    why = ("It is the same picture twice.", "Other colours of the same thing.", "Another thing.")
    pictures = [put(scene(n)).digest for n in (900, 901, 902)]
    pairs = [
        {
            "prompt": "discs on a plain ground",
            "first": pictures[0],
            "second": pictures[level],
            "attribute": attribute,
            "level": level,
            "explanation": why[level],
        }
        for attribute in ("angle_of_view", "background", "main_object")
        for level in range(3)
    ]
    study.spec["protocol"]["rated_examples"] = pairs
    study.save(update_fields=["spec"])


def right_keys(uid: str) -> list[str]:
    """The keys that answer the running sitting rightly, in the order of its items."""
    items = SittingItem.objects.filter(
        sitting__qualification__membership__study__uid=uid, sitting__ended_at=None
    )
    rows = items.select_related("comparison").order_by("place")
    known = [(outcome(row.comparison.expected), row.flipped) for row in rows]
    return ["Digit1" if (choice == "first") != flipped else "Digit2" for choice, flipped in known]


def a_day_passes(uid: str) -> int:
    """What 24 hours do to the attempts of a study: they ended a day earlier."""
    ended = Sitting.objects.filter(qualification__membership__study__uid=uid)
    return ended.update(ended_at=F("ended_at") - timedelta(hours=24))


def bring_to(study: Study, stage: str) -> None:
    """Take the first annotator from consent up to this stage, answering rightly but at its end."""
    who = Membership.objects.select_related("study", "user").filter(role="annotator")
    who = who.filter(study=study).order_by("pk").first()
    assert who is not None
    if stage == "instructions":
        qualification.consent(who, device={})
        return
    qualification.consent(who, device={})
    qualification.instructed(who)
    if stage == "training again":
        _sit(who, right=False)
    if stage == "in training":
        qualification.begin(who)
    if stage in {"exam", "in exam", "wait", "failed", "qualified"}:
        _sit(who, right=True)
    if stage == "in exam":
        qualification.begin(who)
    if stage in {"wait", "failed", "qualified"}:
        _sit(who, right=stage == "qualified")
    if stage == "failed":
        a_day_passes(str(study.uid))
        _sit(who, right=False)


def train_in_diversity(study: Study) -> None:
    """Draw items of a diversity study's own pictures and launch it; training shows one twice."""
    for kind in ("training", "exam"):
        add_drawn_items(study, kind=kind, count=4, actor=None)
    study.comparisons.filter(kind="training", identical=False).delete()
    launch(study, actor=study.owner)
    bring_to(study, "in training")


def _sit(who: Membership, *, right: bool) -> None:
    sitting = qualification.begin(who)
    keys = right_keys(str(who.study.uid))
    for key, item in zip(keys, qualification.in_hand(sitting), strict=True):
        side = "left" if (key == "Digit1") == right else "right"
        qualification.answer(who, Ballot(item.token, {"alignment": side}, elapsed_ms=2000))
