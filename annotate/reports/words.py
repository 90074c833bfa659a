"""How numbers are written in reports: percent with a space, intervals, p-values, counts.

It must not know what a number stands for.
"""

import re

NONE = "n/a"
_BINDINGS = re.compile(r"(?<=\d) (?=%)|(?<=\bp) (?=[=<])|(?<=[=<]) (?=\.?\d)")


def percent(share: float | None, *, digits: int = 1) -> str:
    """.548 as "54.8 %"."""
    return NONE if share is None else f"{100 * share:.{digits}f} %"


def confidence(level: float) -> str:
    """.95 as "95 %", .999 as "99.9 %"."""
    return f"{100 * level:.4g} %"


def span(low: float | None, high: float | None) -> str:
    """For sentences: "50.4 to 59.1", in percent."""
    if low is None or high is None:
        return NONE
    return f"{100 * low:.1f} to {100 * high:.1f}"


def bracket(low: float | None, high: float | None) -> str:
    """For tables: "[50.4, 59.1]", in percent."""
    if low is None or high is None:
        return NONE
    return f"[{100 * low:.1f}, {100 * high:.1f}]"


def p_value(p: float | None) -> str:
    """ ".036", "< .001", "1.00"; never "= 0"."""
    if p is None:
        return NONE
    if p < 0.001:
        return "< .001"
    return f"{p:.2f}" if p >= 0.995 else f"{p:.3f}".removeprefix("0")


def p_equation(p: float | None) -> str:
    """ "p = .036", "p < .001"."""
    written = p_value(p)
    return f"p {written}" if written.startswith("<") else f"p = {written}"


def coefficient(value: float | None) -> str:
    """Alpha and its kin: ".28", "−.05"."""
    if value is None:
        return NONE
    written = f"{abs(value):.2f}"
    sign = "−" if value < 0 and float(written) else ""
    return sign + (written.removeprefix("0") if abs(value) < 1 else written)


def signed(value: float | None, *, scale: float = 100, digits: int = 1) -> str:
    """A difference with its sign: "+4.2", "−0.31"; percentage points unless scaled otherwise."""
    if value is None:
        return NONE
    written = f"{abs(scale * value):.{digits}f}"
    if not float(written):
        return written
    return f"{'−' if value < 0 else '+'}{written}"


def number(count: int) -> str:
    """1800 as "1,800"."""
    return f"{count:,}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """ "1 vote", "1,800 votes"."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def listed(words: list[str]) -> str:
    """ "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def typeset(sentence: str) -> str:
    """Bind numbers to their signs with no-break spaces: no line ends between 54.8 and %."""
    return _BINDINGS.sub("\u00a0", sentence)
