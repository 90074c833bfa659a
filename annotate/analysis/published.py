"""Bars that a paper printed in percent, entered as counts: what they say and what they leave open.
Must not know which paper; a label is rounded, and labels may contradict each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from annotate.analysis.joint import JointShares, joint_shares
from annotate.analysis.power import Resolution, resolution
from annotate.analysis.significance import sign_test
from annotate.analysis.winrate import WinRate, three_conventions

# What three labels can be off 100 by their own rounding, in units of their last digit.
ROUNDING = 1.5


class PValues(NamedTuple):
    """The smallest and the largest p-value among all counts that the labels could stand for."""

    low: float
    high: float


@dataclass(frozen=True)
class PublishedBars:
    """A printed preference bar as the report that the paper could have printed.

    The counts are those of each label by itself. `unaccounted` is `prompts` minus their sum: the
    prompts in no bar, or below 0 the verdicts too many; `consistent` says whether rounding explains
    it, and `warning` says it in words (empty where the labels sum to 100). `p_range` spans what
    rounding, and where it does not explain the sum one misprinted label, leave open: the finding
    is `resolved` only where p < alpha throughout, and `open` only where it is nowhere.
    """

    estimand: ClassVar[str] = "win rate (verdicts), read off printed percentages"
    unit: ClassVar[str] = "prompt"

    challenger: str
    opponent: str
    percent: tuple[float, float, float]
    prompts: int
    wins: int
    ties: int
    losses: int
    unaccounted: int
    consistent: bool
    rates: tuple[WinRate, WinRate, WinRate]
    joint: JointShares
    p_range: PValues
    resolution: Resolution
    resolved: bool
    open: bool
    sentence: str
    warning: str
    confidence: float
    method: str = "wilson (win rate), exact sign test, goodman (joint)"

    @property
    def n(self) -> int:
        """The prompts that were judged; `unaccounted` of them are in no bar."""
        return self.prompts


def published_bars(
    win: float,
    loss: float,
    *,
    tie: float,
    prompts: int,
    challenger: str = "the challenger",
    opponent: str = "the opponent",
    digits: int = 0,
    confidence: float = 0.95,
) -> PublishedBars:
    """Counts, intervals, p-values and a plain sentence for one printed bar.

    Args:
        win: the label of the challenger's bar in percent; `loss` and `tie` likewise.
        prompts: how many the paper judged.
        challenger: its name in the sentence; `opponent` likewise.
        digits: decimals of the labels; 0 for "43 %".
        confidence: of the intervals, in (0, 1); tests are at 1 - confidence.

    Raises:
        ValueError: a label lies outside [0, 100], all labels are 0, `prompts` is below 1, or digits
            or confidence are out of range.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} lies outside (0, 1); use for example 0.95")
    if prompts != int(prompts) or prompts < 1 or digits not in range(7):
        raise ValueError(
            f"prompts={prompts}, digits={digits}; give how many prompts were judged (at least 1) "
            "and the labels' decimals (0 to 6)"
        )
    labels = {"win": win, "tie": tie, "loss": loss}
    for name, label in labels.items():
        if not 0 <= label <= 100:
            raise ValueError(f"{name}={label} is no percentage; give a label in [0, 100]")
    wins, ties, losses = (_count(label, prompts) for label in labels.values())
    if not wins + ties + losses:
        raise ValueError(
            f"the labels {win:g}/{loss:g}/{tie:g} of {prompts} prompts are no verdict at all; check"
            " the labels and the number of prompts"
        )
    total = math.fsum(labels.values())
    consistent = abs(total - 100) <= ROUNDING * 10.0**-digits + 1e-9
    unaccounted = prompts - wins - ties - losses
    alpha = 1 - confidence
    win_span, loss_span = (_span(label, prompts, digits=digits) for label in (win, loss))
    p_range = _p_range(win_span, loss_span, slack=0 if consistent else unaccounted)
    rates = three_conventions(wins, ties, losses, confidence=confidence)
    found = resolution(wins + losses, alpha=alpha)
    resolved, unresolved = p_range.high < alpha, p_range.low >= alpha
    names = (challenger, opponent)
    return PublishedBars(
        challenger=challenger,
        opponent=opponent,
        percent=(win, tie, loss),
        prompts=int(prompts),
        wins=wins,
        ties=ties,
        losses=losses,
        unaccounted=unaccounted,
        consistent=consistent,
        rates=rates,
        joint=joint_shares(
            wins, ties, losses, undecided=max(0, unaccounted), confidence=confidence
        ),
        p_range=p_range,
        resolution=found,
        resolved=resolved,
        open=unresolved,
        sentence=_sentence(rates[0], names, p_range=p_range, found=found),
        warning=_warning(labels, total, prompts, digits=digits, unaccounted=unaccounted),
        confidence=confidence,
    )


def _count(label: float, prompts: int) -> int:
    # Half up: round() would take 0.5 and 1.5 prompts to even numbers.
    return math.floor(label * prompts / 100 + 0.5)


def _span(label: float, prompts: int, *, digits: int) -> tuple[int, int]:
    """The smallest and the largest count that print as this label; at least the nearest one."""
    nearest, half = _count(label, prompts), 0.5 * 10.0**-digits
    low = math.ceil((label - half) * prompts / 100 - 1e-9)
    high = math.floor((label + half) * prompts / 100 + 1e-9)
    return max(0, min(low, nearest)), min(prompts, max(high, nearest))


def _p_range(win: tuple[int, int], loss: tuple[int, int], *, slack: int) -> PValues:
    """Over the corners of both spans; one of them may also be wrong by all that does not add up."""
    p = []
    for more_wins, more_losses in {(0, 0), (slack, 0), (0, slack)}:
        w = [max(0, count + more_wins) for count in win]
        v = [max(0, count + more_losses) for count in loss]
        p += [sign_test(w[1], v[0]).p_value, sign_test(w[0], v[1]).p_value]
        if w[0] <= v[1] and v[0] <= w[1]:
            p.append(1.0)  # as many wins as losses are possible
    return PValues(min(p), max(p))


def _sentence(rate: WinRate, names: tuple[str, str], *, p_range: PValues, found: Resolution) -> str:
    if rate.estimate is None or rate.low is None or rate.high is None or rate.p_value is None:
        return f"Every verdict is a tie: nothing tells {names[0]} from {names[1]}."
    alpha = 1 - rate.confidence
    ahead, behind = names if rate.wins >= rate.losses else names[::-1]
    share, low, high = rate.estimate, rate.low, rate.high
    if rate.wins < rate.losses:
        share, low, high = 1 - share, 1 - high, 1 - low
    said = (
        f"Of {rate.n} decided prompts {max(rate.wins, rate.losses)} went to {ahead} "
        f"({100 * share:.1f} %, {100 * rate.confidence:.4g} % interval {100 * low:.1f} to "
        f"{100 * high:.1f} %; {rate.ties} ties dropped), p {_written(rate.p_value)}."
    )
    if p_range.high < alpha:
        return (
            f"{said} Resolved: {ahead} is preferred to {behind}. Not resolved: by how much, beyond "
            "what the interval says."
        )
    finds = (
        "no difference, however large,"
        if found.win_rate is None
        else f"a win rate of {100 * found.win_rate:.1f} % or more"
    )
    reach = f"{rate.n} decided prompts find {finds} with a chance of {100 * found.power:.0f} %."
    if p_range.low >= alpha:
        return (
            f"{said} Not resolved: which of {ahead} and {behind} is preferred. Resolved is only "
            f"that the win rate lies between {100 * low:.1f} and {100 * high:.1f} %: {reach}"
        )
    least, most = (_written(p).removeprefix("= ") for p in p_range)
    return (
        f"{said} Not resolved by these labels: whether {ahead} is preferred to {behind}, as they "
        f"may stand for counts with p from {least} to {most}; {reach}"
    )


def _written(p: float) -> str:
    if p < 0.001:
        return "< .001"
    return f"= {p:.2f}" if p >= 0.995 else f"= {p:.3f}".replace("0.", ".", 1)


def _warning(
    labels: dict[str, float], total: float, prompts: int, *, digits: int, unaccounted: int
) -> str:
    said = []
    if abs(total - 100) > 1e-9:
        where = (
            f"{unaccounted} of {prompts} prompts are in no bar"
            if unaccounted > 0
            else f"there are {-unaccounted} verdicts more than the {prompts} prompts"
        )
        why = (
            "rounding explains it"
            if abs(total - 100) <= ROUNDING * 10.0**-digits + 1e-9
            else "rounding does not explain it, so that a label is wrong: the p-values are given "
            "for either bar being it"
        )
        said.append(f"the labels sum to {total:g} %, {where}; {why}")
    for name, label in labels.items():
        if abs(100 * _count(label, prompts) / prompts - label) > 0.5 * 10.0**-digits + 1e-9:
            said.append(f"no whole number of {prompts} prompts is {label:g} % ({name})")
    return "; ".join(said)
