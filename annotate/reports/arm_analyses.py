"""What a report says of several arms at once: paired tests, one scale for all, quality by cost.

It must not write words for people or draw, nor read rows from the database.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from annotate.analysis.contrast import Result
from annotate.analysis.paired import CochranQ, StuartMaxwell, cochran, stuart_maxwell
from annotate.analysis.policy import pareto
from annotate.analysis.ranking import DisconnectedError, Match, Ranking, rank
from annotate.analysis.significance import McNemar, benjamini_hochberg, mcnemar
from annotate.analysis.winrate import TieConvention, WinRate, win_rate
from annotate.reports.contrast_analyses import RESULTS, cluster_of
from annotate.reports.frames import ContrastRow, ItemRow
from annotate.sampling.progress import ArmProgress

# Arms against one opponent, beyond which a table of pairs says nothing to a reader.
MOST_ARMS = 8
Verdicts = Mapping[tuple[int, int], Result | None]
"""What one arm got against an opponent, by prompt and replica."""


@dataclass(frozen=True)
class PairedArms:
    """Two arms that met one opponent on the same prompts; `adjusted` is BH over all such pairs.

    `wins` compares winning with not winning (McNemar, exact), `shares` all three verdicts.
    """

    first: str
    second: str
    n: int
    shares: StuartMaxwell
    wins: McNemar
    adjusted: float


@dataclass(frozen=True)
class PairedFamily:
    """All arms that met `opponent`; `cochran` asks whether they win equally often."""

    opponent: str
    arms: tuple[str, ...]
    cochran: CochranQ | None
    pairs: tuple[PairedArms, ...]


@dataclass(frozen=True)
class Rankings:
    """Bradley-Terry and Newman over three methods or more; empty with the reason in `warning`."""

    found: tuple[Ranking, ...]
    warning: str


@dataclass(frozen=True)
class ComputePoint:
    """An arm's win rate against `opponent` (ties half) and what one of its images took.

    The opponent itself stands at one half, without an interval. `pareto_*`: no arm is as cheap and
    better.
    """

    method: str
    label: str
    opponent: str
    rate: WinRate | None
    score: float
    steps: float
    forwards: float
    pareto_steps: bool
    pareto_forwards: bool


def paired_families(
    contrasts: Sequence[ContrastRow], items: Mapping[int, Sequence[ItemRow]]
) -> tuple[PairedFamily, ...]:
    """Arms that share an opponent, compared on the prompts that both were judged on."""
    against = _against(contrasts, items)
    raw: list[tuple[str, str, str, StuartMaxwell, McNemar]] = []
    families: list[tuple[str, tuple[str, ...], CochranQ | None]] = []
    for opponent, arms in against.items():
        names = tuple(arms)[:MOST_ARMS]
        if len(names) < 2:
            continue
        slots = sorted(set().union(*(arms[name] for name in names)))
        columns = {name: [arms[name].get(slot) for slot in slots] for name in names}
        won = {
            name: [None if r is None else r is Result.WIN for r in column]
            for name, column in columns.items()
        }
        families.append((opponent, names, cochran(won) if len(names) > 2 else None))
        for first, second in combinations(names, 2):
            cells = [[0, 0], [0, 0]]
            for one, two in zip(won[first], won[second], strict=True):
                if one is not None and two is not None:
                    cells[1 - one][1 - two] += 1
            shares = stuart_maxwell(columns[first], columns[second])
            raw.append((opponent, first, second, shares, mcnemar(cells)))
    adjusted = benjamini_hochberg([shares.p_value for *_, shares, _ in raw])
    pairs: dict[str, list[PairedArms]] = defaultdict(list)
    for (opponent, first, second, shares, wins), p in zip(raw, adjusted, strict=True):
        pairs[opponent].append(PairedArms(first, second, shares.n, shares, wins, p))
    return tuple(
        PairedFamily(opponent, names, test, tuple(pairs[opponent]))
        for opponent, names, test in families
    )


def _against(
    contrasts: Sequence[ContrastRow], items: Mapping[int, Sequence[ItemRow]]
) -> dict[str, dict[str, Verdicts]]:
    """Opponent, then arm, then the verdicts read from the arm's side."""
    found: dict[str, dict[str, Verdicts]] = defaultdict(dict)
    for contrast in contrasts:
        rows = {(i.prompt, i.replica): RESULTS[i.outcome] for i in items[contrast.pk]}
        found[contrast.b][contrast.a] = rows
        turned = {slot: None if r is None else r.mirrored() for slot, r in rows.items()}
        found[contrast.a][contrast.b] = turned
    return found


def rankings(
    contrasts: Sequence[ContrastRow],
    items: Mapping[int, Sequence[ItemRow]],
    *,
    confidence: float,
    seeds: Sequence[int],
) -> Rankings:
    """One scale for three methods or more, from every decided item of every contrast."""
    if len({name for c in contrasts for name in (c.a, c.b)}) < 3:
        return Rankings((), "")
    matches = sorted(
        (
            Match(contrast.a, contrast.b, result, cluster_of(item))
            for contrast in contrasts
            for item in items[contrast.pk]
            if (result := RESULTS[item.outcome]) is not None
        ),
        # Draws go by group: one order whatever the rows' own.
        key=lambda match: (str(match.group), match.challenger, match.opponent),
    )
    if not matches:
        return Rankings((), "")
    try:
        found = tuple(
            rank(
                matches,
                rng=np.random.default_rng(list(seeds)),
                model=model,
                confidence=confidence,
            )
            for model in ("bradley-terry", "newman")
        )
    except DisconnectedError as apart:
        return Rankings((), str(apart))
    return Rankings(found, found[0].warning)


def compute_points(
    contrasts: Sequence[ContrastRow],
    items: Mapping[int, Sequence[ItemRow]],
    arms: Sequence[ArmProgress],
    *,
    confidence: float,
) -> tuple[ComputePoint, ...]:
    """Win rate against executed cost, for the arms that met the most frequent opponent.

    Empty where pictures were imported: what they took is not known here.
    """
    cost = {arm.name: arm for arm in arms if arm.steps is not None and arm.forwards is not None}
    against = {
        opponent: {name: rows for name, rows in met.items() if name in cost}
        for opponent, met in _against(contrasts, items).items()
        if opponent in cost
    }
    if not against:
        return ()
    # The lead's opponent where several are met equally often: contrasts are in order.
    first = contrasts[0].b
    opponent = max(against, key=lambda name: (len(against[name]), name == first))
    told: list[tuple[str, WinRate | None, float]] = [(opponent, None, 0.5)]
    for name, rows in against[opponent].items():
        counts = [list(rows.values()).count(kind) for kind in (Result.WIN, Result.TIE, Result.LOSS)]
        rate = win_rate(*counts, convention=TieConvention.HALF, confidence=confidence)
        if rate.estimate is not None:
            told.append((name, rate, rate.estimate))
    if len(told) < 2:
        return ()
    steps = [float(cost[name].steps or 0.0) for name, _, _ in told]
    forwards = [float(cost[name].forwards or 0.0) for name, _, _ in told]
    scores = np.array([score for _, _, score in told])
    best_steps = pareto(np.array(steps), scores)
    best_forwards = pareto(np.array(forwards), scores)
    return tuple(
        ComputePoint(
            method=name,
            label=cost[name].label,
            opponent=opponent,
            rate=rate,
            score=score,
            steps=steps[i],
            forwards=forwards[i],
            pareto_steps=bool(best_steps[i]),
            pareto_forwards=bool(best_forwards[i]),
        )
        for i, (name, rate, score) in enumerate(told)
    )
