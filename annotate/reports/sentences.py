"""The report's sentences, made from its numbers: headline, titles that say the finding, methods.

It must not compute a number that the report does not hold.
"""

from collections.abc import Sequence

from annotate.analysis.annotators import CLUSTERS, FIXED_EFFECTS
from annotate.reports.contrast_report import ContrastReport
from annotate.reports.method_words import analysis_methods, stopping_declared
from annotate.reports.peeking import decided, why_early, why_withheld
from annotate.reports.recipe_words import recipe_words
from annotate.reports.report import Report
from annotate.reports.stopping import ended, rule_words, state_title
from annotate.reports.words import (
    confidence,
    counted,
    listed,
    number,
    p_equation,
    percent,
    span,
)
from annotate.studies.protocol import Protocol

CRITERIA = {
    "alignment": "text match",
    "quality": "image quality",
    "aesthetics": "aesthetics",
    "overall": "overall",
}


def unit(contrast: ContrastReport) -> str:
    """What is counted: prompts, or pairs where a prompt has several."""
    return "prompt" if contrast.prompts == contrast.items else "pair"


def headline(report: Report) -> str:
    """The study in one sentence."""
    who = "Simulated annotators" if report.simulated else "Annotators"
    lead = report.lead
    if lead is None or not lead.items:
        return "Nothing to report yet: the study has not been launched."
    rate = lead.headline
    if not lead.decided:
        votes = f"{number(report.counts.votes)} of {counted(wanted(report), 'vote')}"
        is_in = "is in" if report.counts.votes == 1 else "are in"
        return f"No {unit(lead)} is decided yet: {votes} {is_in}."
    seen = lead.monitoring
    if seen is not None and seen.estimate is None:
        return f"{who} have judged no pair yet that counts: the first ones served are open or ties."
    if report.tests_withheld and seen is None:
        return _so_far(lead, who)
    if rate.estimate is None or rate.low is None or rate.high is None:
        return f"{who} found no difference: all {counted(lead.ties, 'verdict')} are ties."
    ties = f"{counted(seen.ties if seen else lead.ties, 'tie')} dropped"
    if not lead.resolved:
        return (
            f"Not decided between {lead.a_label} and {lead.b_label}: {who.lower()} preferred "
            f"{lead.a_label} on {_rate(lead, flip=False)}, which contains 50 %; {ties}."
        )
    flip = (lead.shown[0] or 0.0) < 0.5
    winner = lead.b_label if flip else lead.a_label
    return f"{who} preferred {winner} on {_rate(lead, flip=flip)}; {ties}."


def _so_far(lead: ContrastReport, who: str) -> str:
    """Whoever is ahead in a running study has not won."""
    if lead.headline.estimate is None:
        return f"So far all {counted(lead.ties, 'verdict')} are ties; the study is running."
    return (
        f"So far {who.lower()} chose {lead.a_label} on {_rate(lead, flip=False)}; "
        f"{counted(lead.ties, 'tie')} dropped. The study is running."
    )


def _rate(lead: ContrastReport, *, flip: bool) -> str:
    share, low, high, n = lead.shown
    assert share is not None
    assert low is not None
    assert high is not None
    if flip:
        share, low, high = 1 - share, 1 - high, 1 - low
    decided = counted(n, f"decided {unit(lead)}")
    if lead.monitoring:
        level = confidence(lead.monitoring.confidence)
        return f"{percent(share)} of {decided}, {level} confidence sequence {span(low, high)}"
    level = confidence(lead.headline.confidence)
    return f"{percent(share)} of {decided}, {level} interval {span(low, high)}"


def wanted(report: Report) -> int:
    """Votes asked for before any escalation; on demand at least two of each pair."""
    judged = report.counts.comparisons - report.counts.identical
    if report.protocol.on_demand:
        return max(2 * judged, report.counts.votes)
    return judged * report.protocol.overlap


def each_pair(protocol: Protocol) -> str:
    """How many annotators judge a pair."""
    if protocol.on_demand:
        return "two annotators and, where they differ, a third"
    return counted(protocol.overlap, "annotator")


def standfirst(report: Report) -> str:
    """What stands below the headline: the test, the ties, and how finished the study is."""
    lead = report.lead
    if lead is None or not lead.decided:
        return (
            "The first numbers appear here when the first pair has its votes. "
            "This page fills by itself."
            if report.running
            else ""
        )
    if lead.monitoring:
        seen, protocol = lead.monitoring, report.protocol
        state = ended(seen, protocol, over=report.over) or f"{state_title(seen, protocol)}."
        return f"{state} The interval holds at every look at once."
    dropped, half, _ = lead.conventions
    state = why_withheld(report) or why_early(report)
    said = [state] if state else []
    if dropped.estimate is not None:
        if not report.tests_withheld:
            said.append(f"Exact sign test against “no difference”: {p_equation(dropped.p_value)}.")
        if lead.ties:
            said.append(
                f"Counted as half a win each, the ties leave {percent(half.estimate)} for "
                f"{lead.a_label} with an interval from {span(half.low, half.high)}."
            )
    return " ".join(said)


def bars_title(report: Report) -> str:
    """The finding of the preference bars."""
    told = [c for c in report.contrasts if c.headline.estimate is not None]
    if not told:
        return "No comparison is decided yet"
    # A confidence sequence holds at every look: what it finds may be told.
    if report.tests_withheld and not (len(report.contrasts) == 1 and told[0].monitoring):
        return f"Verdicts so far: {decided(report)} decided"
    if len(report.contrasts) == 1:
        return _finding(told[0])
    clear = [c for c in told if c.resolved]
    if not clear:
        return f"None of {len(report.contrasts)} comparisons is resolved"
    found = listed([f"{_winner(c)} over {_loser(c)}" for c in clear])
    open_ = len(report.contrasts) - len(clear)
    tail = f"; {counted(open_, 'comparison')} not resolved" if open_ else ""
    if len(found) > 90:
        return f"{len(clear)} of {len(report.contrasts)} comparisons have a clear winner"
    return f"Preferred: {found}{tail}"


def _finding(contrast: ContrastReport) -> str:
    if not contrast.resolved:
        return (
            f"The interval contains 50 %: {contrast.a_label} and {contrast.b_label} "
            "are not told apart yet"
        )
    return f"{_winner(contrast)} is preferred to {_loser(contrast)}"


def _winner(contrast: ContrastReport) -> str:
    ahead = (contrast.shown[0] or 0.0) > 0.5
    return contrast.a_label if ahead else contrast.b_label


def _loser(contrast: ContrastReport) -> str:
    return contrast.b_label if _winner(contrast) == contrast.a_label else contrast.a_label


def forest_title(report: Report) -> str:
    """Where the lead contrast's preference comes from, by the criterion that decided."""
    lead = report.lead
    if lead is None or lead.headline.estimate is None:
        return "No comparison is decided yet"
    if report.tests_withheld:
        return "Win rates so far"
    clear: dict[str, list[str]] = {}
    for row in lead.criteria:
        rate = row.rate
        if rate.low is not None and rate.high is not None and not rate.low <= 0.5 <= rate.high:
            ahead = lead.a_label if (rate.estimate or 0.0) > 0.5 else lead.b_label
            clear.setdefault(ahead, []).append(CRITERIA[row.criterion])
    if not lead.criteria:
        return bars_title(report)
    if not clear:
        return "No single criterion resolves a preference"
    return "; ".join(f"{who} leads on {listed(on)}" for who, on in clear.items())


def agreement_title(contrast: ContrastReport, *, overlap: int) -> str:
    """How many pairs have an answer that most annotators gave."""
    if overlap == 1:
        return "One vote per pair: there is no agreement to see"
    found = contrast.agreement
    agreed = found.unanimous + found.leading
    judged = agreed + found.level
    votes = {2: "two", 3: "three", 4: "four", 5: "five"}.get(overlap, str(overlap))
    if not judged:
        return f"No {unit(contrast)} has its {votes} votes yet"
    what = "a majority" if overlap == 3 else "a leading answer"
    if agreed == judged:
        every = (
            f"Both {unit(contrast)}s" if judged == 2 else f"All {counted(judged, unit(contrast))}"
        )
        return f"{every} with {votes} votes have {what}"
    of = f"{number(agreed)} of {counted(judged, unit(contrast))}"
    return f"{of} with {votes} votes {'has' if agreed == 1 else 'have'} {what}"


def sides_title(report: Report) -> str:
    """Whether the side of a picture mattered."""
    sides = report.sides
    if sides.low is None or sides.high is None:
        return "No vote has chosen a side yet"
    if report.tests_withheld:
        return "Choices by side so far"
    if sides.low <= 0.5 <= sides.high:
        return "No preference for a side is resolved"
    return f"Annotators leaned to the {'left' if sides.low > 0.5 else 'right'}"


def people_note(report: Report) -> str:
    """What few annotators allow to be said."""
    n = report.counts.annotators
    if report.fixed_effects:
        return (
            f"With {counted(n, 'annotator')} (fewer than {FIXED_EFFECTS}) the result speaks about "
            "these annotators: each is shown apart, and left out in turn. No interval over "
            "annotators is claimed."
        )
    if report.few_annotators:
        return (
            f"With {counted(n, 'annotator')} (fewer than {CLUSTERS}) no interval over annotators "
            "is claimed: the intervals are over prompts."
        )
    return ""


def methods(report: Report) -> list[str]:
    """The methods section, from the protocol and the counts."""
    protocol = report.protocol
    lead = report.lead
    each = f"{'prompt' if lead is None else unit(lead)}"
    judges = (
        f"{each_pair(protocol)}, all different (overlap on demand)"
        if protocol.on_demand
        else counted(protocol.overlap, "annotator", "different annotators")
    )
    people = f", {counted(report.counts.annotators, 'person', 'people')} in all"
    simulated = (
        f" {counted(report.counts.simulated, 'vote was', 'votes were')} cast by simulated "
        "annotators, programs that act like browsers: these numbers say nothing about people."
        if report.simulated
        else ""
    )
    box = (
        "side by side at equal size on a mid-grey surround"
        if protocol.display == "equal-box"
        else "side by side, each at its own size, on a mid-grey surround"
    )
    sides = (
        "sides balanced within each pair and for each annotator"
        if protocol.side_balance == "pair-and-annotator"
        else "sides drawn at random"
    )
    if report.external:
        votes, pairs = report.counts.votes, report.counts.comparisons
        asked = (
            f"The votes were cast elsewhere and imported: {counted(votes, 'vote')} of "
            f"{counted(report.counts.annotators, 'annotator')} on {counted(pairs, 'pair')}. How "
            f"pictures were shown, and what people were asked, is not known here.{simulated}"
        )
        return [asked, _rule(report), *analysis_methods(report)]
    first = (
        f"Each {each} is judged by {judges}{people}. "
        f"They see both pictures {box}, without names, {sides}, and {_question(report)} "
        f"{_ties(report)}{simulated}"
    )
    if protocol.on_demand:
        first += (
            " The third vote is asked only where the first two differ, so agreement, vote shares "
            "and models of annotators use the first two votes of each pair; verdicts use all."
        )
    state = [words for words in (why_withheld(report), why_early(report)) if words]
    stopping = [rule_words(protocol)] if lead is not None and lead.monitoring else []
    made = recipe_words(report.recipes, seed=protocol.seed)
    told = [*made, _rule(report), *stopping, *state, _excluded(report), *grown(report.protocols)]
    return [first, *told, *analysis_methods(report)]


def grown(protocols: Sequence[tuple[str, int]], *, what: str = "verdict") -> list[str]:
    """Under which protocols verdicts were made or votes given, if the study grew meanwhile."""
    if len(protocols) < 2:
        return []
    each = [f"{counted(n, what)} under {digest[:8]}" for digest, n in protocols]
    made = "they were given under" if what == "vote" else "they were made under"
    return [
        f"The study grew by prompts or methods while it was open: {listed(each)}. What is asked "
        f"and what an answer counts did not change; {what}s keep the protocol {made}."
    ]


def _question(report: Report) -> str:
    protocol = report.protocol
    if protocol.judgement == "cascade":
        return (
            "answer which matches the text better; if equal, which has better image quality; "
            "if equal, which is more pleasing."
        )
    if protocol.judgement == "full":
        return "answer for text match, image quality, aesthetics and overall, each on its own."
    factor = " and which of the three decided" if protocol.deciding_factor else ""
    return (
        "make one overall decision with the priority text match, then image quality, then "
        f"aesthetics{factor}."
    )


def _ties(report: Report) -> str:
    return {
        "equal": "“Equal” is allowed.",
        "split": "“Equally good” and “both bad” are allowed and both count as a tie.",
        "forbid": "A tie is not allowed on the last question.",
    }[report.protocol.ties]


def _rule(report: Report) -> str:
    protocol = report.protocol
    rule = {
        "priority-then-majority": "the priority is applied within each annotator’s answers and "
        "the majority of these decides",
        "majority-then-priority": "the majority is taken for each criterion and the first that is "
        "no tie decides",
    }[protocol.rule]
    split = {
        "tie": "Three different answers are a tie.",
        "drop": "Three different answers leave the pair undecided.",
        "escalate": f"Three different answers are shown to more annotators, "
        f"{protocol.escalate_to} in all.",
    }[protocol.split]
    identical = (
        "Two identical pictures are a tie without being shown."
        if protocol.identical == "auto_tie"
        else "Identical pictures are shown like any others."
    )
    level = confidence(protocol.confidence)
    stopped = stopping_declared(report)
    return (
        f"Verdict: {rule} (rule “{protocol.rule}”); fewer than "
        f"{counted(protocol.min_votes, 'vote')} leave it undecided. {split} {identical} "
        f"Intervals are {level} Wilson intervals over verdicts, with ties as halves its extension "
        "to three values; p-values are exact two-sided sign tests"
        f"{', of the primary comparison anytime p-values' if stopped else ''}. The vote share "
        "clusters votes by prompt."
    )


def quality_note(report: Report) -> str | None:
    """How many votes tell only how annotators work. It stands with the annotators, in no other
    section: without controls and repeats the rest of the report is the same, byte for byte."""
    extra = report.set_aside.other_kinds
    if not extra:
        return None
    told = counted(extra, "vote on controls and repeats", "votes on controls and repeats")
    return f"{told}: they tell how annotators work, and enter no number of this report."


def _excluded(report: Report) -> str:
    aside, counts = report.set_aside, report.counts
    undecided = counts.comparisons - counts.decided
    parts = [
        counted(undecided, "pair undecided", "pairs undecided"),
        counted(aside.invalidated, "vote invalidated", "votes invalidated"),
        counted(
            aside.undone, "vote taken back and asked again", "votes taken back and asked again"
        ),
        counted(aside.reported, "pair reported", "pairs reported")
        + f" ({number(aside.held)} held back)",
        counted(aside.skipped, "skip"),
    ]
    if aside.preview_votes:
        parts.append(counted(aside.preview_votes, "preview vote"))
    kept = []
    if counts.late:
        kept.append(
            counted(
                counts.late, "vote that came after its lease", "votes that came after their lease"
            )
        )
    if counts.too_fast:
        kept.append(
            f"{counted(counts.too_fast, 'vote')} faster than {report.protocol.min_view_ms} ms"
        )
    tail = f" Kept and flagged: {listed(kept)}." if kept else ""
    return f"Not counted: {listed(parts)}.{tail}"
