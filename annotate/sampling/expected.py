"""How many pairs a study is expected to ask for: what adaptive arms keep of a student is one image.

It must not read samples: it speaks of pictures that are still to be made.
"""

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from annotate.sampling.needs import planned_share, priced
from annotate.studies.arms import ReadArm
from annotate.studies.models import Method, Study
from annotate.studies.selection import contrast_prompts
from generation.spec import Adaptive


@dataclass(frozen=True)
class Expected:
    """Pairs to judge, identical ones that nobody is asked about, and the items they answer."""

    pairs: float
    identical: float
    items: int


def expected_pairs(study: Study, reads: Mapping[int, ReadArm]) -> Expected:
    """What a study is expected to have once its pictures are there; `reads` by method key.

    A student's score lies at a quantile u, uniform on [0, 1]; every adaptive arm on that student
    and estimator improves it if u is below the arm's share. Between two shares nothing changes, so
    the expectation is a sum over those stretches.
    """
    protocol = study.read_protocol()
    replicas = study.read_spec().replicas
    contrasts = list(study.contrasts.select_related("a", "b", "prompt_set").order_by("order", "pk"))
    if protocol.asks_diversity:
        # One pair, of replicas 0 and 1, for each method and prompt; equal ones are asked as well.
        pairs_of_replicas = sum(len(contrast_prompts(c, protocol)) for c in contrasts)
        return Expected(pairs_of_replicas, 0.0, pairs_of_replicas)
    shown: dict[str, list[tuple[Method, Method]]] = defaultdict(list)
    for contrast in contrasts:
        for prompt in contrast_prompts(contrast, protocol):
            shown[prompt.digest].append((contrast.a, contrast.b))
    patterns = Counter(tuple((a.pk, b.pk) for a, b in pairs) for pairs in shown.values())
    methods = {m.pk: m for c in contrasts for m in (c.a, c.b)}
    judged = tied = 0.0
    for pattern, prompts in patterns.items():
        arms = {pk: methods[pk] for pair in pattern for pk in pair}
        for weight, images in _stretches(arms, reads):
            pairs = [frozenset((images[a], images[b])) for a, b in pattern]
            same = sum(len(pair) == 1 for pair in pairs)
            distinct = len(pairs) if protocol.reuse == "fresh" else len(set(pairs))
            alike = same if protocol.reuse == "fresh" else len({p for p in pairs if len(p) == 1})
            ask = distinct if protocol.identical == "show" else distinct - alike
            judged += weight * prompts * replicas * ask
            tied += weight * prompts * replicas * (distinct - ask)
    items = sum(len(pattern) * prompts for pattern, prompts in patterns.items()) * replicas
    return Expected(judged, tied, items)


def _stretches(
    methods: Mapping[int, Method], reads: Mapping[int, ReadArm]
) -> Iterable[tuple[float, dict[int, str]]]:
    """Stretches of the scores' quantiles: its probability, and which image each method shows."""
    deciding: dict[str, set[float]] = defaultdict(lambda: {0.0, 1.0})
    for pk in methods:
        if pk in reads and isinstance(arm := priced(reads[pk]), Adaptive):
            deciding[_decides(arm)].add(_share(reads[pk]))
    names = list(deciding)
    spans = [list(itertools.pairwise(sorted(deciding[name]))) for name in names]
    for chosen in itertools.product(*spans):
        weight = 1.0
        at: dict[str, float] = {}
        for name, (low, high) in zip(names, chosen, strict=True):
            weight *= high - low
            at[name] = low
        yield weight, {pk: _image(method, reads.get(pk), at) for pk, method in methods.items()}


def _decides(arm: Adaptive) -> str:
    return f"{arm.student.digest()} {arm.estimator.digest()}"


def _share(read: ReadArm) -> float:
    share = planned_share(read)
    return 1.0 if share is None else share


def _image(method: Method, read: ReadArm | None, at: Mapping[str, float]) -> str:
    """A name of the image: equal for two methods that show the same one."""
    if read is None:
        return method.digest
    arm = priced(read)
    if not isinstance(arm, Adaptive):
        return arm.digest()
    if at[_decides(arm)] >= _share(read):
        return arm.student.digest()
    # Improved in the same way, whoever decided and where the threshold lies: the same image again.
    way = arm.model_dump(mode="json", exclude={"threshold", "estimator"})
    return json.dumps(way, sort_keys=True)
