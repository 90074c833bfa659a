"""The page of a diversity study in words, figure and tables; and its files.

It must not compute: diversity_report does.
"""

import csv
import io
import json
from dataclasses import asdict, dataclass

from annotate.analysis.diversity import OVERALL, Attribute, DiversityScore
from annotate.reports.diversity_figures import score_bars
from annotate.reports.diversity_report import AnswerRow, DiversityReport
from annotate.reports.export import safe_cell
from annotate.reports.figures import Interval
from annotate.reports.plates import Plate, Section
from annotate.reports.tables import Cell, Column, Table
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
    return DiversityPage(
        headline=typeset(headline(report)),
        standfirst=typeset(
            f"{counted(report.votes, 'vote')} on {counted(report.pairs, 'pair')} by "
            f"{counted(report.annotators, 'annotator')}. 0: all pairs look the same; 1: all differ "
            "clearly."
        ),
        simulated=simulated,
        sections=(_scores(report), _differences(report), _controls(report)) if report.votes else (),
    )


def headline(report: DiversityReport) -> str:
    """Most and least varied method overall, with what the tests say of the two."""
    ranked = [s for s in _named(report, OVERALL) if s.estimate is not None]
    ranked.sort(key=lambda s: -(s.estimate or 0))
    if not ranked:
        return "No pair has been judged on all four attributes yet"
    first, last = ranked[0], ranked[-1]
    if len(ranked) == 1:
        return f"{report.labels[first.method]} scores {score_words(first)} for diversity"
    found = [
        d.adjusted_p
        for d in report.differences
        if {d.first, d.second} == {first.method, last.method}
    ]
    apart = sum(p < 1 - report.protocol.confidence for p in found)
    return (
        f"{report.labels[first.method]} is the most varied at {score_words(first)}, "
        f"{report.labels[last.method]} the least at {score_words(last)}; they differ on {apart} of "
        f"{len(found)} attributes"
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
                "the four attributes. Intervals: bootstrap over prompts.",
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
            "Paired by prompt; sign-flip tests with Holm’s correction over attributes and pairs of "
            "methods.",
        ),
    )


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


def summary(report: DiversityReport) -> dict[str, object]:
    """The report as plain data."""
    data = asdict(report) | {"protocol": report.protocol.model_dump(mode="json")}
    return data | {"headline": headline(report)}


def scores_csv(report: DiversityReport) -> bytes:
    """One row for each method and attribute."""
    rows: list[dict[str, object]] = [
        asdict(s) | {"simulated_votes": report.simulated, "protocol_hash": report.protocol_hash}
        for s in report.scores
    ]
    return _csv(rows)


def answers_csv(rows: list[AnswerRow]) -> bytes:
    """One row for each answer, controls included and named."""
    return _csv([asdict(row) | {"methods": " ".join(row.methods)} for row in rows])


def summary_json(report: DiversityReport) -> bytes:
    """`summary` as JSON."""
    return json.dumps(summary(report), indent=2, ensure_ascii=False, default=list).encode()


def _csv(rows: list[dict[str, object]]) -> bytes:
    file = io.StringIO(newline="")
    if rows:
        out = csv.DictWriter(file, list(rows[0]))
        out.writeheader()
        out.writerows(
            {k: safe_cell(v) if isinstance(v, str) else v for k, v in row.items()} for row in rows
        )
    return file.getvalue().encode()
