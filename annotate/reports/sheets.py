"""The site's style sheets as text, for a report that is one file.

It must not know what is in the file.
"""

from pathlib import Path

from django.contrib.staticfiles import finders

_SHEETS = ("tokens.css", "base.css", "report.css", "laboratory.css")


def stylesheets() -> str:
    """What a report's page needs, in the order in which the site loads it."""
    styles = []
    for name in _SHEETS:
        found = finders.find(f"triptych/{name}")
        assert isinstance(found, str), name
        styles.append(Path(found).read_text(encoding="utf-8"))
    return "\n".join(styles)
