"""How large a study has to be: prompts, votes, hours and money for a question, before a launch.

It must not know studies or pages; the chances are `analysis.power`, the words are made here too.
"""

from __future__ import annotations

from dataclasses import dataclass

from annotate.analysis.crowd import check_on_demand
from annotate.analysis.power import (
    Resolution,
    SampleSize,
    design_effect,
    exact_power,
    exact_powers,
    on_demand_votes,
    resolution,
    sample_size,
)
from annotate.reports.canvas import NARROW, WIDE, Figure, Svg
from annotate.reports.charts import Axis, Chart, Margins, round_ticks
from annotate.reports.tables import Cell, Column, Table
from annotate.reports.words import counted, number, percent, typeset

PUBLISHED = 600
"""Prompts of each of the paper's preference studies."""
_SIZES = (100, 200, 300, 400, 600, 800, 1000, 1500, 2000)


@dataclass(frozen=True)
class Question:
    """What is to be found out, and how it is asked. Rates are shares in [0, 1].

    `shared` is the share of pairs whose answer another contrast already has, because their pictures
    are equal by content. `group_size` prompts share a photo, with intraclass correlation `icc`.
    """

    win_rate: float = 0.56
    prompts: int = PUBLISHED
    tie_rate: float = 0.16
    power: float = 0.8
    alpha: float = 0.05
    contrasts: int = 1
    overlap: int = 3
    on_demand: bool = False
    shared: float = 0.0
    group_size: float = 1.0
    icc: float = 0.0
    seconds: float = 15.0
    hourly: float = 0.0

    def __post_init__(self) -> None:
        if self.contrasts < 1 or self.overlap < 1:
            raise ValueError(
                f"contrasts={self.contrasts}, overlap={self.overlap}; give at least one of each"
            )
        if not 0 <= self.shared < 1:
            raise ValueError(f"shared={self.shared:g}; give a share of at least 0 and below 1")
        if not self.seconds > 0 or self.hourly < 0:
            raise ValueError(
                f"seconds={self.seconds:g}, hourly={self.hourly:g}; a vote takes time, and pay is "
                "at least 0"
            )
        if self.on_demand:
            check_on_demand(self.overlap)
        if not 1 <= self.prompts <= 100_000:
            raise ValueError(f"prompts={self.prompts}; give a number from 1 to 100,000")


@dataclass(frozen=True)
class Bill:
    """What a number of prompts costs in votes, hours and money, and the votes it is spared.

    `reused` votes are not asked as another contrast has the answer, `on_demand` ones as the first
    two of three agree; votes + reused + on_demand is every annotator asked of every pair.
    """

    prompts: int
    votes: int
    reused: int
    on_demand: int
    hours: float
    cost: float

    @property
    def full(self) -> int:
        """The votes if nothing were saved."""
        return self.votes + self.saved

    @property
    def saved(self) -> int:
        return self.reused + self.on_demand


@dataclass(frozen=True)
class StudyPlan:
    """The answer to a question.

    `alpha` is the level of each contrast: the question's divided by their number, which is what the
    smallest p-value of a Holm family has to reach. `test` is what `power.exact_power` has to know
    of the test, prompts and win rate apart. `votes_per_pair` is the overlap, or less on
    demand. `needed` finds the win rate; `reach` is what the given prompts can tell; `chance` is
    their power at the win rate.
    """

    question: Question
    alpha: float
    test: dict[str, float]
    votes_per_pair: float
    needed: SampleSize
    needed_bill: Bill
    bill: Bill
    reach: Resolution
    chance: float
    published: Resolution
    published_chance: float


def plan_study(question: Question) -> StudyPlan:
    """Work out a plan.

    Raises:
        ValueError: a number lies outside its range, or the win rate is one half.
    """
    q = question
    effect = design_effect(q.group_size, q.icc)
    alpha = q.alpha / q.contrasts
    needed = sample_size(
        q.win_rate, power=q.power, alpha=alpha, tie_rate=q.tie_rate, design_effect=effect
    )
    each = votes_per_pair(q)

    test = {
        "alpha": alpha,
        "tie_rate": q.tie_rate,
        "design_effect": effect,
        "group_size": q.group_size,
    }
    return StudyPlan(
        question=q,
        alpha=alpha,
        test=test,
        votes_per_pair=each,
        needed=needed,
        needed_bill=bill_for(q, needed.prompts, each),
        bill=bill_for(q, q.prompts, each),
        reach=resolution(q.prompts, power=q.power, **test),
        chance=exact_power(q.win_rate, q.prompts, **test),
        published=resolution(PUBLISHED, power=q.power, **test),
        published_chance=exact_power(q.win_rate, PUBLISHED, **test),
    )


def votes_per_pair(question: Question) -> float:
    """The overlap; on demand 2 + P(the first two differ).

    Single votes are taken to be as the verdicts imply when all prompts are alike. Real prompts
    differ, so that the first two votes agree more often: an upper bound.
    """
    if not question.on_demand:
        return float(question.overlap)
    decided = 1 - question.tie_rate
    win = _single(decided * question.win_rate)
    loss = _single(decided * (1 - question.win_rate))
    return on_demand_votes(win, max(0.0, 1 - win - loss), loss)


def _single(verdicts: float) -> float:
    """The share q of votes whose majority of three is `verdicts` = q^2 (3 - 2 q), by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if middle**2 * (3 - 2 * middle) < verdicts else (low, middle)
    return (low + high) / 2


def bill_for(question: Question, prompts: int, each: float) -> Bill:
    """The bill of so many prompts where a pair takes `each` votes on average."""
    pairs = prompts * question.contrasts
    asked = pairs * (1 - question.shared)
    votes, without_reuse = round(asked * each), pairs * question.overlap
    full = round(asked * question.overlap)
    hours = votes * question.seconds / 3600
    return Bill(
        prompts=prompts,
        votes=votes,
        reused=without_reuse - full,
        on_demand=full - votes,
        hours=hours,
        cost=hours * question.hourly,
    )


def plan_sentences(plan: StudyPlan) -> tuple[str, ...]:
    """The answer in sentences: what is needed, what is there, what the published n can tell."""
    q, n = plan.question, plan.needed
    odds = f"with a chance of {percent(q.power, digits=0)}"
    said = [
        f"To find a win rate of {percent(q.win_rate)} {odds} takes {counted(n.prompts, 'prompt')} "
        f"for each contrast, of which {number(n.decided)} decided ones: "
        f"{_costs(plan, plan.needed_bill)}.",
        f"{counted(q.prompts, 'prompt')}{', as in the paper,' if q.prompts == PUBLISHED else ''} "
        f"find it with a chance of {percent(plan.chance)}; "
        f"{_finds(plan.reach, odds)}. They take {_costs(plan, plan.bill)}.",
    ]
    if q.prompts != PUBLISHED:
        said.append(
            f"The paper's {PUBLISHED} prompts would find {percent(q.win_rate)} with a chance of "
            f"{percent(plan.published_chance)}; {_finds(plan.published, odds)}."
        )
    return tuple(typeset(words) for words in said)


def _finds(reach: Resolution, odds: str) -> str:
    if reach.win_rate is None:
        return "they cannot find any difference that surely"
    return (
        f"{odds} they find win rates of {percent(reach.win_rate)} and more, or "
        f"{percent(1 - reach.win_rate)} and less; what lies between stays open"
    )


def _costs(plan: StudyPlan, bill: Bill) -> str:
    words = counted(bill.votes, "vote")
    if bill.on_demand:
        words = f"at most {words}"
    if bill.saved:
        words += f" instead of {number(bill.full)} ({_saved(bill)})"
    words += f", {bill.hours:,.1f} annotator hours"
    return f"{words}, {bill.cost:,.2f} in pay" if plan.question.hourly else words


def _saved(bill: Bill) -> str:
    """Which votes are spared: "1,200 saved by reuse, at least 230 by asking a third on demand"."""
    ways = ((bill.reused, "", "reuse"), (bill.on_demand, "at least ", "asking a third on demand"))
    spared = [(f"{least}{number(votes)}", way) for votes, least, way in ways if votes]
    first, *others = spared
    return ", ".join([f"{first[0]} saved by {first[1]}", *(f"{n} by {way}" for n, way in others)])


def plan_table(plan: StudyPlan) -> Table:
    """Study sizes beside each other: what they find, and what they cost."""
    q = plan.question
    sizes = sorted({*_SIZES, q.prompts, plan.needed.prompts})
    columns = ["Prompts", "Finds from", "Chance at the asked rate", "Half-width at 50 %"]
    saves = plan.bill.saved > 0
    columns += ["Votes", *(["Saved"] if saves else []), "Hours", *(["Pay"] if q.hourly else [])]
    rows = []
    for prompts in sizes:
        reach = resolution(prompts, power=q.power, **plan.test)
        chance = exact_power(q.win_rate, prompts, **plan.test)
        bill = bill_for(q, prompts, plan.votes_per_pair)
        row = [
            number(prompts),
            percent(reach.win_rate),
            percent(chance),
            f"{100 * reach.half_width:.1f}",
            number(bill.votes),
            *([number(bill.saved)] if saves else []),
            f"{bill.hours:,.1f}",
        ]
        row += [f"{bill.cost:,.2f}"] if q.hourly else []
        chosen = prompts in (q.prompts, plan.needed.prompts)
        rows.append(
            tuple(
                Cell(text, numeric=place > 0, strong=chosen and place > 0)
                for place, text in enumerate(row)
            )
        )
    return Table(
        label=f"What studies of other sizes find with a chance of {percent(q.power, digits=0)}",
        columns=tuple(Column(name, numeric=i > 0) for i, name in enumerate(columns)),
        rows=tuple(rows),
    )


def power_figure(plan: StudyPlan, *, alt: str) -> Figure:
    """The chance to find each win rate with the prompts given, and with the published number."""
    return Figure(
        wide=_power(plan, WIDE, kind="plot plot-wide", alt=alt),
        narrow=_power(plan, NARROW, kind="plot plot-narrow", alt=alt),
    )


def _power(plan: StudyPlan, width: float, *, kind: str, alt: str) -> Svg:
    q, wide = plan.question, width == WIDE
    top = max(0.65, q.win_rate, 1 - q.win_rate, plan.reach.win_rate or 0.5)
    ticks = round_ticks(0.5, min(1.0, top), most=6 if wide else 5)
    high = min(1.0, ticks[-1])
    chart = Chart(
        width,
        320 if wide else 290,
        x=Axis(
            0.5, high, tuple(t for t in ticks if 0.5 <= t <= high), "True win rate, ties dropped"
        ),
        y=Axis(0, 1, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        kind=kind,
        alt=alt,
        margins=Margins(right=118 if wide else 10, top=16, bottom=48),
    )
    chart.canvas.line(chart.left, chart.y(q.power), chart.right, chart.y(q.power), "s-half")
    x = [0.5 + (high - 0.5) * i / 60 for i in range(61)]
    sizes = [q.prompts] if q.prompts == PUBLISHED else [q.prompts, PUBLISHED]
    for place, prompts in enumerate(sizes):
        y = exact_powers(x, prompts, **plan.test)
        chart.line(x, y, f"line-ink line-{place + 1}")
        chart.end_label(y[-1], counted(prompts, "prompt"), "t-s t-b" if place == 0 else "t-s")
    asked = max(q.win_rate, 1 - q.win_rate)
    chart.dot(asked, plan.chance, "mark mark-1")
    return chart.svg(inside=not wide)
