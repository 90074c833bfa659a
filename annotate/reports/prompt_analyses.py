"""What a report says of prompts and of estimators: slices of every contrast, score agreement.

It must not write words for people or draw, nor read rows from the database.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from annotate.analysis.auc import auc, times_drawn, weighted_aucs
from annotate.analysis.contrast import Result
from annotate.analysis.estimator_pairs import (
    AgreementDifference,
    agreement_difference,
    differences_together,
)
from annotate.analysis.estimators import HumanCeiling, PairAgreement, human_ceiling, pair_agreement
from annotate.analysis.slices import (
    SliceTable,
    Value,
    corrected_together,
    slice_members,
    slice_table,
)
from annotate.reports.contrast_analyses import RESULTS, cluster_of
from annotate.reports.frame_rows import PromptRow, ScoreRow
from annotate.reports.frames import ContrastRow, ItemRow, VoteRow, as_side

# Properties beyond these stay in the export: a page of slices reads like a fishing trip.
MOST_AXES = 8
# More different words than this name prompts, they do not sort them.
MOST_WORDS = 12
RESAMPLES = 1000
_SOURCE, _LENGTH = "prompt set", "length, words"
# An estimator's scores by method, prompt and replica.
_Stored = Mapping[tuple[str, int, int], float]


@dataclass(frozen=True)
class ContrastSlices:
    """The slices of one contrast, method a against method b."""

    a: str
    b: str
    table: SliceTable


@dataclass(frozen=True)
class EstimatorAgreement:
    """An estimator against the verdicts of one contrast.

    `auc` is the area under the ROC curve of the score difference for "a won", ties left out, with
    a bootstrap over prompts, those of one group together; None where only one method ever won.
    """

    a: str
    b: str
    pairs: PairAgreement
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    unscored: int


@dataclass(frozen=True)
class EstimatorDifference:
    """Two estimators against the verdicts of one contrast, on the pairs that both scored."""

    a: str
    b: str
    difference: AgreementDifference


def slices_of(
    contrasts: Sequence[ContrastRow],
    items: Mapping[int, Sequence[ItemRow]],
    prompts: Mapping[int, PromptRow],
    *,
    confidence: float,
) -> tuple[ContrastSlices, ...]:
    """Every contrast's win rates by prompt source, length and metadata.

    Tests are corrected over all contrasts: looking at each is one search.
    """
    found = [
        (contrast, table)
        for contrast in contrasts
        if (table := _slices(items[contrast.pk], prompts, confidence=confidence)) is not None
    ]
    corrected = corrected_together([table for _, table in found])
    return tuple(
        ContrastSlices(contrast.a, contrast.b, table)
        for (contrast, _), table in zip(found, corrected, strict=True)
    )


def _slices(
    items: Sequence[ItemRow], prompts: Mapping[int, PromptRow], *, confidence: float
) -> SliceTable | None:
    """One contrast's slices; one prompt of each group."""
    kept = _one_of_each_group(items, prompts)
    axes = _axes([prompts[item.prompt] for item in kept])
    if not axes or not any(item.outcome for item in kept):
        return None
    return slice_table([RESULTS[item.outcome] for item in kept], axes, confidence=confidence)


@dataclass(frozen=True)
class PromptSlice:
    """A slice as reports have it, and the prompts of a contrast in it."""

    axis: str
    label: str
    prompts: frozenset[int]

    @property
    def name(self) -> str:
        return f"{self.axis}: {self.label}"


def prompt_slices(
    items: Sequence[ItemRow], prompts: Mapping[int, PromptRow]
) -> tuple[PromptSlice, ...]:
    """The slices of a contrast's table with all their prompts, not one of each group alone."""
    axes = _axes([prompts[item.prompt] for item in _one_of_each_group(items, prompts)])
    known = sorted({item.prompt for item in items if item.prompt in prompts})
    others = {axis: [_value(prompts[key], axis) for key in known] for axis in axes}
    return tuple(
        PromptSlice(found.axis, found.label, frozenset(known[row] for row in found.rows))
        for found in slice_members(axes, others)
    )


def _one_of_each_group(items: Sequence[ItemRow], prompts: Mapping[int, PromptRow]) -> list[ItemRow]:
    alone: dict[str, ItemRow] = {}
    for item in sorted(items, key=lambda i: (i.prompt, i.replica)):
        if item.prompt in prompts:
            alone.setdefault(cluster_of(item), item)
    return list(alone.values())


def _value(row: PromptRow, axis: str) -> Value:
    if axis == _SOURCE:
        return row.source
    if axis == _LENGTH:
        return float(row.words)
    value = row.metadata.get(axis)
    return value if value is None or isinstance(value, str) else float(value)


def _axes(rows: Sequence[PromptRow]) -> dict[str, list[Value]]:
    axes: dict[str, list[Value]] = {}
    if len({row.source for row in rows}) > 1:
        axes[_SOURCE] = [row.source for row in rows]
    if len({row.words for row in rows}) > 1:
        axes[_LENGTH] = [float(row.words) for row in rows]
    for name in sorted({name for row in rows for name in row.metadata}):
        values: list[Value] = [row.metadata.get(name) for row in rows]
        known = [value for value in values if value is not None]
        if len(axes) >= MOST_AXES or name in (_SOURCE, _LENGTH) or len(set(known)) < 2:
            continue
        if all(isinstance(value, str) for value in known):
            if len(set(known)) <= MOST_WORDS:
                axes[name] = values
        elif not any(isinstance(value, str) for value in known):
            axes[name] = [None if value is None else float(value) for value in values]
    return axes


def estimator_agreements(
    contrasts: Sequence[ContrastRow],
    items: Mapping[int, Sequence[ItemRow]],
    scores: Sequence[ScoreRow],
    *,
    confidence: float,
    seeds: Sequence[int],
) -> tuple[EstimatorAgreement, ...]:
    """Every estimator that scored both sides of a contrast, against its verdicts."""
    found = []
    for number, (name, stored) in enumerate(sorted(_by_name(scores).items())):
        for place, contrast in enumerate(contrasts):
            agreement = _agreement(
                name,
                contrast,
                sorted(items[contrast.pk], key=lambda i: (i.prompt, i.replica)),
                stored,
                confidence=confidence,
                rng=np.random.default_rng([*seeds, number, place]),
            )
            if agreement is not None:
                found.append(agreement)
    return tuple(found)


def _by_name(scores: Sequence[ScoreRow]) -> Mapping[str, _Stored]:
    found: dict[str, dict[tuple[str, int, int], float]] = defaultdict(dict)
    for row in scores:
        found[row.estimator][row.method, row.prompt, row.replica] = row.value
    return found


def estimator_differences(
    contrasts: Sequence[ContrastRow],
    items: Mapping[int, Sequence[ItemRow]],
    scores: Sequence[ScoreRow],
    *,
    confidence: float,
    seeds: Sequence[int],
) -> tuple[EstimatorDifference, ...]:
    """Every two estimators on the pairs of a contrast that both scored; one family of tests."""
    found = []
    by_name = sorted(_by_name(scores).items())
    for place, contrast in enumerate(contrasts):
        own = sorted(items[contrast.pk], key=lambda i: (i.prompt, i.replica))
        for number, ((one, of_one), (two, of_two)) in enumerate(combinations(by_name, 2)):
            difference = _difference(
                (one, two),
                contrast,
                own,
                (of_one, of_two),
                confidence=confidence,
                rng=np.random.default_rng([*seeds, number, place]),
            )
            if difference is not None:
                found.append((contrast, difference))
    corrected = differences_together([difference for _, difference in found])
    return tuple(
        EstimatorDifference(contrast.a, contrast.b, difference)
        for (contrast, _), difference in zip(found, corrected, strict=True)
    )


def _difference(
    names: tuple[str, str],
    contrast: ContrastRow,
    items: Sequence[ItemRow],
    stored: tuple[_Stored, _Stored],
    *,
    confidence: float,
    rng: np.random.Generator,
) -> AgreementDifference | None:
    one, two = stored
    first: list[tuple[float, float]] = []
    second: list[tuple[float, float]] = []
    kept: list[ItemRow] = []
    for item in items:
        a, b = ((method, item.prompt, item.replica) for method in (contrast.a, contrast.b))
        if all(key in scores for key in (a, b) for scores in stored):
            first.append((one[a], one[b]))
            second.append((two[a], two[b]))
            kept.append(item)
    results = [RESULTS[item.outcome] for item in kept]
    if not any(result in (Result.WIN, Result.LOSS) for result in results):
        return None
    return agreement_difference(
        ([a for a, _ in first], [b for _, b in first]),
        ([a for a, _ in second], [b for _, b in second]),
        results,
        estimators=names,
        rng=rng,
        prompts=[cluster_of(item) for item in kept],
        confidence=confidence,
    )


def _agreement(
    name: str,
    contrast: ContrastRow,
    items: Sequence[ItemRow],
    stored: _Stored,
    *,
    confidence: float,
    rng: np.random.Generator,
) -> EstimatorAgreement | None:
    rows = []
    for item in items:
        one = stored.get((contrast.a, item.prompt, item.replica))
        two = stored.get((contrast.b, item.prompt, item.replica))
        if one is not None and two is not None:
            rows.append((one, two, RESULTS[item.outcome], cluster_of(item)))
    decided = [row for row in rows if row[2] in (Result.WIN, Result.LOSS)]
    if not decided:
        return None
    difference = np.array([one - two for one, two, _, _ in decided])
    won = np.array([result is Result.WIN for _, _, result, _ in decided])
    point, low, high = auc(difference, won), None, None
    if point is not None:
        places: dict[str, int] = {}
        place = [places.setdefault(cluster, len(places)) for *_, cluster in decided]
        drawn = rng.integers(len(places), size=(RESAMPLES, len(places)))
        again = weighted_aucs(difference, won, times_drawn(drawn)[:, place])
        again = again[np.isfinite(again)]
        ends = ((1 - confidence) / 2, (1 + confidence) / 2)
        low, high = (float(q) for q in np.quantile(again, ends)) if len(again) else (None, None)
    return EstimatorAgreement(
        a=contrast.a,
        b=contrast.b,
        pairs=pair_agreement(
            [one for one, _, _, _ in rows],
            [two for _, two, _, _ in rows],
            [result for _, _, result, _ in rows],
            estimator=name,
            prompts=[cluster for _, _, _, cluster in rows],
            rng=rng,
            confidence=confidence,
        ),
        auc=point,
        auc_low=low,
        auc_high=high,
        unscored=len(items) - len(rows),
    )


def ceiling_of(
    items: Sequence[ItemRow], on: Mapping[int, Sequence[VoteRow]], *, confidence: float
) -> HumanCeiling | None:
    """One annotator against the others of the same pair: what no estimator can be held to beat."""
    ballots = []
    for item in items:
        sides = [as_side(v.choice, a_is_first=item.a_is_first) for v in on.get(item.comparison, ())]
        said = [result for side in sides if (result := RESULTS[side]) is not None]
        if len(said) > 1:
            ballots.append(said)
    return human_ceiling(ballots, confidence=confidence) if ballots else None
