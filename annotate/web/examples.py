"""The worked pairs of a protocol's instructions, with addresses that name nothing.

It must not know methods: an example is a prompt, two pictures, an answer and its reason.
"""

import hashlib
import time
from dataclasses import dataclass

from django.utils.translation import gettext_lazy

from annotate.sampling.media import image_url
from annotate.sampling.models import Image
from annotate.studies.protocol import ExamplePair, Protocol

DAY = 24 * 3600
SAID = {
    "1": gettext_lazy("Picture 1"),
    "2": gettext_lazy("Picture 2"),
    "equal": gettext_lazy("About equal"),
}


@dataclass(frozen=True)
class Example:
    """One worked pair as a page shows it."""

    prompt: str
    pictures: tuple[tuple[str, int, int], tuple[str, int, int]]
    answer: str
    explanation: str


def examples(protocol: Protocol) -> list[Example]:
    """All example pairs whose pictures are stored (launching refuses the others)."""
    wanted = {digest for pair in protocol.examples for digest in (pair.first, pair.second)}
    stored = {image.digest: image for image in Image.objects.filter(digest__in=wanted)}
    return [
        Example(
            prompt=pair.prompt,
            pictures=(
                _picture(stored[pair.first], pair, "1"),
                _picture(stored[pair.second], pair, "2"),
            ),
            answer=str(SAID[pair.answer]),
            explanation=pair.explanation,
        )
        for pair in protocol.examples
        if pair.first in stored and pair.second in stored
    ]


def _picture(image: Image, pair: ExamplePair, side: str) -> tuple[str, int, int]:
    salt = hashlib.sha256(f"example|{pair.prompt}|{side}".encode()).digest()[:8]
    expires = (int(time.time()) // DAY + 2) * DAY
    return image_url(image.digest, expires=expires, salt=salt), image.width, image.height
