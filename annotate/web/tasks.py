"""What an annotator's browser is told of a pair: nothing that names or hints at a method.

It must not claim or store anything.
"""

import hashlib
from typing import Any

from django.urls import reverse

from annotate.judging import queue
from annotate.judging.models import Assignment
from annotate.judging.verdicts import protocol_of
from annotate.sampling.media import image_url
from annotate.sampling.models import Image
from annotate.studies.models import Membership

# A picture's address outlives its lease by far, so that a late vote still saw its pictures.
ADDRESS_SECONDS = 24 * 3600

CRITERIA = [
    {
        "key": "alignment",
        "label": "Text match",
        "question": "Which picture matches the text better?",
    },
    {
        "key": "quality",
        "label": "Image quality",
        "question": "Which picture has better image quality?",
    },
    {"key": "aesthetics", "label": "Aesthetics", "question": "Which picture is more pleasing?"},
]


def task(slot: Assignment) -> dict[str, Any]:
    """One pair as JSON: token, prompt, two picture addresses from left to right."""
    pair = slot.comparison
    sides = (pair.second, pair.first) if slot.flipped else (pair.first, pair.second)
    sizes = [_shown_size(slot, image) for image in sides]
    context = None
    if pair.prompt.context:
        context = {
            "url": _address(slot, pair.prompt.context, "context"),
            "role": pair.prompt.context_role,
        }
    return {
        "token": str(slot.token),
        "prompt": pair.prompt.text,
        "images": [
            _address(slot, image.digest, str(side), image=image) for side, image in enumerate(sides)
        ],
        "size": [max(w for w, _ in sizes), max(h for _, h in sizes)],
        "sizes": sizes,
        "context": context,
    }


def _shown_size(slot: Assignment, image: Image) -> list[int]:
    pair = slot.comparison
    if pair.box_width:
        return [pair.box_width, pair.box_height]
    return [image.width, image.height]


def _address(slot: Assignment, digest: str, name: str, *, image: Image | None = None) -> str:
    pair = slot.comparison
    fitted = image is not None and (image.width, image.height) != (pair.box_width, pair.box_height)
    leased = int(slot.leased_at.timestamp()) if slot.leased_at else 0
    return image_url(
        digest,
        # Salted by slot and side: the same picture has another address in every pair.
        salt=hashlib.sha256(f"{slot.pk}|{name}|{leased}".encode()).digest()[:8],
        expires=leased + ADDRESS_SECONDS,
        width=pair.box_width if fitted else 0,
        height=pair.box_height if fitted else 0,
        wire_bytes=pair.wire_bytes if image is not None else 0,
    )


def progress(membership: Membership) -> dict[str, int]:
    return {"done": queue.done_by(membership), "left": queue.left_for(membership)}


def config(membership: Membership, *, preview: bool = False) -> dict[str, Any]:
    """What the judging screen must know of the protocol and where to send what."""
    study = membership.study
    protocol = protocol_of(study)
    names = ("hand", "votes", "renew", "undo", "report", "skip")
    return {
        "study": str(study.uid),
        "annotator": membership.pseudonym,
        "judgement": protocol.judgement,
        "ties": protocol.ties,
        "min_view_ms": protocol.min_view_ms,
        "undo_seconds": protocol.undo_seconds,
        "deciding_factor": protocol.deciding_factor,
        "phone": protocol.phone,
        "break_minutes": protocol.break_minutes,
        "break_pairs": protocol.break_pairs,
        "lease_seconds": protocol.lease_minutes * 60,
        "display": protocol.display,
        "preview": preview,
        "simulated": membership.user.simulated,
        "criteria": CRITERIA,
        "urls": {
            **{n: reverse(f"judge-{n}", args=[study.uid]) for n in names},
            "home": reverse("home"),
        },
    }
