"""What reviewers ask of a human evaluation, answered from the protocol and the counts.

The questions follow the reporting template of Otani et al., CVPR 2023 (arXiv:2304.01816). It must
not compute; what the product does not record is said to be unrecorded.
"""

from annotate.reports.method_words import fixed, stopping_declared
from annotate.reports.origins import origin_words
from annotate.reports.peeking import why_early, why_withheld
from annotate.reports.report import Report
from annotate.reports.sentences import each_pair, unit, wanted
from annotate.reports.tables import Cell, Table, make_table
from annotate.reports.words import coefficient, counted, number, percent, typeset
from annotate.studies.protocol import Protocol

UNKNOWN = "not recorded here"


def checklist_table(report: Report) -> Table:
    """Question and answer, one row each."""
    rows = [
        (Cell(question, numeric=False), Cell(typeset(answer), numeric=False))
        for question, answer in answers(report)
    ]
    return make_table("Reporting checklist", "Asked", ("Answer",), rows, numeric=False)


def answers(report: Report) -> tuple[tuple[str, str], ...]:
    """Every question with what is known."""
    protocol, counts, aside, lead = (
        report.protocol,
        report.counts,
        report.set_aside,
        report.lead,
    )
    people = counted(counts.annotators, "annotator")
    seconds = [p.median_seconds for p in report.annotators if p.median_seconds is not None]
    median = f"{sorted(seconds)[len(seconds) // 2]:.1f} s" if seconds else UNKNOWN
    agreement = lead.agreement if lead else None
    ties = {
        "equal": "allowed",
        "split": "allowed as “equally good” and “both bad”, counted alike",
        "forbid": "not allowed on the last question",
    }[protocol.ties]
    return (
        (
            "Who judged",
            f"{counted(counts.simulated, 'vote')} by programs (simulated annotators)"
            if report.simulated
            else f"{people}, known by pseudonym",
        ),
        ("Where they came from, what they were paid", _came(report)),
        ("How many judged, how many votes each pair", f"{people}; {each_pair(protocol)}"),
        ("How they were qualified", qualified(protocol)),
        ("What was rated", "two pictures of one prompt, side by side, without names"),
        ("The question", _question(report)),
        ("Scale and ties", f"first, second or tie; ties are {ties}"),
        (
            "Instructions",
            "the study’s own, in the protocol"
            if protocol.instructions
            else "the standing ones of the software",
        ),
        ("Prompts", _prompts(report)),
        ("Order and sides", f"drawn at random, sides: {protocol.side_balance.replace('-', ' ')}"),
        ("Time", f"median of annotators’ medians {median}; at least {protocol.min_view_ms} ms"),
        (
            "Excluded",
            f"{number(aside.invalidated)} invalidated, {number(aside.undone)} taken back, "
            f"{number(aside.reported)} reported pairs, "
            f"{number(counts.comparisons - counts.decided)} undecided",
        ),
        (
            "Agreement",
            f"α = {coefficient(agreement.alpha)}, AC1 = {coefficient(agreement.ac1)}, "
            f"{percent(agreement.percent, digits=0)} of vote pairs equal"
            if agreement is not None and agreement.percent is not None
            else "too few votes",
        ),
        ("Verdict of a pair", f"{protocol.rule}, at least {counted(protocol.min_votes, 'vote')}"),
        ("Tests", _tests(report)),
        (
            "Can it be repeated",
            f"votes, verdicts and protocol {report.protocol_hash[:8]} are exported with this "
            f"report; {number(wanted(report))} votes were asked for",
        ),
    )


def _came(report: Report) -> str:
    """Nothing in the product keeps a rate of pay: a pay sheet is made at the one that is typed."""
    ways = origin_words(report.came)
    return f"{ways}; what they were paid is {UNKNOWN}" if ways else UNKNOWN


def _tests(report: Report) -> str:
    test = "exact two-sided sign test"
    if stopping_declared(report):
        test = f"anytime p of the primary comparison (early stopping), else {test}"
    state = why_withheld(report) or why_early(report)
    said = f"{test}, Holm over the comparisons, which {fixed(report)}"
    return f"{said}. {state}" if state else said


def qualified(protocol: Protocol) -> str:
    """What an annotator had to pass before live work."""
    if not protocol.qualification:
        return "no training or exam was asked for"
    attempts = counted(protocol.exam_attempts, "attempt")
    return (
        f"training with feedback ({protocol.training_pass} of {protocol.training_pairs} right to "
        f"pass), then an exam without ({protocol.exam_pass} of {protocol.exam_items}, {attempts}), "
        f"version {protocol.qualification_version}"
    )


def _question(report: Report) -> str:
    return {
        "cascade": "text match; if equal, image quality; if equal, aesthetics",
        "single": "one overall decision with the priority text match, image quality, aesthetics",
        "full": "text match, image quality, aesthetics and overall, each on its own",
    }[report.protocol.judgement]


def _prompts(report: Report) -> str:
    lead = report.lead
    sets = ", ".join(report.prompt_sets) or UNKNOWN
    return f"{counted(lead.items, unit(lead))} from {sets}" if lead else sets
