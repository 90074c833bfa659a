"""What the screen of a diversity study asks: four attributes and the levels of each, in words.

It must not know answers (judging.answers reads them).
"""

from typing import TypedDict

from django.utils.translation import gettext as _

from annotate.analysis.diversity import Attribute
from annotate.judging.answers import CANNOT
from annotate.studies.protocol import Protocol


class Level(TypedDict):
    """One answer: its value, the digit that gives it, and its words."""

    value: str
    digit: int
    label: str


class Row(TypedDict):
    """One attribute of the screen."""

    key: str
    label: str
    about: str


def rows() -> list[Row]:
    """The attributes in the order of the screen."""
    words = {
        Attribute.ANGLE: (_("Angle of view"), _("where the camera stands")),
        Attribute.BACKGROUND: (_("Background"), _("what lies behind")),
        Attribute.OBJECT: (_("Main object"), _("what the picture shows")),
        Attribute.STYLE: (_("Style"), _("how it is rendered")),
    }
    return [Row(key=str(a), label=words[a][0], about=words[a][1]) for a in Attribute]


def levels(protocol: Protocol) -> list[Level]:
    """From same to clearly different, digits from 1; 0 is "cannot judge"."""
    between = {
        2: [],
        3: [_("Somewhat")],
        5: [_("Barely"), _("Somewhat"), _("Much")],
    }[protocol.attribute_levels]
    last = _("Different") if protocol.attribute_levels == 2 else _("Clearly")
    labels = [_("Same"), *between, last]
    return [Level(value=str(i), digit=i + 1, label=label) for i, label in enumerate(labels)] + [
        Level(value=CANNOT, digit=0, label=_("Cannot judge"))
    ]
