"""The page of a diversity study in words, figure and tables.

It must not compute (diversity_report does) nor know files (diversity_files does).
"""

from dataclasses import dataclass

from annotate.analysis.diversity import OVERALL, Attribute, DiversityScore
from annotate.reports.diversity_figures import score_bars
from annotate.reports.diversity_report import DiversityReport
from annotate.reports.figures import Interval
from annotate.reports.peeking import NO_TESTS
from annotate.reports.plates import Plate, Section
from annotate.reports.recipe_tables import recipe_sections
from annotate.reports.recipe_words import recipe_words
from annotate.reports.sentences import grown
from annotate.reports.tables import Cell, Column, Table
from annotate.reports.withheld import without_tests
from annotate.reports.words import confidence, counted, number, p_value, typeset

WORDS = {
    OVERALL: "Overall",
    Attribute.ANGLE: "Angle of view",
    Attribute.BACKGROUND: "Background",
    Attribute.OBJECT: "Main object",
    Attribute.STYLE: "Style",
}


@dataclass(frozen=True)
class DiversityPage:
    """Everything on the page that comes from its numbers."""

    headline: str
    standfirst: str
    facts: tuple[tuple[str, str], ...]
    simulated: str
    sections: tuple[Section, ...]


def lay_out(report: DiversityReport) -> DiversityPage:
    """The page of a report; without a vote it has words only."""
    simulated = ""
    if report.simulated:
        simulated = (
            f"{number(report.simulated)} of {counted(report.votes, 'vote')} were cast by programs. "
            "The numbers show that the study works; they say nothing about the pictures."
        )
    page = DiversityPage(
        headline=typeset(headline(report)),
        standfirst=typeset(
            f"{counted(report.votes, 'vote')} on {counted(report.pairs, 'pair')} by "
            f"{counted(report.annotators, 'annotator')}. 0: all pairs look the same; 1: all differ "
            "clearly."
        ),
        facts=_facts(report),
        simulated=simulated,
        sections=(
            *((_scores(report),) if report.votes else ()),
            *((_differences(report),) if report.differences else ()),
            *((_controls(report),) if report.votes and _anchored(report) else ()),
            *recipe_sections(report.recipes),
            Section("methods", "Methods", paragraphs=tuple(map(typeset, methods(report)))),
        ),
    )
    return without_tests(page) if report.tests_withheld else page


def why_withheld(report: DiversityReport) -> str:
    """Why no p-value stands there, and what to wait for; empty where p-values stand."""
    if not report.tests_withheld:
        return ""
    wait = "waits" if report.waiting == 1 else "wait"
    return (
        f"{NO_TESTS}. They stand here when every pair has its votes "
        f"({counted(report.waiting, 'pair')} still {wait}) or the study is closed; until then "
        "intervals are those of a running study."
    )


def _facts(report: DiversityReport) -> tuple[tuple[str, str], ...]:
    sets = f", from {', '.join(report.prompt_sets)}" if report.prompt_sets else ""
    protocol = report.protocol
    grouped = f", in {counted(report.groups, 'group')}" if report.groups < report.prompts else ""
    return (
        ("Prompts", f"{number(report.prompts)}{grouped}{sets}"),
        ("Votes", f"{number(report.votes)} by {counted(report.annotators, 'annotator')}"),
        ("Protocol", f"Diversity, {protocol.overlap} per pair, {protocol.attribute_levels} levels"),
    )


def methods(report: DiversityReport) -> list[str]:
    """How the numbers were made, in paragraphs for a paper."""
    protocol = report.protocol
    levels = " and ".join(("same (0)", "different (1)"))
    if protocol.attribute_levels > 2:
        levels = f"{protocol.attribute_levels} levels from same (0) to clearly different (1)"
    said = [
        "Annotators saw two pictures that one method made of one prompt from different noise, side "
        f"by side, and said how much they differ in angle of view, background, main object and "
        f"style: {levels}, or “cannot judge”, which is counted and left out. Methods were not "
        "named and came in one shuffled order; every pair was asked of "
        f"{counted(protocol.overlap, 'annotator')}, pairs of equal pictures included.",
        "A method’s score on an attribute is the mean over prompts of the mean of a prompt’s "
        f"votes; overall is the mean of the four. Intervals ({confidence(protocol.confidence)}) "
        f"are percentiles of a bootstrap over {_unit(report)}. Differences between methods are "
        "paired by prompt and tested by sign flips, with Holm’s correction over attributes and "
        "pairs of methods.",
    ]
    if protocol.control_rate:
        said.append(
            f"Controls, {100 * protocol.control_rate:g} % of the pairs, anchor the scale: a "
            "picture beside itself, and pictures of two prompts. They enter no score."
        )
    if report.tests_withheld:
        said.append(why_withheld(report))
    said += recipe_words(report.recipes, seed=protocol.seed)
    said += grown(report.protocols, what="vote")
    if report.simulated:
        said.append(
            f"{number(report.simulated)} of {counted(report.votes, 'vote')} were cast by programs."
        )
    return said


def headline(report: DiversityReport) -> str:
    """Most and least varied method overall, with what the tests say of the two."""
    ranked = [s for s in _named(report, OVERALL) if s.estimate is not None]
    ranked.sort(key=lambda s: -(s.estimate or 0))
    if not ranked:
        return "No pair has been judged on all four attributes yet."
    first, last = ranked[0], ranked[-1]
    level = confidence(report.protocol.confidence)
    if len(ranked) == 1:
        return f"{report.labels[first.method]} scores {_spoken(first, level)} for diversity."
    if first.estimate == last.estimate:
        return f"All {len(ranked)} methods score {first.estimate:.2f} for diversity."
    if report.tests_withheld:
        return (
            f"So far {report.labels[first.method]} is the most varied at {_spoken(first, level)}, "
            f"{report.labels[last.method]} the least at {_spoken(last)}. The study is running."
        )
    found = [
        d.adjusted_p
        for d in report.differences
        if {d.first, d.second} == {first.method, last.method}
    ]
    apart = sum(p < 1 - report.protocol.confidence for p in found)
    return (
        f"{report.labels[first.method]} is the most varied at {_spoken(first, level)}, "
        f"{report.labels[last.method]} the least at {_spoken(last)}; they differ on {apart} of "
        f"{len(found)} attributes."
    )


def _named(report: DiversityReport, attribute: str) -> list[DiversityScore]:
    order = list(report.labels)
    mine = [s for s in report.scores if s.attribute == attribute]
    return sorted(mine, key=lambda s: order.index(s.method))


def score_words(score: DiversityScore) -> str:
    """The score with its interval, a dash where nothing could be counted."""
    if score.estimate is None or score.low is None or score.high is None:
        return "–"
    return f"{score.estimate:.2f} [{score.low:.2f}, {score.high:.2f}]"


def _spoken(score: DiversityScore, level: str = "") -> str:
    """The same for sentences: "0.37, 95 % interval 0.31 to 0.43"."""
    if score.estimate is None or score.low is None or score.high is None:
        return "–"
    named = f"{level} interval " if level else ""
    return f"{score.estimate:.2f}, {named}{score.low:.2f} to {score.high:.2f}"


def _unit(report: DiversityReport) -> str:
    """What the bootstrap draws."""
    return "groups of prompts" if report.groups < report.prompts else "prompts"


def _scores(report: DiversityReport) -> Section:
    level = confidence(report.protocol.confidence)
    groups = [
        (
            words,
            [
                Interval(report.labels[s.method], s.estimate, s.low, s.high, s.prompts)
                for s in _named(report, name)
            ],
        )
        for name, words in WORDS.items()
    ]
    told = "; ".join(f"{report.labels[s.method]} {score_words(s)}" for s in _named(report, OVERALL))
    simulated = ". Simulated votes" if report.simulated else ""
    rows = [
        (
            Cell(report.labels[s.method], numeric=False),
            Cell(WORDS[s.attribute], numeric=False),
            Cell(score_words(s), strong=s.attribute == OVERALL),
            Cell(number(s.prompts)),
            Cell(number(s.votes)),
            Cell(number(s.cannot_judge)),
        )
        for name in WORDS
        for s in _named(report, name)
    ]
    columns = ("Attribute", "Score", "Prompts", "Answers", "Cannot judge")
    return Section(
        name="scores",
        title="Diversity",
        plates=(
            Plate(
                title="How much two pictures of one prompt differ, by method",
                subtitle=f"Score from 0 (same) to 1 (clearly); {level} intervals{simulated}",
                figure=score_bars(groups, alt=f"Bars of diversity scores. Overall: {told}"),
                note="Mean over prompts of the mean of a prompt’s votes; overall is the mean of "
                f"the four attributes. Intervals: bootstrap over {_unit(report)}.",
            ),
        ),
        tables=(
            Table(
                "Scores",
                (
                    Column("Method", numeric=False),
                    *(Column(c, numeric=c != "Attribute") for c in columns),
                ),
                tuple(rows),
            ),
        ),
        notes=("“Cannot judge” leaves the mean of its own prompt and attribute only.",),
    )


def _differences(report: DiversityReport) -> Section:
    rows = tuple(
        (
            Cell(f"{report.labels[d.first]} − {report.labels[d.second]}", numeric=False),
            Cell(WORDS[d.attribute], numeric=False),
            Cell(f"{d.estimate:+.2f} [{d.low:+.2f}, {d.high:+.2f}]".replace("-", "−")),
            Cell(number(d.prompts)),
            Cell(p_value(d.p_value)),
            Cell(p_value(d.adjusted_p), strong=d.adjusted_p < 1 - d.confidence),
        )
        for d in report.differences
    )
    names = ("Attribute", "Difference", "Prompts", "p", "p, Holm")
    return Section(
        name="differences",
        title="Differences",
        tables=(
            Table(
                "Differences between methods",
                (
                    Column("Methods", numeric=False),
                    *(Column(n, numeric=n != "Attribute") for n in names),
                ),
                rows,
            ),
        ),
        notes=(
            typeset(f"Paired by prompt. {why_withheld(report)}")
            if report.tests_withheld
            else "Paired by prompt; sign-flip tests with Holm’s correction over attributes and "
            "pairs of methods.",
        ),
    )


def _anchored(report: DiversityReport) -> bool:
    """Whether controls were asked for, or judged all the same."""
    return report.protocol.control_rate > 0 or any(one.votes for one in report.anchors)


def _controls(report: DiversityReport) -> Section:
    names = {True: "The same picture twice", False: "Pictures of two prompts"}
    rows = tuple(
        (
            Cell(names[a.identical], numeric=False),
            Cell("0" if a.identical else "near 1"),
            Cell("–" if a.mean is None else f"{a.mean:.2f}"),
            Cell(number(a.votes)),
        )
        for a in report.anchors
    )
    columns = (Column("Control", numeric=False), Column("Known"), Column("Mean"), Column("Votes"))
    return Section(
        name="controls",
        title="Controls",
        tables=(Table("Controls", columns, rows),),
        notes=("Controls anchor the scale and never enter a score.",),
    )
