"""A run's loss curve as a picture: an SVG beside the numbers it draws.

Must not know torch or what was trained.
"""

import json
import math
from itertools import accumulate
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 260, 64, 28, 36
_SMOOTH = 0.97


def read(file: Path) -> list[float]:
    """The losses of `curve.jsonl`, step by step."""
    return [json.loads(line)["loss"] for line in file.read_text().splitlines()]


def svg(losses: list[float], *, title: str) -> str:
    """Losses over steps, smoothed (factor .97), on a logarithmic scale.

    Raises:
        ValueError: no losses, or one that is not above 0.
    """
    if not losses or min(losses) <= 0:
        raise ValueError(f"{len(losses)} losses; give at least one, all above 0")
    smooth = list(accumulate(losses, lambda kept, new: _SMOOTH * kept + (1 - _SMOOTH) * new))
    low, high = math.log(min(smooth)), math.log(max(smooth))
    span = (high - low) or 1.0

    def x(step: int) -> float:
        return LEFT + (WIDTH - LEFT - 12) * step / max(1, len(losses) - 1)

    def y(loss: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - math.log(loss)) / span

    every = max(1, len(smooth) // 400)
    points = " ".join(
        f"{x(step):.1f},{y(loss):.1f}" for step, loss in enumerate(smooth) if step % every == 0
    )
    marks = []
    for share in (0.0, 0.5, 1.0):
        loss = math.exp(low + share * span)
        marks.append(
            f'<text x="{LEFT - 8}" y="{y(loss) + 4:.1f}" text-anchor="end">{loss:.3g}</text>'
            f'<line x1="{LEFT}" x2="{WIDTH - 12}" y1="{y(loss):.1f}" y2="{y(loss):.1f}" '
            'stroke="#ddd"/>'
        )
        step = round(share * (len(losses) - 1))
        marks.append(
            f'<text x="{x(step):.1f}" y="{HEIGHT - 14}" text-anchor="middle">{step + 1}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" fill="#333">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="{LEFT}" y="18">{escape(title)}</text>{"".join(marks)}'
        f'<polyline points="{points}" fill="none" stroke="#1f5fae" stroke-width="1.5"/></svg>\n'
    )


def save(run: Path, out: Path, *, title: str) -> Path:
    """Draw a run's `curve.jsonl` into an SVG file.

    A loss without a logarithm (0 or endless) is drawn at the lowest or highest of the others;
    where there are no others nothing is drawn.
    """
    losses = read(run)
    drawn = [loss for loss in losses if 0 < loss < math.inf]
    if drawn:
        low, high = min(drawn), max(drawn)
        out.write_text(svg([min(max(loss, low), high) for loss in losses], title=title))
    return out
