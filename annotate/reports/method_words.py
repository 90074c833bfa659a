"""The methods paragraphs about analyses and software: what a reviewer asks of the numbers.

It must not compute; it says what was done from the report's own fields.
"""

from annotate.reports.contrast_analyses import ContrastAnalysis
from annotate.reports.report import Report
from annotate.reports.words import counted, listed, number


def _people(report: Report) -> str:
    """How annotators were prepared, in a sentence of a methods section."""
    protocol = report.protocol
    if not protocol.qualification:
        return "No training or exam was asked of annotators before live pairs."
    return (
        "Before live pairs annotators passed a training with feedback "
        f"({protocol.training_pass} of {protocol.training_pairs} right) and an exam without "
        f"({protocol.exam_pass} of {protocol.exam_items}, at most "
        f"{counted(protocol.exam_attempts, 'attempt')}), version {protocol.qualification_version}."
    )


def fixed(report: Report) -> str:
    """When the comparisons of Holm's family were written down, as the end of a sentence."""
    if report.external:
        return "of the file make one family"
    grown = " or when the study grew" if report.grown else ""
    return f"were fixed before launch{grown}"


def stopping_declared(report: Report) -> bool:
    """The primary comparison has an e-process: its p-value is the anytime one."""
    return any(contrast.monitoring for contrast in report.contrasts)


def p_values(report: Report) -> str:
    """Which p-values are claimed and corrected, in words: one rule, in campaigns too."""
    if not stopping_declared(report):
        return "their sign tests"
    others = " and the exact sign tests of the others" if len(report.contrasts) > 1 else ""
    return f"the anytime p-value of the primary comparison, from its e-process,{others}".rstrip(",")


def _for_whom(lead: ContrastAnalysis) -> str:
    """Whom intervals speak about: the win rate's not about other annotators."""
    said = "Intervals over verdicts are for these annotators and new prompts"
    if lead.renewed.low is not None:
        said += "; beside them stands one that is robust to annotators shared by verdicts"
    if not lead.crossed.warning:
        said += "; the two-way interval of the vote share is for new annotators too"
    return f"{said}."


def analysis_methods(report: Report) -> list[str]:
    """What was computed beside the majority, and with which software."""
    found = report.analyses
    if found is None or not report.counts.votes or not found.contrasts:
        return []
    lead = found.contrasts[0]
    said = [
        f"Intervals by prompt group are percentile bootstraps over groups of prompts "
        f"({number(lead.grouped.resamples)} resamples).",
        _for_whom(lead),
    ]
    if found.family > 1:
        said.append(
            f"All {found.family} comparisons {fixed(report)}; {p_values(report)} are corrected "
            "after Holm. Slices, sides and paired tests are exploratory, corrected after Benjamini "
            "and Hochberg over all comparisons."
        )
    elif stopping_declared(report):
        said.append(f"The claim rests on {p_values(report)}.")
    if lead.crossed.warning:
        said.append(f"Of vote shares: {lead.crossed.warning}.")
    else:
        said.append(
            "Vote shares carry an interval that is robust to clusters of prompts and of annotators "
            f"at once ({counted(lead.crossed.annotators, 'annotator')}), and beside it that of a "
            f"bootstrap over both ({number(lead.redrawn.resamples)} resamples) at the same spread."
        )
    if found.paired:
        said.append(
            "Arms with a common opponent are compared on the same prompts by Stuart and Maxwell’s "
            "test of win, tie and loss, McNemar’s exact test of wins and, over three arms or more, "
            "Cochran’s Q."
        )
    if found.rankings.found:
        first = found.rankings.found[0]
        said.append(
            "The common scale is Bradley and Terry’s with ties as half wins, and Newman’s with "
            f"ties of their own; intervals draw prompt groups ({number(first.resamples)} "
            "resamples)."
        )
    fitted = any(model.model == "GLAD" for model in lead.models)
    models = "One-coin, Dawid-Skene and GLAD" if fitted else "One-coin and Dawid-Skene"
    said.append(
        f"{models} models, fitted by EM, stand beside the majority; the side’s "
        "effect is estimated from votes with both sides weighing equally and, with annotators, by "
        "generalised estimating equations."
    )
    versions = listed([f"{name} {version}" for name, version in found.software])
    return [
        # How annotators of votes from elsewhere were prepared is not known.
        *(() if report.external else (_people(report),)),
        " ".join(said),
        f"Computed with {versions}; random draws are seeded by the protocol.",
    ]
