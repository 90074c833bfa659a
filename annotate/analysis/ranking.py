"""One scale for several methods: Bradley-Terry and Newman strengths with intervals over prompts.
Must not know studies or pages. Beside the contrasts, never instead of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, get_args

from annotate.analysis.contrast import Result
from annotate.analysis.ranking_bootstrap import solve_many

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Model = Literal["bradley-terry", "newman"]
# Of a win each way for every pair that was judged, where the data alone have no finite answer.
PSEUDO_WINS = 0.5
TOLERANCE = 1e-12
LIMIT = 100_000


class Match(NamedTuple):
    """One decided prompt of a contrast: the verdict is read from the challenger's side."""

    challenger: str
    opponent: str
    result: Result
    group: Hashable


@dataclass(frozen=True)
class Strength:
    """A method's log strength; 0 is the (geometric) mean method, ln 3 wins 3 of 4 against it."""

    method: str
    log_strength: float
    low: float
    high: float
    wins: float
    losses: float
    ties: int


@dataclass(frozen=True)
class Ranking:
    """Methods from the strongest down, and what the numbers rest on.

    `tie_strength` is Newman's nu (None under Bradley-Terry, where a tie is half a win each way).
    `regularised` says that pseudo wins had to be added to the data, and `warning` why;
    `regularised_resamples` counts the resamples that needed them.
    """

    estimand: ClassVar[str] = "log strength (verdicts)"
    unit: ClassVar[str] = "prompt"

    model: Model
    strengths: tuple[Strength, ...]
    tie_strength: float | None
    n: int
    units: int
    confidence: float
    resamples: int
    regularised: bool
    regularised_resamples: int
    warning: str

    @property
    def method(self) -> str:
        return f"{self.model}, bootstrap over prompts"


class DisconnectedError(ValueError):
    """Methods that no chain of comparisons joins cannot stand on one scale."""


def rank(
    matches: Sequence[Match],
    *,
    rng: np.random.Generator,
    model: Model = "bradley-terry",
    resamples: int = 1000,
    confidence: float = 0.95,
) -> Ranking:
    """Strengths of all methods that were compared with one another.

        Bradley-Terry: P(i beats j) = s_i / (s_i + s_j), a tie counts half a win for each
        Newman:        P(i beats j) = s_i / (s_i + s_j + 2 nu sqrt(s_i s_j)), ties modelled

    Where a method never lost (or never won) against the rest, its strength has no finite estimate:
    half a win each way is then added to every judged pair and the result says so.

    Args:
        matches: one for each decided prompt of each contrast.
        rng: draws groups for the intervals.
        model: "bradley-terry" or "newman".
        resamples: of the groups.
        confidence: of the percentile intervals.

    Raises:
        DisconnectedError: no chain of comparisons joins some of the methods.
        ValueError: there are no matches, a method meets itself, or the model is unknown.

    Source: Bradley and Terry 1952; Newman, JMLR 24 (2023).
    """
    import numpy as np

    if model not in get_args(Model):
        raise ValueError(f"model={model!r} is unknown; use one of {', '.join(get_args(Model))}")
    if not matches:
        raise ValueError("no decided prompt was given; a ranking needs verdicts")
    names = sorted({name for match in matches for name in match[:2]})
    per_unit = _tables(matches, names)
    total = per_unit.sum(axis=0)
    _check_joined(total, names)
    point, tie_strength, regularised = _solve(total, model)
    units = len(per_unit)
    drawn = rng.multinomial(units, np.full(units, 1 / units), resamples)
    tables = np.tensordot(drawn.astype(np.float64), per_unit, axes=1)
    solved = solve_many(
        tables[:, 0], tables[:, 1], newman=model == "newman", pseudo_wins=PSEUDO_WINS
    )
    again, helped = solved.logs, int(solved.pseudo.sum())
    low, high = np.quantile(again, ((1 - confidence) / 2, (1 + confidence) / 2), axis=0)
    wins, ties = total
    strengths = [
        Strength(
            method=name,
            log_strength=float(point[i]),
            low=float(low[i]),
            high=float(high[i]),
            wins=float(wins[i].sum()),
            losses=float(wins[:, i].sum()),
            ties=int(ties[i].sum()),
        )
        for i, name in enumerate(names)
    ]
    return Ranking(
        model=model,
        strengths=tuple(sorted(strengths, key=lambda s: (-s.log_strength, s.method))),
        tie_strength=tie_strength,
        n=len(matches),
        units=units,
        confidence=confidence,
        resamples=resamples,
        regularised=regularised,
        regularised_resamples=helped,
        warning=_warning(total, names) if regularised else "",
    )


def _tables(matches: Sequence[Match], names: Sequence[str]) -> Array:
    """Wins (row beats column) and ties (both ways) of each unit: (units, 2, methods, methods)."""
    import numpy as np

    place = {name: i for i, name in enumerate(names)}
    unit = {group: i for i, group in enumerate(dict.fromkeys(m.group for m in matches))}
    tables = np.zeros((len(unit), 2, len(names), len(names)))
    for match in matches:
        if match.challenger == match.opponent:
            raise ValueError(f"{match.challenger!r} meets itself; name two different methods")
        i, j, u = place[match.challenger], place[match.opponent], unit[match.group]
        result = Result(match.result)
        if result is Result.TIE:
            tables[u, 1, i, j] += 1
            tables[u, 1, j, i] += 1
        elif result is Result.WIN:
            tables[u, 0, i, j] += 1
        else:
            tables[u, 0, j, i] += 1
    return tables


def _check_joined(total: Array, names: Sequence[str]) -> None:
    from scipy.sparse.csgraph import connected_components

    met = total.sum(axis=0)
    parts, part = connected_components(met + met.T > 0, directed=False)
    if parts > 1:
        islands = [[n for n, p in zip(names, part, strict=True) if p == i] for i in range(parts)]
        raise DisconnectedError(
            f"no comparison joins {' with '.join(', '.join(island) for island in islands)}; add a "
            "contrast between them, or rank each by itself"
        )


def _solve(table: Array, model: Model) -> tuple[Array, float | None, bool]:
    """(log strengths with mean 0, tie strength, whether pseudo wins were added)."""
    import numpy as np
    from scipy.sparse.csgraph import connected_components

    wins, ties = table
    # A tie counts for both, so it joins both ways.
    parts, _ = connected_components(wins + ties > 0, directed=True, connection="strong")
    pseudo = parts > 1
    if pseudo:
        wins = wins + PSEUDO_WINS * (wins + wins.T + ties > 0)
        if connected_components(wins + ties > 0, directed=False)[0] > 1:
            # A resample in which some method was never drawn: a whisper keeps it on the scale.
            wins = wins + 1e-3 * ~np.eye(len(wins), dtype=bool)
    if model == "newman":
        logs, tie_strength = _newman(wins, ties)
    else:
        logs, tie_strength = _bradley_terry(wins + ties / 2), None
    return logs - logs.mean(), tie_strength, pseudo


def _bradley_terry(wins: Array) -> Array:
    import evalica
    import numpy as np

    xs, ys = np.nonzero(wins)
    fitted = evalica.bradley_terry(
        xs.tolist(),
        ys.tolist(),
        [evalica.Winner.X] * len(xs),
        weights=wins[xs, ys].tolist(),
        tolerance=TOLERANCE,
        limit=LIMIT,
    )
    return np.log(np.array([fitted.scores[i] for i in range(len(wins))], dtype=np.float64))


def _newman(wins: Array, ties: Array) -> tuple[Array, float]:
    """Newman's strengths and nu together.

    By Newton's method: fixed-point iterations, evalica's too, stop when the strengths rest, which
    they may do before nu has moved, and swing for ever where all met one opponent and never tied.
    """
    found = solve_many(wins[None], ties[None], newman=True, pseudo_wins=0.0)
    return found.logs[0], float(found.nu[0])


def _warning(total: Array, names: Sequence[str]) -> str:
    wins, ties = total
    unbeaten = [name for i, name in enumerate(names) if not wins[:, i].sum() and not ties[i].sum()]
    winless = [name for i, name in enumerate(names) if not wins[i].sum() and not ties[i].sum()]
    said = [f"{', '.join(unbeaten)} never lost"] if unbeaten else []
    said += [f"{', '.join(winless)} never won"] if winless else []
    reason = " and ".join(said) or "some methods never lost to some others"
    return (
        f"{reason}: the data alone give no finite strength, so {PSEUDO_WINS:g} of a win each way "
        "was added to every judged pair. Read the order, not the distances."
    )
