"""One-line arrangements: people, studies, pictures."""

from __future__ import annotations

import hashlib
import itertools
from datetime import UTC, datetime
from typing import Any

from annotate.people.models import Role, User
from annotate.sampling.models import Image, Sample
from annotate.studies.models import Contrast, Membership, Method, Prompt, PromptSet, Study
from annotate.studies.protocol import Protocol

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
_count = itertools.count(1)
# Settings of generated methods: a teacher, its student, and both together.
TEACHER = {"arm": {"model": {"path": "teacher"}, "steps": 50}}
STUDENT = {"arm": {"model": {"path": "student"}, "steps": 5}}
ADAPTIVE = {
    "arm": {
        "student": STUDENT["arm"],
        "teacher": {"model": {"path": "teacher"}, "scheduler": "unipc", "steps": 20},
        "estimator": {"path": "scorer"},
    },
    "threshold": {"tau": 0.5},
}


def make_user(role: str = Role.ANNOTATOR, **extra: Any) -> User:
    n = next(_count)
    user = User(username=extra.pop("username", f"{role}{n}"), role=role, **extra)
    # Hashing a real password costs 0.3 s; tests that sign in by form use `with_password`.
    user.set_unusable_password()
    user.save()
    return user


def with_password(user: User, password: str = PASSWORD) -> User:
    user.set_password(password)
    user.save()
    return user


def _image(name: str, *, width: int = 8, height: int = 8) -> Image:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Image(digest=digest, width=width, height=height, bytes=100)


def make_image(seed: object = None, *, width: int = 8, height: int = 8) -> Image:
    """An Image row without a file: for tests that never show it."""
    image = _image(str(next(_count) if seed is None else seed), width=width, height=height)
    found = Image.objects.filter(digest=image.digest).first()
    if found is None:
        image.save()
    return found or image


def make_study(
    *,
    pairs: int = 1,
    methods: tuple[str, ...] = ("student", "teacher"),
    owner: User | None = None,
    protocol: dict[str, Any] | None = None,
    same: frozenset[int] = frozenset(),
    name: str | None = None,
) -> Study:
    """A draft with `pairs` prompts and one finished sample per method and prompt.

    For the prompt numbers in `same` all methods have the same image.
    """
    n = next(_count)
    owner = owner or make_user(Role.RESEARCHER)
    spec = {
        "name": name or f"Study {n}",
        "methods": [{"name": m} for m in methods],
        "contrasts": [
            {"a": a, "b": b, "primary": i == 0}
            for i, (a, b) in enumerate(itertools.combinations(methods, 2))
        ],
        "protocol": Protocol(**(protocol or {})).model_dump(mode="json"),
    }
    study = Study.objects.create(name=str(spec["name"]), spec=spec, owner=owner)
    Membership.objects.create(study=study, user=owner, role=Membership.Role.OWNER, pseudonym="R-01")
    prompts = PromptSet.objects.create(
        name=f"prompts {n}", version=1, digest=hashlib.sha256(str(n).encode()).hexdigest()
    )
    study.prompt_sets.add(prompts)
    rows = [
        Prompt(
            prompt_set=prompts,
            key=f"p{i}",
            text=f"prompt {n}.{i}",
            digest=hashlib.sha256(f"prompt {n}.{i}".encode()).hexdigest(),
            group=f"g{i}",
            order=i,
        )
        for i in range(pairs)
    ]
    Prompt.objects.bulk_create(rows)
    arms = Method.objects.bulk_create(
        Method(
            study=study,
            name=m,
            order=i,
            digest=hashlib.sha256(f"{study.uid}{m}".encode()).hexdigest(),
        )
        for i, m in enumerate(methods)
    )
    by_name = {m.name: m for m in arms}
    for i, c in enumerate(spec["contrasts"]):
        Contrast.objects.create(
            study=study,
            a=by_name[c["a"]],
            b=by_name[c["b"]],
            prompt_set=prompts,
            primary=c["primary"],
            order=i,
        )
    from annotate.sampling.samples import sample_prompt_digest

    names = [[f"{n} {i}" if i in same else f"{n} {i} {m.name}" for m in arms] for i in range(pairs)]
    images = {name: _image(name) for row in names for name in row}
    Image.objects.bulk_create(images.values())
    Sample.objects.bulk_create(
        Sample(
            method_digest=m.digest,
            prompt_digest=sample_prompt_digest(m, p),
            state=Sample.State.DONE,
            image=images[names[i][j]],
        )
        for i, p in enumerate(rows)
        for j, m in enumerate(arms)
    )
    return study


def join(study: Study, user: User | None = None, *, role: str = "annotator") -> User:
    """A person with an active place in the study."""
    user = user or make_user(Role.ANNOTATOR)
    letter = "A" if role == "annotator" else "R"
    taken = study.memberships.filter(pseudonym__startswith=letter).count()
    Membership.objects.create(
        study=study, user=user, role=role, pseudonym=f"{letter}-{taken + 1:02d}"
    )
    return user


def make_generated(
    *,
    prompts: int = 2,
    contrasts: tuple[tuple[str, str], ...] = (("adaptive", "teacher"),),
    methods: dict[str, tuple[str, dict[str, Any]]] | None = None,
    **spec: Any,
) -> Study:
    """A draft whose methods are sampled here: teacher, student and the adaptive arm of both."""
    from annotate.studies.create import create_study
    from annotate.studies.spec import parse_spec

    n = next(_count)
    methods = methods or {
        "teacher": ("teacher", TEACHER),
        "student": ("student", STUDENT),
        "adaptive": ("adaptive-refine", ADAPTIVE),
    }
    used = {name for pair in contrasts for name in pair}
    written = [{"id": f"p{i}", "text": f"prompt {n}.{i}"} for i in range(prompts)]
    data = {
        "name": f"Generated {n}",
        "methods": [
            {"name": name, "kind": kind, "settings": settings}
            for name, (kind, settings) in methods.items()
            if name in used
        ],
        "contrasts": [{"a": a, "b": b} for a, b in contrasts],
        "prompt_sets": [{"name": f"prompts {n}", "prompts": written}],
    }
    return create_study(parse_spec(data | spec), owner=make_user(Role.RESEARCHER))


def make_picture(study: Study, method: str, prompt: str, seed: object = None, *, replica: int = 0):
    """Finish one planned sample with the image of this seed (each its own by default); its id."""
    arm = study.methods.get(name=method)
    digest = Prompt.objects.get(prompt_set__studies=study, key=prompt).digest
    sample = Sample.objects.get(
        method_digest=arm.digest,
        prompt_digest=digest,
        seed=study.read_protocol().seed,
        replica=replica,
    )
    name = f"{study.pk} {method} {prompt} {replica}" if seed is None else f"{study.pk} {seed}"
    sample.image, sample.state = make_image(name), Sample.State.DONE
    sample.save()
    return sample.pk
