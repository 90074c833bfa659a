"""The planner's second opinion: the study it planned, drawn vote by vote, beside its formula.

It must not know pages; votes are drawn by `analysis.rehearsal`, the words are made here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from annotate.analysis.crowd import Crowd, crowd_for, expected_shares, expected_votes, verdict_icc
from annotate.analysis.power import design_effect, sample_size
from annotate.analysis.rehearsal import Rehearsal, expected_power, rehearse
from annotate.reports.planner import Question, StudyPlan, bill_for
from annotate.reports.tables import Cell, Column, Table
from annotate.reports.words import NONE, counted, number, percent, signed, typeset

MOST_VOTES = 10_000_000
"""Votes that a page draws at most, at the asked win rate and at 50 % each: a second or two."""
_OVERLAPS = (1, 2, 3, 5, 7)


@dataclass(frozen=True)
class Setting:
    """How prompts and annotators differ (standard deviations in logits), and what is drawn."""

    prompt_sd: float = 1.0
    annotator_sd: float = 0.3
    annotators: int = 12
    studies: int = 4000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.studies < 1 or self.seed < 0:
            raise ValueError(
                f"studies={self.studies}, seed={self.seed}; draw at least 1 study, by a seed of at "
                "least 0"
            )


@dataclass(frozen=True)
class OtherOverlap:
    """What the same annotators would say of the same prompts with more or fewer of them a pair.

    `needed` are the prompts that find `win_rate` by the formula, None where it is one half.
    """

    overlap: int
    on_demand: bool
    votes: float
    win_rate: float
    tie_rate: float
    chance: float
    needed: int | None


@dataclass(frozen=True)
class RehearsedPlan:
    """A plan and its simulation: at the asked win rate (`found`), and at 50 % (`null`)."""

    plan: StudyPlan
    setting: Setting
    found: Rehearsal
    null: Rehearsal
    others: tuple[OtherOverlap, ...]


def rehearse_plan(
    plan: StudyPlan, setting: Setting, *, most_votes: int | None = None
) -> RehearsedPlan:
    """Draw the planned study as often as asked, or as often as `most_votes` allow.

    The same plan and setting draw the same votes.

    Raises:
        ValueError: no crowd of such prompts and annotators gives the verdicts that are asked for.
    """
    q = plan.question
    studies = setting.studies
    if most_votes is not None:
        studies = max(1, min(studies, most_votes // (q.prompts * q.overlap)))
    drawn = []
    for place, win_rate in enumerate((q.win_rate, 0.5)):
        crowd = crowd_for(
            win_rate,
            tie_rate=q.tie_rate,
            prompt_sd=setting.prompt_sd,
            annotator_sd=setting.annotator_sd,
            annotators=setting.annotators,
            overlap=q.overlap,
            # The formula knows no correlation either where every prompt is alone.
            icc=q.icc if q.group_size > 1 else 0.0,
        )
        drawn.append(
            rehearse(
                crowd,
                q.prompts,
                studies=studies,
                rng=np.random.default_rng((setting.seed, place)),
                alpha=plan.alpha,
                on_demand=q.on_demand,
                group_size=q.group_size,
            )
        )
    found, null = drawn
    ways = {(k, False) for k in (*_OVERLAPS, q.overlap) if k <= setting.annotators}
    ways |= {(3, True)} if setting.annotators >= 3 else set()
    return RehearsedPlan(
        plan=plan,
        setting=setting,
        found=found,
        null=null,
        others=tuple(_asked_otherwise(plan, found.crowd, *way) for way in sorted(ways)),
    )


def _asked_otherwise(plan: StudyPlan, crowd: Crowd, overlap: int, on_demand: bool) -> OtherOverlap:
    q, crowd = plan.question, replace(crowd, overlap=overlap)
    won, lost = expected_shares(crowd)
    win_rate, tie_rate = won / (won + lost), max(0.0, 1 - won - lost)
    effect = design_effect(q.group_size, verdict_icc(crowd)) if q.group_size > 1 else 1.0
    expected = expected_power(
        crowd,
        q.prompts,
        # The same annotators for every overlap: they are to be compared.
        rng=np.random.default_rng(0),
        alpha=plan.alpha,
        group_size=q.group_size,
    )
    needed = None
    if abs(win_rate - 0.5) > 1e-6:
        needed = sample_size(
            win_rate, power=q.power, alpha=plan.alpha, tie_rate=tie_rate, design_effect=effect
        ).prompts
    return OtherOverlap(
        overlap=overlap,
        on_demand=on_demand,
        votes=expected_votes(crowd, on_demand=on_demand),
        win_rate=win_rate,
        tie_rate=tie_rate,
        chance=expected.power,
        needed=needed,
    )


def rehearsal_sentences(made: RehearsedPlan) -> tuple[str, ...]:
    """What was drawn, what came of it, and what the formula says of the same crowd."""
    q, found, null = made.plan.question, made.found, made.null
    said = [
        f"{_drawn_words(made)} {percent(found.power)} of them find {percent(q.win_rate)}, with a "
        f"Monte Carlo error of {100 * found.error:.1f} points. The formula, averaged over the "
        f"annotators that a study may get, says {percent(found.expected.power)}: simulation less "
        f"formula is {signed(found.gap)} points, with an error of {100 * found.gap_error:.1f}.",
        f"Where there is nothing to find, {percent(null.power)} of as many studies raise a false "
        f"alarm (formula {percent(null.expected.power)}).{_too_many(made)}",
        f"{percent(found.right, digits=0)} of the decided verdicts name the picture that most "
        f"people at large would prefer, with {_asked_words(q)}.",
    ]
    if q.on_demand:
        bill = bill_for(q, q.prompts, found.votes)
        said.append(
            f"A pair takes {found.votes:.2f} votes on average (formula "
            f"{expected_votes(found.crowd, on_demand=True):.2f}; "
            f"{made.plan.votes_per_pair:.2f} if all prompts were alike), so that "
            f"{counted(q.prompts, 'prompt')} take {counted(bill.votes, 'vote')} instead of "
            f"{number(bill.full)}: {number(bill.saved)} saved"
            + (f", {number(bill.reused)} of them by reuse." if bill.reused else ".")
        )
    said.append(
        "With other overlaps the same annotators would give other verdicts of the same prompts: "
        "the last table, by the formula. Prompts needed are as if annotators were alike."
    )
    return tuple(typeset(words) for words in said)


def _drawn_words(made: RehearsedPlan) -> str:
    q, setting, studies = made.plan.question, made.setting, made.found.studies
    words = f"Drawn vote by vote, seed {setting.seed}: {counted(studies, 'study', 'studies')}"
    if studies < setting.studies:
        words += f" (of {number(setting.studies)} asked for: as many as are drawn at once)"
    words += (
        f" of {counted(q.prompts, 'prompt')}, {_asked_words(q)}; "
        f"{counted(setting.annotators, 'annotator')} whose tastes differ by "
        f"{setting.annotator_sd:g} logits, and prompts by {setting.prompt_sd:g}"
    )
    if q.group_size > 1:
        words += f"; {q.group_size:g} prompts of one photo, correlated by {q.icc:g}"
    return f"{words}."


def _asked_words(q: Question) -> str:
    words = counted(q.overlap, "vote") + " a pair"
    return f"{words}, the third only where two differ" if q.on_demand else words


def _too_many(made: RehearsedPlan) -> str:
    """A warning where annotators alone raise alarms, by more than the simulation's own error."""
    null = made.null
    if made.setting.annotator_sd == 0 or null.power - 3 * null.error <= null.alpha:
        return ""
    return (
        f" That is more than the {percent(null.alpha)} of the test, as it takes annotators as "
        "given and these have tastes of their own: more annotators lower it, more prompts do not."
    )


def rehearsal_table(made: RehearsedPlan) -> Table:
    """Formula and simulation beside each other, at the asked win rate and at 50 %."""
    plan, found, null = made.plan, made.found, made.null
    cases = (found, null)
    alike, drawn = (plan.chance, plan.reach.size), [case.expected for case in cases]
    rows = (
        ("Formula, annotators all alike", [percent(share) for share in alike]),
        ("Formula, averaged over annotators", [_chance(one.power, one.error) for one in drawn]),
        ("Simulation", [_chance(case.power, case.error) for case in cases]),
        (
            "Difference of the two, points",
            [f"{signed(case.gap)} ± {100 * case.gap_error:.1f}" for case in cases],
        ),
    )
    titles = (f"Finds {percent(plan.question.win_rate)}", "False alarms at 50 %")
    return Table(
        label=f"Formula and {counted(found.studies, 'simulated study', 'simulated studies')}",
        columns=(Column("Chance", numeric=False), *(Column(title) for title in titles)),
        rows=tuple(
            (
                Cell(name, numeric=False),
                *(Cell(text, strong=name == "Simulation") for text in texts),
            )
            for name, texts in rows
        ),
    )


def _chance(share: float, error: float) -> str:
    return f"{percent(share)} ± {100 * error:.1f}" if error else percent(share)


def overlaps_table(made: RehearsedPlan) -> Table:
    """The same annotators and prompts, asked by other overlaps: what verdicts they would give."""
    q = made.plan.question
    titles = (
        "Votes a pair",
        "Win rate",
        "Ties",
        f"{number(q.prompts)} prompts find it",
        f"Prompts for {percent(q.power, digits=0)}",
        "Votes for them",
    )
    rows = []
    for other in made.others:
        asked = (other.overlap, other.on_demand) == (q.overlap, q.on_demand)
        way = replace(q, overlap=other.overlap, on_demand=other.on_demand)
        votes = bill_for(way, other.needed or 0, other.votes).votes
        name = "3, the third on demand" if other.on_demand else str(other.overlap)
        texts = (
            f"{other.votes:.2f}",
            percent(other.win_rate),
            percent(other.tie_rate),
            percent(other.chance),
            NONE if other.needed is None else number(other.needed),
            NONE if other.needed is None else number(votes),
        )
        rows.append((Cell(name, numeric=False), *(Cell(text, strong=asked) for text in texts)))
    return Table(
        label="The same crowd with other overlaps",
        columns=(Column("Annotators a pair", numeric=False), *(Column(title) for title in titles)),
        rows=tuple(rows),
    )
