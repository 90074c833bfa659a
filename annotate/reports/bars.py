"""The rows of preference bars: a contrast's verdicts with what an image of either method takes.

It must not draw or count.
"""

from collections.abc import Sequence

from annotate.reports.canvas import short
from annotate.reports.contrast_report import ContrastReport
from annotate.reports.figures import BarRow
from annotate.sampling.progress import ArmProgress


def bar_row(
    contrast: ContrastReport,
    arms: Sequence[ArmProgress],
    *,
    label: str,
    ghost: tuple[float, float, float] | None = None,
) -> BarRow:
    """One contrast's bar; `label` names method a."""
    costs = {arm.name: _cost(arm) for arm in arms}
    return BarRow(
        a=label,
        b=contrast.b_label,
        wins=contrast.wins,
        ties=contrast.ties,
        losses=contrast.losses,
        ghost=ghost,
        a_cost=costs.get(contrast.a, ()),
        b_cost=costs.get(contrast.b, ()),
    )


def _cost(arm: ArmProgress) -> tuple[str, ...]:
    """Means of an image as executed; nothing where none is made, or nobody knows."""
    if arm.steps is None or arm.forwards is None:
        return ()
    steps = _counted(arm.steps, "step")
    return f"{steps}, {_counted(arm.forwards, 'forward')}", steps


def _counted(mean: float, noun: str) -> str:
    return f"{short(mean)} {noun if mean == 1 else noun + 's'}"


def cost_words(row: BarRow) -> str:
    """The end of a bar's text alternative."""
    costs = ((row.a, row.a_cost), (row.b, row.b_cost))
    known = [f"{name} {cost[0]}" for name, cost in costs if cost]
    return f" ({'; '.join(known)})" if known else ""


def cost_note(rows: Sequence[BarRow]) -> str:
    """What the words below the bars are, as the end of a note."""
    if not any(row.a_cost or row.b_cost for row in rows):
        return ""
    return " Below each bar: what an image took on average, as executed."
