"""At which places of an annotator's work a control task or a mirrored repeat stands.
Must not know which comparison comes there, nor who the annotator is."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from itertools import count


def extra_at(place: int, *, rates: Mapping[str, float], key: str) -> str | None:
    """What stands at this place of somebody's work beside live pairs; None where a live pair does.

    A kind of rate r stands once in each stretch of 1 / r places, at a place drawn evenly within it:
    its share is kept to within one, and nobody can count out where the next one comes. Where two
    kinds meet, the one named first in `rates` stands and the other falls out.

    Args:
        place: counted from 0.
        rates: kind -> share of all places in [0, 1).
        key: seeds the draw; another one for each annotator.
    """
    for kind, rate in rates.items():
        if rate <= 0:
            continue
        # Stretch k covers the places from k / r to (k + 1) / r; a place can touch two of them.
        for k in range(max(math.floor(place * rate) - 1, 0), math.floor((place + 1) * rate) + 1):
            draw = random.Random(f"{key}|{kind}|{k}").random()  # noqa: S311 (not a secret)
            if math.floor((k + draw) / rate) == place:
                return kind
    return None


def next_extra(after: int, *, rates: Mapping[str, float], key: str) -> int | None:
    """The first place above `after` at which anything but a live pair stands; None without any."""
    if not any(rate > 0 for rate in rates.values()):
        return None
    places: Iterator[int] = count(after + 1)
    return next(n for n in places if extra_at(n, rates=rates, key=key))


def in_all(live: int, *, rates: Mapping[str, float]) -> int:
    """How many pairs somebody sees in whose work `live` live ones are mixed with the others."""
    return round(live / (1 - sum(rates.values())))
