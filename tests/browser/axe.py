"""Runs axe-core (vendor/) on an open page. It must not decide which findings matter."""

import hashlib
from pathlib import Path

from playwright.sync_api import Page

VENDOR = Path(__file__).parent / "vendor"
SOURCE = (VENDOR / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

RUN = """() => axe.run(document, { resultTypes: ["violations"] }).then((found) =>
    found.violations.map(({ id, impact, nodes }) => [id, impact,
        nodes.slice(0, 3).map((one) => one.target.join(" ") + ": " + one.failureSummary)]))"""


def findings(page: Page) -> list[str]:
    """One line for each rule that the page breaks. Evaluated by the debugger, beside our policy."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(SOURCE)
    return [f"{impact} {rule}: {' | '.join(where)}" for rule, impact, where in page.evaluate(RUN)]


def hashes() -> dict[str, str]:
    """SHA-256 of every vendored file."""
    files = (path for path in VENDOR.rglob("*") if path.is_file() and path.name != "VENDOR.md")
    return {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
