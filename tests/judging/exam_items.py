"""A study that asks for training and exam, with small pools of items; sittings answered."""

from datetime import datetime, timedelta
from typing import Any

from annotate.judging import qualification
from annotate.judging.controls import KnownItem, add_item, outcome
from annotate.judging.growing import Grown, grow
from annotate.judging.launch import launch
from annotate.judging.qualification_models import Sitting
from annotate.studies.create import clone_study
from annotate.studies.models import Membership, Study
from tests.factories import NOW, make_image, make_study
from tests.judging.arrange import EQUAL, ballot

SMALL = {
    "qualification": True,
    "training_pairs": 3,
    "training_pass": 2,
    "exam_items": 6,
    "exam_pass": 5,
}


def add_items(study: Study, *, training: int = 4, exam: int = 10, ties: int = 4) -> None:
    """Items whose better picture is a (text match), and `ties` equal ones for the exam."""
    equal = dict.fromkeys(("alignment", "quality", "aesthetics"), "equal")
    kinds = [("training", {"alignment": "a"})] * training + [("exam", {"alignment": "a"})] * exam
    for n, (kind, answers) in enumerate([*kinds, *[("exam", equal)] * ties]):
        a, b = (make_image(f"{study.pk} item {n} {side}") for side in "ab")
        add_item(
            study,
            KnownItem(kind, f"item {n}", a.digest, b.digest, answers, "Count comes before looks."),
            actor=None,
        )


def make_examined(*, pairs: int = 2, exam: int = 10, **protocol: Any) -> Study:
    """A launched study that demands training and exam, with so many decided exam items."""
    study = make_study(pairs=pairs, protocol={"overlap": 1, "min_votes": 1} | SMALL | protocol)
    add_items(study, exam=exam)
    return launch(study, actor=study.owner)


def raise_version(study: Study, version: int = 2, **taught: Any) -> Grown:
    """Let a running study ask for another version of training and exam, as its researcher does."""
    draft = clone_study(study, owner=study.owner, name=f"version {version}")
    asked = draft.spec["protocol"] | {"qualification_version": version} | taught
    draft.spec = draft.spec | {"protocol": asked}
    draft.save()
    return grow(study, draft, actor=study.owner)


def sit(who: Membership, *, right: bool = True, now: datetime = NOW) -> Sitting:
    """Begin the next round or attempt and answer all of it, rightly or wrongly."""
    sitting = qualification.begin(who, now=now)
    began = now - timedelta(minutes=1)
    Sitting.objects.filter(pk=sitting.pk).update(begun_at=began)
    for item in qualification.in_hand(sitting):
        known = outcome(item.comparison.expected)
        left = (known == "second") == item.flipped
        answers = {"alignment": "left" if left == right else "right"}
        if known == "tie":
            answers = EQUAL if right else {"alignment": "left"}
        qualification.answer(who, ballot(item.token, answers), now=now)
    sitting.refresh_from_db()
    return sitting


def prepare(who: Membership, *, now: datetime = NOW) -> None:
    """Consent, instructions and a passed training."""
    qualification.consent(who, device={"viewport": [1280, 720]}, now=now)
    qualification.instructed(who, now=now)
    assert sit(who, now=now).passed
