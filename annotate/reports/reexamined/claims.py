"""Which claims of the paper hold in this world: a rule for each, applied to the numbers.

It must not compute: it is given preferences and estimates with intervals, and says what follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from annotate.analysis.ceiling import Ceiling
from annotate.analysis.diversity import Attribute, DiversityDifference
from annotate.analysis.oracle_state import Estimate
from annotate.reports.reexamined.choices import STRATEGIES, Chosen
from annotate.reports.reexamined.findings import Findings, Preference
from annotate.reports.reexamined.names import label
from annotate.reports.reexamined.replicas import STANDS_FOR
from annotate.reports.words import bracket, coefficient, p_equation, percent

Verdict = Literal["holds", "not shown", "the contrary holds"]
LEVEL = 0.05
# Of the scores' standard deviation: by how much tau may still move and be called settled.
SETTLED = 0.1
SETTLED_AT = 500
# Methods are alike where the whole interval of their difference is within so many shares.
ALIKE = 0.15


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper, what the numbers say of it here, and the numbers."""

    where: str
    says: str
    verdict: Verdict
    numbers: str

    def __str__(self) -> str:
        return f"[{self.verdict}] {self.where}: {self.says}. {self.numbers}"


def beats(where: str, says: str, found: Preference) -> Claim:
    """Holds where the first arm wins more often than it loses, by Holm's p and the interval."""
    rate = found.rate
    verdict: Verdict = "not shown"
    if rate.low is not None and rate.high is not None and found.adjusted_p < LEVEL:
        if rate.low > 0.5:
            verdict = "holds"
        elif rate.high < 0.5:
            verdict = "the contrary holds"
    numbers = (
        f"{label(found.arm)} wins {rate.wins}, ties {rate.ties}, loses {rate.losses} against "
        f"{label(found.opponent)}: win rate {percent(rate.estimate)} "
        f"{bracket(rate.low, rate.high)}, Holm {p_equation(found.adjusted_p)}."
    )
    return Claim(where, says, verdict, numbers)


def above_zero(where: str, says: str, found: Estimate, *, of: str) -> Claim:
    """Holds where a whole interval of a difference (of shares) lies above 0."""
    verdict: Verdict = "not shown"
    if found.low > 0:
        verdict = "holds"
    elif found.high < 0:
        verdict = "the contrary holds"
    return Claim(where, says, verdict, f"{of}: {points(found)}.")


def settled(found: Findings) -> Claim | None:
    """Whether 500 prompts settle tau, to a tenth of the scores' deviation."""
    row = next((row for row in found.convergence if row.prompts == SETTLED_AT), None)
    if row is None or not found.score_deviation:
        return None
    share = row.spread_prompts / found.score_deviation
    return Claim(
        "Table 2",
        f"{SETTLED_AT} prompts are sufficient for the threshold to converge",
        "holds" if share <= SETTLED else "the contrary holds",
        f"with {SETTLED_AT} prompts tau is {row.threshold:.3f} ± {row.spread_prompts:.3f} over "
        f"prompts, {share:.2f} of the scores' standard deviation (settled: at most {SETTLED:g}).",
    )


def claims(found: Findings) -> list[Claim]:
    """Every claim that this world can speak to, in the order of the paper."""
    return [*_preferences(found), *_distance(found), *_oracle(found), *_diversity(found)]


def _preferences(found: Findings) -> Iterator[Claim]:
    against = {each.arm: each for each in found.against_teacher}
    direct = {(each.arm, each.opponent): each for each in found.direct}
    student = found.chosen_student
    yield above_zero(
        "Section 3",
        "the student's sample is preferred to the teacher's as often as another sample of the "
        "teacher would be, or more often",
        found.fewer_wins_than_null,
        of=f"share of wins, {label(student)} minus {label('teacher-null')}",
    )
    for budget in found.budgets:
        for strategy in STRATEGIES:
            arm = f"{strategy}-{budget}"
            yield beats(
                "Figure 9a",
                f"{_adaptive(arm)} is preferred to 50 steps of the teacher",
                against[arm],
            )
    for budget in found.budgets:
        for strategy in STRATEGIES:
            arm = f"{strategy}-{budget}"
            yield beats(
                "Figure 9b",
                f"{_adaptive(arm)} is preferred to as many steps of a fast solver for all",
                direct[arm, f"unipc-{budget}"],
            )
    for budget in found.budgets:
        yield beats(
            "Figure 9c",
            f"choosing what to refine is preferred to refining all at the mean budget {budget}",
            direct[f"refine-{budget}", f"refine-all-{budget}"],
        )
    for (arm, opponent), each in direct.items():
        if arm.startswith("student-") and opponent.startswith("control-"):
            yield beats(
                "Section 3",
                f"distillation beats the undistilled network in this sampler, {label(arm)}",
                each,
            )


def _distance(found: Findings) -> Iterator[Claim]:
    for each in found.distances:
        if each.rho is None or each.low is None or each.high is None:
            continue
        verdict: Verdict = "not shown"
        if each.low > 0:
            verdict = "holds"
        elif each.high < 0:
            verdict = "the contrary holds"
        yield Claim(
            "Section 3",
            f"the further a sample lies from the teacher's, the better its verdict, {each.name}",
            verdict,
            f"Spearman {coefficient(each.rho)} [{coefficient(each.low)}, "
            f"{coefficient(each.high)}] on {each.n} prompts.",
        )


def _oracle(found: Findings) -> Iterator[Claim]:
    for gap in found.fully_right:
        yield above_zero(
            "Section 4",
            f"{_adaptive(gap.arm)} is more often fully right than {label(gap.opponent).lower()}",
            gap.gap,
            of="share of prompts fully right, difference",
        )
    for each in found.chosen:
        yield above_zero(
            "Section 4",
            f"the estimator's choice beats drawing lots ({_budget(each)})",
            each.over_lots,
            of=f"score, chosen minus mean of {each.seeds} lotteries of as many samples",
        )
    for each in found.chosen:
        yield above_zero(
            "Figure 16",
            f"an oracle right on 75 % of prompts brings a gain over the present ({_budget(each)})",
            each.oracle_75_gain,
            of=(
                f"score {percent(each.oracle_75.value)} instead of "
                f"{percent(each.estimator.value)} at the present accuracy of "
                f"{percent(each.accuracy.value)}, difference"
            ),
        )
    table = settled(found)
    if table is not None:
        yield table
    yield from (_open_question(each) for each in found.ceilings[:1])


def _open_question(each: Ceiling) -> Claim:
    """D.4: perfect on pairs, does its cut do better than the answer that needs no picture?"""
    verdict: Verdict = "not shown"
    if each.best.low > each.usual:
        verdict = "holds"
    elif each.best.high < each.usual:
        verdict = "the contrary holds"
    return Claim(
        "D.4, open in the paper",
        "an estimator that agrees perfectly on pairs decides without a reference better than the "
        "commoner answer alone",
        verdict,
        f"agreement on pairs {percent(each.agreement.value)}, decisions at its best k "
        f"{percent(each.best.value)} {bracket(each.best.low, each.best.high)}; always the commoner "
        f"answer {percent(each.usual)}.",
    )


def _diversity(found: Findings) -> Iterator[Claim]:
    student, teacher = label(found.chosen_student), label("teacher")
    for each in found.diversity_differences:
        pair = {each.first, each.second}
        if pair == {student, teacher}:
            yield _difference(
                each,
                first=student,
                says=f"the student is as diverse as the teacher, {_attribute(each)}",
                equal=True,
            )
    least = min(found.budgets)
    for strategy in reversed(STRATEGIES):
        name = f"{strategy}-{least}"
        arm = label(name)
        for each in found.diversity_differences:
            if {each.first, each.second} == {arm, student}:
                yield _difference(
                    each,
                    first=arm,
                    says=f"{_adaptive(name)} is more diverse than its student, {_attribute(each)}",
                    equal=False,
                )


def _difference(each: DiversityDifference, *, first: str, says: str, equal: bool) -> Claim:
    sign = 1 if each.first == first else -1
    ends = sorted((sign * each.low, sign * each.high))
    value = Estimate(sign * each.estimate, ends[0], ends[1])
    other = each.second if sign == 1 else each.first
    found = above_zero(
        "Figure 17",
        says.replace("_", " "),
        value,
        of=f"{first} minus {other}, {each.prompts} prompts",
    )
    shown = each.adjusted_p < LEVEL
    verdict: Verdict = found.verdict if shown else "not shown"
    if equal and verdict != "the contrary holds":
        verdict = "holds" if max(abs(value.low), abs(value.high)) <= ALIKE else "not shown"
    numbers = f"{found.numbers[:-1]}, Holm {p_equation(each.adjusted_p)}."
    return Claim(found.where, found.says, verdict, numbers)


def _attribute(each: DiversityDifference) -> str:
    """What was compared here, for which attribute of the paper."""
    attribute = Attribute(each.attribute)
    own, paper = STANDS_FOR[attribute].split(",")[0], str(attribute).replace("_", " ")
    return own if own == paper else f"{own} (for {paper})"


def points(found: Estimate) -> str:
    """A difference of shares in percentage points with its interval."""

    def signed(value: float) -> str:
        return f"{'−' if value < -0.0005 else '+'}{abs(100 * value):.1f}"

    return f"{signed(found.value)} points [{signed(found.low)}, {signed(found.high)}]"


def claims_text(found: Sequence[Claim], tried: Sequence[str]) -> str:
    """The claims by what became of them, then what was tried; for people and for a file."""
    lines = []
    headings: tuple[tuple[Verdict, str], ...] = (
        ("holds", "Holds in this world"),
        ("the contrary holds", "Does not hold: the contrary is shown"),
        ("not shown", "Not shown either way"),
    )
    for verdict, heading in headings:
        own = [claim for claim in found if claim.verdict == verdict]
        lines += [f"{heading} ({len(own)} of {len(found)})", ""]
        lines += [f"- {claim.where}: {claim.says}.\n  {claim.numbers}" for claim in own]
        lines.append("" if own else "- none\n")
    lines += ["What was tried", "", *(f"- {each}" for each in tried)]
    return "\n".join(lines) + "\n"


def _budget(each: Chosen) -> str:
    return _adaptive(f"{each.strategy}-{each.budget}")


def _adaptive(arm: str) -> str:
    kind, _, budget = label(arm).partition(", ")
    return f"{kind.lower()} at {budget} mean steps"
