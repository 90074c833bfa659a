"""What a worker would refuse of a study's weights, said before anything is frozen or made.

It must load nothing: `generation.preflight` looks at the files, a worker at every byte and key.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from annotate.sampling.files import folder_of
from annotate.sampling.hashes import Hashes
from generation.preflight import (
    Fault,
    HashOf,
    estimator_faults,
    pair_faults,
    weights_faults,
)
from generation.spec import Adaptive, Estimator, Student, Teacher

Part = Teacher | Student | Adaptive | Estimator
# What a page may read for digests: a second or two. The command reads everything.
PAGE_READS = 512 * 1024**2


@dataclass(frozen=True)
class WeightsSaid:
    """Sentences about a study's weights: what stands in the way, and what could not be seen."""

    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def look_at(
    parts: Mapping[str, Iterable[Part]], *, most_read: int | None = PAGE_READS
) -> WeightsSaid:
    """Look at every file that these methods' arms and estimators name.

    What is here and wrong stands in the way. What is not here does so where the workers are this
    machine's own; where another broker is named they may have it, and it is a warning.

    Args:
        parts: by method's name.
        most_read: bytes that may be read to compare digests which are not known yet; None is any.
    """
    said: dict[Fault, list[str]] = defaultdict(list)
    with Hashes(Path(settings.DATA_DIR) / "weights-sha256.json", most=most_read) as hash_of:
        seen: dict[str, list[Fault]] = {}
        for method, its in parts.items():
            for part in its:
                key = part.digest()
                if key not in seen:
                    seen[key] = list(_faults(part, hash_of))
                for fault in seen[key]:
                    if method not in said[fault]:
                        said[fault].append(method)
    here = workers_are_here()
    refusals, warnings = [], []
    for fault, methods in said.items():
        line = f"{_named(methods)}: {fault.said}"
        if fault.kind == "unhashed":
            warnings.append(
                f"{line} `launch_study ID --dry-run` reads it once; else a worker does, after the "
                "launch."
            )
        elif fault.kind == "refused" or here:
            refusals.append(line)
        else:
            warnings.append(
                f"{line} Workers on other machines may have it; where none has, its pictures fail."
            )
    return WeightsSaid(tuple(refusals), tuple(warnings))


def workers_are_here() -> bool:
    """Whether the workers read this machine's disks: the broker is a folder on them."""
    return str(settings.BROKER_URL).startswith("filesystem:")


def _faults(part: Part, hash_of: HashOf) -> Iterator[Fault]:
    if isinstance(part, Estimator):
        yield from estimator_faults(part, folder_of=folder_of, hash_of=hash_of)
    elif isinstance(part, Adaptive):
        # Whether the two fit is worth saying once both are in order.
        own = [f for one in (part.student, part.teacher) for f in _faults(one, hash_of)]
        own += _faults(part.estimator, hash_of)
        yield from own
        yield from pair_faults(part, folder_of=folder_of, hash_of=hash_of)
    else:
        yield from weights_faults(part.model, folder_of=folder_of, hash_of=hash_of)


def _named(methods: list[str]) -> str:
    names = ", ".join(repr(name) for name in methods)
    return f"Method {names}" if len(methods) == 1 else f"Methods {names}"
