"""What a report says before a study's planned end, and of one that ended before it.

Whoever tests again and again until a result pleases finds differences where there are none, so a
test is shown at the planned end, or where early stopping was declared. It must not compute.
"""

from annotate.reports.report import Report
from annotate.reports.words import counted, number, p_equation

_PEEKING = "a test that is looked at again and again finds differences where there are none"
NO_TESTS = f"No p-values yet: the study is running, and {_PEEKING}"


def decided(report: Report) -> str:
    """ "120 of 600 pairs"."""
    n = report.counts.comparisons
    return f"{number(report.counts.decided)} of {counted(n, 'pair')}"


def why_withheld(report: Report) -> str:
    """Why no p-value stands there, and what to do; empty where p-values stand."""
    if not report.tests_withheld:
        return ""
    unmade = f"; {counted(report.unopened, 'pair')} without pictures yet" * bool(report.unopened)
    wait = f"Wait until all pairs are decided ({decided(report)} are{unmade})"
    if any(contrast.monitoring for contrast in report.contrasts):
        return (
            "No p-value yet but the anytime one of the primary comparison: the study is running, "
            f"and any other test that is looked at again and again finds differences where there "
            f"are none. {wait}, or until the study is closed; until then all intervals but the "
            "confidence sequence are those of a running study."
        )
    return (
        f"No p-values yet: the study is running and declared no early stopping, and {_PEEKING}. "
        f"{wait}, or declare early stopping before the next launch; until then intervals are those "
        "of a running study."
    )


def why_early(report: Report) -> str:
    """That a study ended before its planned end without a rule for that; else empty."""
    if not report.closed_early:
        return ""
    return (
        f"Closed before its planned end: {decided(report)} decided; p-values are not corrected "
        "for that."
    )


def tested(report: Report, p: float | None) -> str:
    """ ", p = .036" for the end of a clause; nothing while p-values are withheld."""
    return "" if report.tests_withheld else f", {p_equation(p)}"


def of_running(report: Report) -> str:
    """Ends a subtitle whose intervals are those of a running study."""
    return ". Of a running study" if report.tests_withheld else ""
