"""How numbers and times are written on researcher pages. It must not query anything."""

import json
import math
from datetime import datetime, timedelta
from typing import Any

from django import template

from annotate.reports.words import signed as signed_number
from annotate.web.spec_fields import words

register = template.Library()
register.filter("words", words)


@register.filter
def thousands(number: int) -> str:
    """1402 as 1,402."""
    return f"{number:,}"


@register.filter
def whole(number: float) -> str:
    """1402.4 as 1,402."""
    return f"{number:,.0f}"


@register.filter
def percent(share: float | None) -> str:
    """0.548 as "55 %"; nothing is "–"."""
    return "–" if share is None else f"{100 * share:.0f} %"


@register.filter
def signed(number: float | None) -> str:
    """-0.123 as "−0.12": the sign always stands; nothing is "–"."""
    return "–" if number is None else signed_number(number, scale=1, digits=2)


@register.filter
def chance(share: float) -> str:
    """0.0059 as "0.6 %": one decimal, since small chances matter."""
    return f"{100 * share:.1f} %"


@register.filter
def ago(at: datetime | None, now: datetime) -> str:
    """How long since, in the largest unit that fits: now, 9 min, 3 h, 2 d; never is "–"."""
    if at is None:
        return "–"
    minutes = int((now - at).total_seconds() // 60)
    if minutes < 1:
        return "now"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} d"


@register.filter
def span(length: timedelta) -> str:
    """A duration in words: 3 h 10 min, 2 d 4 h, 5 min, 40 s."""
    minutes = int(length.total_seconds() // 60)
    if not minutes:
        return f"{length.total_seconds():.0f} s"
    days, hours = minutes // 1440, minutes % 1440 // 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


@register.filter
def seconds(number: float | None) -> str:
    """A measured time: 0.3 s, 40 s, 5 min, 3 h 10 min; what was never measured is "–"."""
    if number is None:
        return "–"
    return f"{number:.2g} s" if number < 10 else span(timedelta(seconds=number))


@register.filter
def significant(number: float) -> str:
    """Four digits, as few as say it: 0.1234, 15, −∞."""
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    return f"{number:.4g}".replace("-", "−")


@register.filter
def entered(value: object) -> object:
    """A number as one types it, 24 and not 24.0; anything else as it is."""
    return f"{value:.12g}" if isinstance(value, float) else value


@register.filter
def json_text(value: Any) -> str:
    """A record as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def short_hash(digest: str) -> str:
    """The first eight digits in two groups: enough to compare by eye."""
    return f"{digest[:4]} {digest[4:8]}"
