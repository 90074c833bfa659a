"""Makes a drawing of the page a file of its own: its classes get the light theme's looks.

It must not know what is drawn. The colours are those of tokens.css, which a test compares.
"""

import re
from xml.sax.saxutils import escape

NAMESPACE = "http://www.w3.org/2000/svg"
TOKENS = {
    "ink": "#1a1a1a",
    "ink-3": "#636363",
    "paper": "#ffffff",
    "paper-3": "#ececec",
    "win": "#1f5c9e",
    "win-soft": "#d5e3f2",
    "on-win": "#ffffff",
    "on-lose": "#190c00",
    "on-tie": "#1a1a1a",
    "lose": "#cf6f1c",
    "lose-soft": "#fcebd9",
    "tie": "#d2d2d2",
    "tie-line": "#7d7d7d",
    "plot-grid": "#e6e6e6",
    "plot-axis": "#7a7a7a",
    "plot-ghost": "#8d8d8d",
    "plot-lose-text": "#9a4a05",
}
_HEAD = re.compile(r'<svg [^>]*? width="([\d.]+)" height="([\d.]+)"[^>]*>')
_RULE = re.compile(r"([^{}]+)\{([^}]*)\}")
_RULES = """
text { fill: $ink; font: 13px "Liberation Sans", Arial, sans-serif; }
.t-s { font-size: 12px; } .t-b { font-weight: 650; } .t-2 { fill: $ink-3; }
.t-halo { paint-order: stroke; stroke: $paper; stroke-width: 3px; }
.t-win { fill: $win; } .t-lose { fill: $plot-lose-text; }
.t-onwin { fill: $on-win; } .t-onlose { fill: $on-lose; } .t-ontie { fill: $on-tie; }
.f-ink { fill: $ink; } .f-ghost { fill: $plot-ghost; } .f-shade { fill: $paper-3; }
.f-win { fill: $win; } .f-tie { fill: $tie; } .f-lose { fill: $lose; } .f-bar { fill: $plot-ghost; }
path[class^="s-"], path[class^="line-"] { fill: none; }
.s-grid { stroke: $plot-grid; } .s-axis { stroke: $plot-axis; } .s-now { stroke: $ink; }
.s-half { stroke: $ink; stroke-dasharray: 2 3; } .s-ci { stroke: $ink; stroke-width: 1.75; }
.s-ci-main { stroke: $ink; stroke-width: 3; } .s-paper { stroke: $paper; stroke-width: 2; }
.line-win, .line-tie, .line-lose, .line-ink { stroke-width: 2.25; stroke-linejoin: round; }
.line-win { stroke: $win; } .line-lose { stroke: $lose; }
.line-tie { stroke: $tie-line; stroke-dasharray: 5 3; }
.line-ink { stroke: $ink; } .line-2 { stroke-dasharray: 7 4; stroke: $ink-3; }
.line-3 { stroke-dasharray: 2 3; } .line-4 { stroke-dasharray: 9 3 2 3; stroke: $ink-3; }
.band-win { fill: $win-soft; } .band-lose { fill: $lose-soft; } .band-tie { fill: $plot-grid; }
.dot-win { fill: $win; } .dot-lose { fill: $lose; } .dot-tie { fill: $tie-line; }
.dot-win, .dot-lose, .dot-tie { stroke: $paper; stroke-width: 2; }
.mark { fill: $ink; stroke: $paper; stroke-width: 1.5; }
.mark-2 { fill: $paper; stroke: $ink; } .mark-3 { fill: $ink-3; }
.mark-4 { fill: $paper; stroke: $ink-3; }
"""


def standalone(drawing: str, *, note: str = "") -> str:
    """The drawing as a file: on paper, its looks inside, a line of words below where there is one.

    Raises:
        ValueError: it is none of `canvas`'s drawings.
    """
    head = _HEAD.match(drawing)
    if head is None:
        raise ValueError(f"{drawing[:60]!r} is no drawing of the report; draw it on a Canvas.")
    width, height, rest = float(head[1]), float(head[2]), drawing[head.end() :]
    words = ""
    if note:
        at = f'x="{width:g}" y="{height + 14:g}" text-anchor="end"'
        words = f'<text class="t-s t-2" {at}>{escape(note)}</text>'
        height += 22
    box = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    paper = f'<rect width="100%" height="100%" fill="{TOKENS["paper"]}"/>'
    body = rest.removesuffix("</svg>")
    return f'<svg xmlns="{NAMESPACE}" {box}><style>{_looks()}</style>{paper}{body}{words}</svg>\n'


def looks() -> dict[str, dict[str, str]]:
    """Each class's properties, in the order of the rules: for drawings that are no SVG."""
    found: dict[str, dict[str, str]] = {}
    for selectors, body in _RULE.findall(_looks()):
        told = dict(part.split(":", 1) for part in body.split(";") if ":" in part)
        for selector in selectors.split(","):
            if selector.strip().startswith("."):
                own = found.setdefault(selector.strip()[1:], {})
                own |= {name.strip(): value.strip() for name, value in told.items()}
    return found


def _looks() -> str:
    rules = _RULES
    # Longest names first: $ink is the beginning of $ink-3.
    for name in sorted(TOKENS, key=len, reverse=True):
        rules = rules.replace(f"${name}", TOKENS[name])
    return rules
