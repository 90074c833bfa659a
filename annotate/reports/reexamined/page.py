"""The re-examination laid out for reading: findings as titles, figures, tables, and claims.

It must not compute or know files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from annotate.analysis.diversity import Attribute
from annotate.reports.figures import Interval, forest, side_intervals
from annotate.reports.laboratory_page import LabPage, lay_out_laboratory
from annotate.reports.laboratory_tables import states_table
from annotate.reports.plates import Plate
from annotate.reports.reexamined import tables
from annotate.reports.reexamined.claims import Claim, claims
from annotate.reports.reexamined.figures import (
    ceiling_figure,
    convergence_figure,
    distance_figure,
)
from annotate.reports.reexamined.findings import Findings, Preference
from annotate.reports.reexamined.names import brief, label, short
from annotate.reports.reexamined.replicas import STANDS_FOR
from annotate.reports.tables import Table
from annotate.reports.words import coefficient, counted, percent, typeset

SIMULATED = (
    "Every verdict was given by a program: the exact judge of the small world, and majorities of "
    "three simulated annotators who err. This says what holds in this world, nothing about people."
)


@dataclass(frozen=True)
class Section:
    """A heading with its figures, their notes and the numbers beneath."""

    name: str
    title: str
    plates: tuple[Plate, ...] = ()
    halves: tuple[Plate, ...] = ()
    notes: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class ReexaminedPage:
    headline: str
    standfirst: str
    simulated: str
    facts: tuple[tuple[str, str], ...]
    claims: tuple[Claim, ...]
    sections: tuple[Section, ...]
    tried: tuple[str, ...]
    laboratory: LabPage

    @property
    def tables(self) -> tuple[Table, ...]:
        """Every section's, in the order of the page."""
        return tuple(table for section in self.sections for table in section.tables)


def lay_out(found: Findings, *, tried: tuple[str, ...]) -> ReexaminedPage:
    """The page of the findings; `tried` is said as it stands."""
    said = tuple(claims(found))
    held = sum(claim.verdict == "holds" for claim in said)
    against = sum(claim.verdict == "the contrary holds" for claim in said)
    lab = lay_out_laboratory(found.laboratory)
    return ReexaminedPage(
        headline=typeset(
            f"{held} of {counted(len(said), 'claim')} hold in this world; of {against} the "
            "contrary is shown."
        ),
        standfirst=typeset(
            f"{label(found.chosen_student)} and the adaptive arms built on it against "
            f"{label('teacher')} at its own tuned guidance, on {found.n:,} held-out prompts, "
            "judged by a judge that cannot err."
        ),
        simulated=SIMULATED,
        facts=(
            ("Held-out prompts", f"{found.n:,}"),
            ("tau", f"{found.tau:.3f}"),
            ("Budgets, mean steps", ", ".join(str(budget) for budget in found.budgets)),
            ("Arms", str(len(found.arms))),
        ),
        claims=said,
        sections=tuple(_sections(found, lab)),
        tried=tried,
        laboratory=lab,
    )


def _sections(found: Findings, lab: LabPage) -> Iterator[Section]:
    against = found.against_teacher
    yield Section(
        "teacher",
        "Every arm against the teacher",
        plates=(_forest(against, "Win rate against the teacher at 50 steps, ties dropped"),),
        notes=(
            "Wilson 95 % intervals, exact sign tests, Holm over all arms against the teacher.",
            "The null arm is the teacher from another seed: it must stand at one half.",
            "UniPC starts from the teacher's own noise, so many of its pictures tie.",
        ),
        tables=(
            tables.preferences_table(against, "Verdicts against the teacher, exact judge"),
            tables.arms_table(found),
        ),
    )
    yield Section(
        "equal",
        "At an equal budget",
        plates=(_forest(found.direct, "Win rate of the first method, ties dropped"),),
        notes=("A Holm family of their own.",),
        tables=(tables.preferences_table(found.direct, "Methods against each other, exact judge"),),
    )
    if found.convergence:
        yield Section(
            "threshold",
            "How many prompts the threshold needs",
            plates=(
                Plate(
                    "Threshold by number of tuning prompts",
                    "tau ± its standard deviation over sets of prompts",
                    convergence_figure(found.convergence, alt="tau by number of tuning prompts"),
                    "Prompts drawn with replacement from the tuning prompts.",
                ),
            ),
            tables=(tables.convergence_table(found),),
        )
    yield Section(
        "oracle",
        "A better oracle (Figure 16)",
        plates=(lab.curve,),
        notes=lab.curve_notes,
        tables=(lab.curve_table, states_table(found.laboratory), tables.chosen_table(found)),
    )
    if lab.policy is not None:
        yield Section(
            "policy",
            "What every cut-off would have given",
            plates=(lab.policy,),
            notes=(*lab.policy_notes, "Every k of every score stands in figure-16/policy.csv."),
        )
    if found.ceilings:
        yield _open_question(found)
    yield Section(
        "distance",
        "Distance from the teacher and preference",
        plates=(
            Plate(
                "Share of wins by distance from the teacher's picture",
                _rhos(found),
                distance_figure(found.distances, alt="Share of wins by distance"),
                "Root mean square of pixel differences, 0 to 1; both start from the same noise. "
                "This world's latents are its pixels. Bars: Wilson 95 %.",
            ),
        ),
        tables=(tables.distances_table(found),),
    )
    yield Section(
        "diversity",
        "Diversity (Figure 17)",
        halves=tuple(_diversity(found)),
        notes=(
            "Two pictures of one prompt by one method from different noise; the judge's reading of "
            "both says same or different. A prompt counts for an attribute only where its caption "
            "leaves it open and the judge can tell it in both.",
            "Paper to world: "
            + "; ".join(f"{str(a).replace('_', ' ')} is {STANDS_FOR[a]}" for a in Attribute)
            + ".",
        ),
        tables=(tables.diversity_table(found),),
    )


def _open_question(found: Findings) -> Section:
    perfect, real = found.ceilings[0], found.ceilings[-1]
    return Section(
        "open-question",
        "Perfect on pairs, and without a reference (D.4)",
        plates=(
            Plate(
                f"Agreement of {percent(perfect.agreement.value)} on pairs gives "
                f"{percent(perfect.best.value)} right decisions without a reference",
                "Decisions right against the ideal label, by agreement on pairs. Simulated votes",
                ceiling_figure(
                    found.degradation, real, alt="Decisions right by agreement on pairs"
                ),
                "The judge's own number with normal noise, 20 seeds; band: 95 % over prompts and "
                "seeds of the best k, which is chosen on other folds.",
            ),
        ),
        notes=(
            "Agreement on pairs compares two pictures of one prompt; a cut compares pictures of "
            "different prompts. A level of its own for each prompt leaves the first as it is and "
            "spoils the second.",
            "At a fixed k no decisions can be more often right than the column “most possible”.",
        ),
        tables=(tables.ceilings_table((*found.ceilings, *found.degradation)),),
    )


def _forest(found: tuple[Preference, ...], title: str) -> Plate:
    names = {each.opponent for each in found}
    one = len(names) == 1
    rows = [
        Interval(
            label=short(each.arm) if one else f"{short(each.arm)} / {short(each.opponent)}",
            estimate=each.rate.estimate,
            low=each.rate.low,
            high=each.rate.high,
            n=each.rate.n,
            main=each.arm.startswith(("refine-", "regenerate-")) and "all" not in each.arm,
        )
        for each in found
    ]
    figure = forest(
        rows,
        toward_a="Arm" if one else "First",
        toward_b=label(found[0].opponent) if one else "Second",
        measure="Win rate",
        alt=title,
    )
    note = "Bold: adaptive arms. Squares grow with the number of decided prompts."
    return Plate(title, "Exact judge, one verdict per prompt. Simulated votes", figure, note)


def _diversity(found: Findings) -> Iterator[Plate]:
    for attribute in found.diversity_chance:
        rows = [
            Interval(brief(each.method), each.estimate, each.low, each.high, each.prompts)
            for each in found.diversity
            if each.attribute == attribute
        ]
        title = STANDS_FOR[Attribute(attribute)].split(",")[0].capitalize()
        chance = found.diversity_chance[attribute]
        yield Plate(
            title,
            "Pairs that differ, %",
            side_intervals(rows, alt=f"Diversity in {title.lower()}"),
            f"Two scenes drawn by the renderer differ in {percent(chance, digits=0)}.",
        )


def _rhos(found: Findings) -> str:
    words = []
    for each in found.distances:
        if each.rho is None or each.low is None or each.high is None:
            words.append(f"{each.name}: never varies")
            continue
        words.append(
            f"{each.name}: Spearman {coefficient(each.rho)} "
            f"[{coefficient(each.low)}, {coefficient(each.high)}]"
        )
    return "; ".join(words)
