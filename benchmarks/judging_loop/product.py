"""Fill a Triptych database with one open study, its pictures and signed-in annotators.

Run as a script in the environment of the server that will be measured; prints one JSON object.
"""

import hashlib
import itertools
import json
import os
import sys
import uuid

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.config.settings")
django.setup()

import numpy as np  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402
from PIL import Image as PillowImage  # noqa: E402

from annotate.judging.models import Assignment, Comparison, ContrastItem, Vote  # noqa: E402
from annotate.judging.pairing import lead_sides  # noqa: E402
from annotate.judging.writing import slots  # noqa: E402
from annotate.people.models import User  # noqa: E402
from annotate.sampling.storage import put  # noqa: E402
from annotate.studies.models import (  # noqa: E402
    Contrast,
    Membership,
    Method,
    Prompt,
    PromptSet,
    Study,
)
from annotate.studies.protocol import Protocol  # noqa: E402

PICTURES, SIDE = 16, 512


def picture(seed: int) -> PillowImage.Image:
    """A 512-pixel picture whose lossless file is of a photograph's size (about 300 KB)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (SIDE // 8, SIDE // 8, 3), dtype=np.uint8)
    base = PillowImage.fromarray(coarse).resize((SIDE, SIDE), PillowImage.Resampling.BICUBIC)
    noisy = np.asarray(base, dtype=np.int16) + rng.integers(-4, 5, (SIDE, SIDE, 3))
    return PillowImage.fromarray(noisy.clip(0, 255).astype(np.uint8))


def sign_in(user: User) -> str:
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "annotate.people.backends.PlainBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.save()
    return session.session_key or ""


def fill(pairs: int, annotators: int, done: float) -> dict[str, object]:
    """One open study of `pairs` pairs, of which the share `done` is already voted three times."""
    call_command("migrate", verbosity=0)
    owner = User.objects.create(username="owner", role="researcher")
    protocol = Protocol()
    study = Study.objects.create(
        name="Benchmark",
        owner=owner,
        state=Study.State.OPEN,
        protocol_hash=protocol.digest(),
        launched_at=timezone.now(),
        spec={"name": "Benchmark", "protocol": protocol.model_dump(mode="json")},
    )
    a, b = (
        Method.objects.create(study=study, name=n, digest=hashlib.sha256(n.encode()).hexdigest())
        for n in ("student", "teacher")
    )
    prompt_set = PromptSet.objects.create(name="benchmark", version=1, digest="0" * 64)
    contrast = Contrast.objects.create(study=study, a=a, b=b, prompt_set=prompt_set, primary=True)
    prompts = Prompt.objects.bulk_create(
        [
            Prompt(
                prompt_set=prompt_set,
                key=str(i),
                text=f"a photograph of scene number {i}, in the evening light",
                digest=hashlib.sha256(str(i).encode()).hexdigest(),
                order=i,
            )
            for i in range(pairs)
        ],
        batch_size=2000,
    )
    images = sorted((put(picture(seed)) for seed in range(PICTURES)), key=lambda i: i.digest)
    wire = -(-max(i.bytes for i in images) // 1024) * 1024
    comparisons = Comparison.objects.bulk_create(
        [
            Comparison(
                study=study,
                prompt=prompt,
                first=images[n % (PICTURES // 2)],
                second=images[PICTURES // 2 + n * 7 % (PICTURES // 2)],
                order=n,
                box_width=SIDE,
                box_height=SIDE,
                wire_bytes=wire,
                lead_first=n % 2 == 0,
            )
            for n, prompt in enumerate(prompts)
        ],
        batch_size=2000,
    )
    ContrastItem.objects.bulk_create(
        [
            ContrastItem(contrast=contrast, prompt=p, comparison=c, a_is_first=c.lead_first)
            for p, c in zip(prompts, comparisons, strict=True)
        ],
        batch_size=2000,
    )
    _make_slots(study, protocol, comparisons, voted=int(pairs * done))
    people = [User.objects.create(username=f"a{n}") for n in range(annotators)]
    Membership.objects.bulk_create(
        Membership(study=study, user=u, role="annotator", pseudonym=f"A-{n:04d}")
        for n, u in enumerate(people)
    )
    return {"study": str(study.uid), "sessions": [sign_in(u) for u in people], "wire": wire}


def _make_slots(
    study: Study, protocol: Protocol, comparisons: list[Comparison], *, voted: int
) -> None:
    """All slots; those of the first `voted` pairs were voted by three earlier annotators."""
    earlier = [User.objects.create(username=f"earlier{n}") for n in range(3)]
    sides = lead_sides(len(comparisons), overlap=protocol.overlap, protocol=protocol)
    asked = zip(comparisons, sides, strict=True)
    rows = slots(study, asked, at_first=protocol.overlap)
    while batch := list(itertools.islice(rows, 3000)):
        before = [a for a in batch if a.order < voted]
        for a in before:
            a.state, a.annotator, a.token = "voted", earlier[a.slot - 1], uuid.uuid4()
        Assignment.objects.bulk_create(batch)
        Vote.objects.bulk_create(
            Vote(
                assignment=a,
                comparison_id=a.comparison_id,
                study=study,
                annotator=earlier[a.slot - 1],
                token=a.token or uuid.uuid4(),
                choice="first",
                deciding="alignment",
                side="left",
                created_at=timezone.now(),
            )
            for a in before
        )


if __name__ == "__main__":
    print(json.dumps(fill(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))
