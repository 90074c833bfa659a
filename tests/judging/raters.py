"""People who rate a diversity study: honest ones by a made-up truth, and ones who do not look."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np

from annotate.analysis.diversity import Attribute
from annotate.cli.simulated_rating import rate
from annotate.judging import queue
from annotate.judging.hotpath import Lease
from annotate.judging.voting import Ballot, submit
from annotate.studies.models import Membership, Study
from annotate.web.rating import levels, rows
from tests.factories import NOW
from tests.judging.test_mixing import again

NAMES = [str(a) for a in Attribute]
Answer = Callable[[Lease], dict[str, str]]


def truths(
    study: Study, *, collapsed: str, rng: np.random.Generator
) -> dict[str, dict[str, float]]:
    """Where each picture lies, by digest: those of `collapsed` close together."""
    truth: dict[str, dict[str, float]] = {}
    for row in study.comparisons.filter(kind="live").select_related("first", "second", "prompt"):
        spread = 0.3 if row.items.get().contrast.a.name == collapsed else 1.0
        for image in (row.first, row.second):
            drawn = spread * rng.random(len(NAMES))
            truth[image.digest] = dict(zip(NAMES, drawn, strict=True)) | {"scene": row.prompt_id}
    return truth


def honestly(study: Study, *, rng: np.random.Generator, collapsed: str = "student") -> Answer:
    """Right in nine of ten answers, else a level next to it."""
    truth = truths(study, collapsed=collapsed, rng=rng)
    config = {"attributes": rows(), "levels": levels(study.read_protocol())}

    def answer(lease: Lease) -> dict[str, str]:
        left, right = (truth[image.digest] for image in (lease.first, lease.second))
        return rate(left, right, config=config, accuracy=0.9, rng=rng)

    return answer


def rate_next(who: Membership, answer: Answer, *, ms: int) -> bool:
    """One pair, in so many milliseconds; False when nothing is left for this person."""
    here = again(who)
    leases = queue.hand(here, now=NOW) if here.active else []
    if not leases:
        return False
    said = Ballot(token=leases[0].token, answers=answer(leases[0]), active_ms=ms, elapsed_ms=ms)
    submit(here, said, now=NOW + timedelta(seconds=here.served))
    return True
