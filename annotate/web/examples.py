"""The worked pairs of a protocol's instructions, with addresses that name nothing.

It must not know methods: an example is a prompt, two pictures, an answer and its reason.
"""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext_lazy

from annotate.judging.drawn_items import in_words
from annotate.sampling.media import image_url
from annotate.sampling.models import Image
from annotate.studies.protocol import Protocol
from annotate.studies.worked_pairs import ExamplePair, RatedPair
from annotate.web import rating

DAY = 24 * 3600
SAID = {
    "1": gettext_lazy("Picture 1"),
    "2": gettext_lazy("Picture 2"),
    "equal": gettext_lazy("About equal"),
}


@dataclass(frozen=True)
class Example:
    """One worked pair as a page shows it; of a study of diversity with its attribute and level."""

    prompt: str
    pictures: tuple[tuple[str, int, int], tuple[str, int, int]]
    answer: str
    explanation: str
    attribute: str = ""
    level: str = ""


def examples(protocol: Protocol) -> list[Example]:
    """All example pairs whose pictures are stored (launching refuses the others)."""
    wanted = {digest for pair in protocol.worked_pairs for digest in (pair.first, pair.second)}
    stored = {image.digest: image for image in Image.objects.filter(digest__in=wanted)}
    words = _Words(protocol)
    found = [
        Example(
            prompt=pair.prompt,
            pictures=(
                _picture(stored[pair.first], pair, "1"),
                _picture(stored[pair.second], pair, "2"),
            ),
            explanation=in_words(pair.explanation),
            **words.of(pair),
        )
        for pair in protocol.worked_pairs
        if pair.first in stored and pair.second in stored
    ]
    # Line by line from the same to the most different, however they were entered.
    return sorted(found, key=lambda one: words.place(one.attribute, one.level))


def by_line(found: Iterable[Example]) -> list[tuple[rating.Row, list[Example]]]:
    """The lines of a study of diversity with the worked pairs of each; empty without any."""
    found = list(found)
    lines = [(row, [one for one in found if one.attribute == row["key"]]) for row in rating.rows()]
    return lines if any(of_line for _, of_line in lines) else []


class _Words:
    """What a worked pair's answer is called, in the words of the screen."""

    def __init__(self, protocol: Protocol) -> None:
        self.lines = {row["key"]: row["label"] for row in rating.rows()}
        self.levels = {level["value"]: level["label"] for level in rating.levels(protocol)}

    def of(self, pair: ExamplePair | RatedPair) -> dict[str, str]:
        if isinstance(pair, ExamplePair):
            return {"answer": str(SAID[pair.answer])}
        line, level = self.lines[pair.attribute], self.levels[str(pair.level)]
        return {"answer": f"{line}: {level}", "attribute": pair.attribute, "level": level}

    def place(self, attribute: str, level: str) -> tuple[int, int]:
        if not attribute:
            return 0, 0
        return [*self.lines].index(attribute), [*self.levels.values()].index(level)


def _picture(image: Image, pair: ExamplePair | RatedPair, side: str) -> tuple[str, int, int]:
    salt = hashlib.sha256(f"example|{pair.prompt}|{side}".encode()).digest()[:8]
    expires = (int(time.time()) // DAY + 2) * DAY
    return image_url(image.digest, expires=expires, salt=salt), image.width, image.height
