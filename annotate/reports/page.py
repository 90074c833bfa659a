"""A report laid out for reading: each section's figure, title, subtitle, notes and table.

It must not know HTTP or addresses; it chooses what to show, from a finished report.
"""

from dataclasses import dataclass

from annotate.reports.analyses_page import analysis_sections
from annotate.reports.analyses_plates import of_programs as _of
from annotate.reports.bars import bar_row, cost_note, cost_words
from annotate.reports.checklist import checklist_table
from annotate.reports.citation import bibtex
from annotate.reports.contrast_report import ContrastReport
from annotate.reports.figures import (
    Interval,
    count_bars,
    forest,
    preference_bars,
    side_intervals,
)
from annotate.reports.peeking import tested
from annotate.reports.plates import Plate, Section
from annotate.reports.recipe_tables import recipe_sections
from annotate.reports.report import Report
from annotate.reports.sentences import (
    CRITERIA,
    agreement_title,
    bars_title,
    each_pair,
    forest_title,
    headline,
    methods,
    people_note,
    quality_note,
    sides_title,
    standfirst,
    unit,
    wanted,
)
from annotate.reports.stopping_section import stopping_section
from annotate.reports.tables import (
    Table,
    agreement_table,
    annotators_table,
    arms_table,
    contrasts_table,
    conventions_table,
    fixed_effects_table,
    forest_table,
    shares_table,
    sides_table,
)
from annotate.reports.withheld import without_tests
from annotate.reports.words import (
    coefficient,
    confidence,
    counted,
    number,
    percent,
    span,
    typeset,
)


@dataclass(frozen=True)
class Page:
    """Everything on a report's page that comes from its numbers."""

    headline: str
    standfirst: str
    facts: tuple[tuple[str, str], ...]
    simulated: str
    bars: Plate | None
    bars_notes: tuple[str, ...]
    conventions: Table | None
    contrasts: Table | None
    forest: Plate | None
    forest_notes: tuple[str, ...]
    forest_table: Table | None
    agreement: Plate | None
    sides: Plate | None
    sides_notes: tuple[str, ...]
    shares: Table | None
    agreement_table: Table | None
    sides_table: Table | None
    annotators: Table | None
    fixed_effects: Table | None
    people_notes: tuple[str, ...]
    arms: Table | None
    analyses: tuple[Section, ...]
    methods: tuple[str, ...]
    checklist: Table | None
    protocol: tuple[tuple[str, str], ...]
    citation: str


def lay_out(report: Report) -> Page:
    """The page of a report; sections without a single vote are left out."""
    lead = report.lead
    voted = lead if lead is not None and report.counts.votes else None
    decided = lead if lead is not None and lead.decided else None
    page = Page(
        headline=typeset(headline(report)),
        standfirst=typeset(standfirst(report)),
        facts=_facts(report),
        simulated=_simulated(report),
        bars=_bars(report, decided) if decided else None,
        bars_notes=_bars_notes(report, decided) if decided else (),
        conventions=conventions_table(decided) if decided else None,
        contrasts=contrasts_table(report) if decided else None,
        forest=_forest(report, decided) if decided else None,
        forest_notes=_forest_notes(report),
        forest_table=forest_table(report, decided) if decided else None,
        agreement=_agreement(report, voted) if voted else None,
        sides=_sides(report, voted) if voted else None,
        sides_notes=_sides_notes(report),
        shares=shares_table(report) if voted else None,
        agreement_table=agreement_table(report) if voted else None,
        sides_table=sides_table(report) if voted else None,
        annotators=annotators_table(report) if voted else None,
        fixed_effects=fixed_effects_table(report, voted)
        if voted and report.fixed_effects
        else None,
        people_notes=_people_notes(report),
        arms=arms_table(report) if report.arms else None,
        analyses=(
            *_stopping(report),
            *analysis_sections(report),
            *recipe_sections(report.recipes),
        ),
        # The protocol of votes from elsewhere is not known, so nothing can be checked off.
        checklist=checklist_table(report) if report.counts.votes and not report.external else None,
        methods=tuple(typeset(paragraph) for paragraph in methods(report)),
        protocol=_protocol(report),
        citation=bibtex(report),
    )
    return without_tests(page) if report.tests_withheld else page


def _stopping(report: Report) -> tuple[Section, ...]:
    lead = report.lead
    if lead is None or lead.monitoring is None:
        return ()
    made = stopping_section(
        lead.monitoring,
        report.protocol,
        names=_names(lead),
        over=report.over,
        programs=_of(report),
    )
    return (made,)


def _names(contrast: ContrastReport) -> str:
    return f"{contrast.a_label} against {contrast.b_label}"


def _facts(report: Report) -> tuple[tuple[str, str], ...]:
    counts, protocol = report.counts, report.protocol
    lead = report.lead
    what = "Prompts" if lead is None or unit(lead) == "prompt" else "Pairs"
    prompts = number(lead.items) if lead else "0"
    sets = f", from {', '.join(report.prompt_sets)}" if report.prompt_sets else ""
    people = counted(counts.annotators, "annotator")
    each = (
        "two per pair, a third on demand" if protocol.on_demand else f"{protocol.overlap} per pair"
    )
    return (
        (what, f"{prompts}{sets}"),
        ("Votes", f"{number(counts.votes)} of {number(wanted(report))} by {people}"),
        ("Protocol", f"{protocol.judgement.capitalize()}, {each}"),
        ("Rule", protocol.rule.replace("-then-", ", then ").capitalize()),
        ("Undecided", counted(lead.undecided, unit(lead)) if lead else "0"),
    )


def _simulated(report: Report) -> str:
    counts = report.counts
    if not report.simulated:
        return ""
    return (
        f"{number(counts.simulated)} of {counted(counts.votes, 'vote')} were cast by programs. "
        "The numbers show that the study works; they say nothing about what people prefer."
    )


def _bars(report: Report, lead: ContrastReport) -> Plate:
    ghosts = _ghosts(report)
    rows = [
        bar_row(c, report.arms, label=c.a_label, ghost=ghosts.get((c.a, c.b)))
        for c in report.contrasts
    ]
    alone = len(rows) == 1
    decided = counted(lead.decided, f"decided {unit(lead)}")
    measure = f"{decided}, % of verdicts" if alone else "% of verdicts of each comparison"
    told = "; ".join(
        f"{_names(c)}: {c.wins} wins, {c.ties} ties, {c.losses} losses{cost_words(row)}"
        for c, row in zip(report.contrasts, rows, strict=True)
    )
    parts = []
    if lead.identical:
        parts.append(f"{number(lead.identical)} with identical pictures, tied without asking")
    if lead.split:
        parts.append(f"{number(lead.split)} on which all answers differ")
    ties = f" Ties include {' and '.join(parts)}." if parts else ""
    out = (
        f" {counted(lead.undecided, unit(lead))} without a verdict left out."
        if (lead.undecided)
        else ""
    )
    who = each_pair(report.protocol)
    thin = (" Thin bars: as published." if ghosts else "") + cost_note(rows)
    return Plate(
        title=typeset(bars_title(report)),
        subtitle=typeset(measure + _of(report)),
        figure=preference_bars(rows, alt=f"Stacked bars. {told}"),
        note=f"Verdict of {who} per {unit(lead)}, rule “{report.protocol.rule}”.{ties}{out}{thin}",
    )


def _ghosts(report: Report) -> dict[tuple[str, str], tuple[float, float, float]]:
    """The first printed bar of each comparison, which is the one on COCO prompts."""
    found: dict[tuple[str, str], tuple[float, float, float]] = {}
    for printed in report.analyses.published if report.analyses else ():
        found.setdefault((printed.a, printed.b), printed.bars.percent)
    return found


def _bars_notes(report: Report, lead: ContrastReport) -> tuple[str, ...]:
    notes = []
    if len(report.contrasts) > 1:
        which = "fixed before launch" if lead.primary else "the first one written; none was primary"
        if report.external:
            which = "the first one of the file"
        notes.append(
            f"Headline comparison: {_names(lead)}, {which}. Tests of the others count with "
            "Holm’s correction."
        )
    notes.append(
        f"Win rate counts verdicts, one for each {unit(lead)}. With ties dropped it says how often "
        f"{lead.a_label} wins where there is a winner."
    )
    if lead.clusters < lead.items:
        notes.append(
            f"{number(lead.items)} {unit(lead)}s come from {number(lead.clusters)} independent "
            "groups; the win rate’s interval takes them one by one and is somewhat too short."
        )
    return tuple(typeset(note) for note in notes)


def _forest(report: Report, lead: ContrastReport) -> Plate:
    several = len(report.contrasts) > 1
    rows = []
    for c in report.contrasts:
        name = _names(c) if several else f"All {unit(c)}s"
        rows.append(Interval(name, *c.shown))
    for row in lead.criteria:
        name, rate = f"Decided on {CRITERIA[row.criterion]}", row.rate
        rows.append(Interval(name, rate.estimate, rate.low, rate.high, rate.n, main=False))
    level = confidence(report.protocol.confidence)
    told = "; ".join(
        f"{row.label} {percent(row.estimate)}, {level} interval {span(row.low, row.high)}"
        for row in rows
    )
    toward_a = "First" if several else lead.a_label
    toward_b = "Second" if several else lead.b_label
    below = f". Criteria: {_names(lead)}" if several and lead.criteria else ""
    sequence = (
        f" That of {_names(lead)} is a confidence sequence (see early stopping)."
        if lead.monitoring
        else ""
    )
    note = f"Diamonds: all verdicts.{sequence}" + (
        f" Squares, by the criterion that decided, grow with the number of {unit(lead)}s and are "
        "exploratory: their tests are not corrected for their number."
        if lead.criteria
        else ""
    )
    return Plate(
        title=typeset(forest_title(report)),
        subtitle=typeset(f"Win rate, ties dropped; {level} Wilson intervals{below}{_of(report)}"),
        figure=forest(
            rows,
            toward_a=toward_a,
            toward_b=toward_b,
            measure=f"Win rate, % [{level} CI]",
            alt=f"Forest plot of win rates. {told}",
        ),
        note=typeset(note),
    )


def _forest_notes(report: Report) -> tuple[str, ...]:
    if report.protocol.judgement == "cascade":
        return (
            "Lower criteria are asked only when the higher ones are equal, so “aesthetics” speaks "
            "about pairs on which text match and image quality are level.",
        )
    return ()


def _agreement(report: Report, lead: ContrastReport) -> Plate:
    found = lead.agreement
    overlap = report.protocol.votes_compared
    early = (
        " The first two votes of each pair only: a third is asked for where they differ."
        if report.protocol.on_demand
        else ""
    )
    names = ("Two of three", "All three differ") if overlap == 3 else ("One leads", "None leads")
    rows = [
        ("Unanimous", found.unanimous),
        (names[0], found.leading),
        (names[1], found.level),
    ]
    drawn = found.unanimous + found.leading + found.level
    other = found.split.unanimous + found.split.two_of_three + found.split.all_different
    other += found.split.other - drawn
    told = ", ".join(f"{name.lower()} {count}" for name, count in rows)
    left = f" {counted(other, unit(lead))} with another number of votes not drawn." if other else ""
    equal = (
        "no pair has two votes yet"
        if found.percent is None
        else f"{percent(found.percent, digits=0)} of vote pairs equal"
    )
    return Plate(
        title=typeset(agreement_title(lead, overlap=overlap)),
        subtitle=f"{unit(lead).capitalize()}s by votes. {_names(lead)}{_of(report)}",
        figure=count_bars(rows, alt=f"Bars of {unit(lead)}s by votes: {told}"),
        note=typeset(
            f"Krippendorff’s α = {coefficient(found.alpha)}, AC1 = {coefficient(found.ac1)}; "
            f"{equal}.{left}{early}"
        ),
    )


def _sides(report: Report, lead: ContrastReport) -> Plate:
    sides = report.sides
    rows = [
        Interval("When on the left", *_three(lead, left=True), n=lead.a_on_left.n),
        Interval("When on the right", *_three(lead, left=False), n=lead.a_on_right.n),
        Interval("Left, either method", sides.estimate, sides.low, sides.high, sides.left),
    ]
    told = "; ".join(f"{row.label} {percent(row.estimate)}" for row in rows)
    votes = counted(sides.left + sides.right, "vote")
    return Plate(
        title=sides_title(report),
        subtitle=f"Votes for {lead.a_label} by its side, and for the left picture, %{_of(report)}",
        figure=side_intervals(rows, alt=f"Choices by side. {told}"),
        note=typeset(
            f"Left chosen {percent(sides.estimate)} of {votes}{tested(report, sides.p_value)}. "
            "Tied votes are left out; intervals take votes one by one."
        ),
    )


def _three(lead: ContrastReport, *, left: bool) -> tuple[float | None, float | None, float | None]:
    rate = lead.a_on_left if left else lead.a_on_right
    return rate.estimate, rate.low, rate.high


def _sides_notes(report: Report) -> tuple[str, ...]:
    notes = [
        "Vote share counts votes, win rate counts verdicts. They answer different questions and "
        "are never mixed."
    ]
    if report.protocol.judgement == "full" and report.counts.votes:
        differs = counted(report.set_aside.overall_differs, "vote")
        notes.append(
            f"On {differs} the overall answer differs from the one that follows from the criteria."
        )
    return tuple(notes)


def _people_notes(report: Report) -> tuple[str, ...]:
    notes = [people_note(report)] if people_note(report) else []
    notes.append(
        "Agreement is with the other annotators of the same pairs, where these lean one way; a "
        "vote is never compared with a majority that contains it."
    )
    if extra := quality_note(report):
        notes.append(extra)
    return tuple(notes)


def _protocol(report: Report) -> tuple[tuple[str, str], ...]:
    fields = report.protocol.model_dump(mode="json")
    fields |= {name: len(fields[name]) for name in ("examples", "rated_examples") if name in fields}
    fields["instructions"] = fields["instructions"] or "standing instructions"
    return tuple((name.replace("_", " "), _value(value)) for name, value in fields.items())


def _value(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
