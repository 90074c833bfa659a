"""What pre-declared early stopping says of a study: the rule, the state, the words for both.

It must not read the database or draw; the evidence itself is `analysis.sequential`'s.
"""

from collections.abc import Mapping, Sequence

from annotate.analysis.contrast import Result
from annotate.analysis.sequential import Monitoring, monitor
from annotate.reports.serving import ServedRow
from annotate.reports.words import confidence, counted, number, p_equation, percent, span
from annotate.studies.protocol import Protocol

_RESULTS: Mapping[str, Result] = {"a": Result.WIN, "b": Result.LOSS, "tie": Result.TIE}


def monitored(
    served: Sequence[ServedRow],
    outcomes: Mapping[int, str | None],
    votes: Mapping[int, int],
    *,
    protocol: Protocol,
) -> Monitoring | None:
    """The primary contrast along its serving order; None where the protocol declares no stopping.

    Only pairs before the first open one count. A pair that waits for a third vote is open, also
    where the third is asked on demand. Left out for good are pairs that a researcher set aside and,
    where split answers are dropped, pairs with all their votes and no verdict.

    Args:
        served: the pairs, in serving order.
        outcomes: a, b or tie by comparison; None or missing while it is open.
        votes: how many votes a comparison has.
    """
    if not protocol.may_stop_early or not served:
        return None

    def dropped(comparison: int) -> bool:
        whole = votes.get(comparison, 0) >= protocol.overlap
        return protocol.split == "drop" and whole and outcomes.get(comparison) is None

    results: list[Result | None] = []
    for row in served:
        if row.comparison is None:
            results.append(None)
        elif not row.set_aside and not dropped(row.comparison):
            outcome = outcomes.get(row.comparison)
            results.append(_RESULTS[outcome] if outcome else None)
    return monitor(results, a=protocol.stopping_prior, confidence=1 - protocol.stopping_alpha)


def bound(protocol: Protocol) -> float:
    """The evidence at which a study may be stopped: 1 / alpha."""
    return 1 / protocol.stopping_alpha


def evidence(seen: Monitoring) -> str:
    """The e-value as people read it."""
    if seen.e_value >= 10_000:
        return "over 10,000"
    return f"{seen.e_value:.1f}" if seen.e_value >= 1 else f"{seen.e_value:.2g}"


def rule_words(protocol: Protocol) -> str:
    """The rule in one sentence of a methods section."""
    return (
        "Early stopping was declared before launch: the study may be stopped as soon as the "
        "beta-binomial e-process of the primary comparison, along the serving order drawn before "
        f"the first vote, reaches {bound(protocol):g} (α = {protocol.stopping_alpha:g}, mixture "
        f"Beta({protocol.stopping_prior:g}, {protocol.stopping_prior:g})); pairs behind the first "
        "undecided one do not count. The interval of that comparison is a confidence sequence, "
        "which holds at every look at once."
    )


def state_title(seen: Monitoring, protocol: Protocol) -> str:
    """Whether the study may be stopped."""
    if seen.stopped_after is not None:
        at = f"E reached {bound(protocol):g} at prompt {number(seen.stopped_after)}"
        return f"May be stopped: {at} of {number(seen.planned)}"
    if seen.prefix == seen.planned:
        return f"The study ran to its end: E = {evidence(seen)}, never {bound(protocol):g}"
    return f"Not to be stopped yet: E = {evidence(seen)}, the bound is {bound(protocol):g}"


def state_words(seen: Monitoring) -> str:
    """The numbers behind it."""
    level = confidence(seen.confidence)
    if seen.estimate is None:
        rate = "no win or loss so far"
    else:
        rate = (
            f"win rate {percent(seen.estimate)}, {level} confidence sequence "
            f"{span(seen.low, seen.high)}, anytime {p_equation(seen.p_value)}"
        )
    behind = (
        f"; {counted(seen.beyond, 'prompt')} decided behind an open one left out"
        if seen.beyond
        else ""
    )
    counts = f"{number(seen.prefix)} of {counted(seen.planned, 'prompt')}"
    return f"{counts} in serving order: {rate}{behind}."


def ended(seen: Monitoring, protocol: Protocol, *, over: bool) -> str:
    """How the study ended, where it ended before all its prompts were decided; else nothing."""
    if not over or seen.prefix >= seen.planned:
        return ""
    at = f"after {number(seen.prefix)} of {counted(seen.planned, 'prompt')}"
    if seen.stopped_after is not None:
        return (
            f"The study was stopped early, {at}, by the rule declared before launch: the e-process "
            f"reached {bound(protocol):g} at prompt {number(seen.stopped_after)}."
        )
    return (
        f"The study was closed early, {at}, without reaching the declared bound of "
        f"{bound(protocol):g}; the confidence sequence holds all the same."
    )
