"""What an annotator's browser is told of a pair: nothing that names or hints at a method.

It must not claim or store anything.
"""

import hashlib
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from annotate.judging import queue
from annotate.judging.hotpath import Lease, Shown
from annotate.judging.verdicts import protocol_of
from annotate.sampling.media import image_url
from annotate.studies.models import Membership
from annotate.web import rating
from annotate.web.bench_words import bench_words

# A picture's address outlives its lease by far, so that a late vote still saw its pictures.
ADDRESS_SECONDS = 24 * 3600

CRITERIA = [
    {
        "key": "alignment",
        "label": gettext_noop("Text match"),
        "question": gettext_noop("Which picture matches the text better?"),
    },
    {
        "key": "quality",
        "label": gettext_noop("Image quality"),
        "question": gettext_noop("Which picture has better image quality?"),
    },
    {
        "key": "aesthetics",
        "label": gettext_noop("Aesthetics"),
        "question": gettext_noop("Which picture is more pleasing?"),
    },
]


def task(lease: Lease) -> dict[str, Any]:
    """One pair as JSON: token, prompt, two picture addresses from left to right."""
    sides = (lease.second, lease.first) if lease.flipped else (lease.first, lease.second)
    sizes = [_shown_size(lease, picture) for picture in sides]
    context = None
    if lease.context:
        context = {"url": _address(lease, lease.context, "context"), "role": lease.context_role}
    return {
        "token": str(lease.token),
        "prompt": lease.prompt,
        "images": [
            _address(lease, picture.digest, str(side), picture=picture)
            for side, picture in enumerate(sides)
        ],
        "size": [max(w for w, _ in sizes), max(h for _, h in sizes)],
        "sizes": sizes,
        "context": context,
    }


def _shown_size(lease: Lease, picture: Shown) -> list[int]:
    if lease.box_width:
        return [lease.box_width, lease.box_height]
    return [picture.width, picture.height]


def _address(lease: Lease, digest: str, name: str, *, picture: Shown | None = None) -> str:
    box = (lease.box_width, lease.box_height)
    fitted = picture is not None and lease.box_width and (picture.width, picture.height) != box
    leased = int(lease.leased_at.timestamp())
    return image_url(
        digest,
        # Salted by slot and side: the same picture has another address in every pair.
        salt=hashlib.sha256(f"{lease.pk}|{name}|{leased}".encode()).digest()[:8],
        expires=leased + ADDRESS_SECONDS,
        width=box[0] if fitted else 0,
        height=box[1] if fitted else 0,
        wire_bytes=lease.wire_bytes if picture is not None else 0,
    )


def progress(membership: Membership) -> dict[str, int | bool]:
    """Own answers, pairs left for this person, and whether every pair has its answers."""
    left = queue.left_for(membership)
    return {
        "done": queue.done_by(membership),
        "left": left,
        "complete": left == 0 and queue.is_complete(membership.study),
    }


def config(membership: Membership, *, preview: bool = False) -> dict[str, Any]:
    """What the judging screen must know of the protocol and where to send what."""
    study = membership.study
    protocol = protocol_of(study)
    names = ("hand", "votes", "renew", "undo", "report", "skip")
    asked: dict[str, Any] = {}
    if protocol.asks_diversity:
        asked = {"attributes": rating.rows(), "levels": rating.levels(protocol)}
    return {
        **asked,
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
        "hand": protocol.prefetch + 1,
        "overlap": protocol.overlap,
        "preview": preview,
        "simulated": membership.user.simulated,
        "criteria": [
            {"key": c["key"], "label": _(c["label"]), "question": _(c["question"])}
            for c in CRITERIA
        ],
        "words": bench_words(),
        "urls": {
            **{n: reverse(f"judge-{n}", args=[study.uid]) for n in names},
            "home": reverse("home"),
        },
    }
