"""The words that several parts of a laboratory share: models, rules, and where a curve ends.

It must not compute, draw or know addresses.
"""

from __future__ import annotations

from annotate.analysis.oracle_bands import Over
from annotate.reports.laboratory import Laboratory
from annotate.reports.words import counted

# Below it bands over prompts alone are called too short; the definition of the bands says so.
FEW = 20

MODEL_WORDS = {
    "M1": "symmetric: right with the same chance on every prompt",
    "M2": "class-conditional: from lots at k to no error of either kind",
    "M3": "fixed budget: exactly k % are refined, by accuracy",
    "M3-skill": "fixed budget: exactly k % are refined, by skill ρ",
    "M4": "score: exactly the k % lowest of a noisy score are refined",
}
MODEL_NAMES = {
    "M1": "M1, symmetric",
    "M2": "M2, class-conditional",
    "M3": "M3, fixed budget by accuracy",
    "M3-skill": "M3, fixed budget by skill",
    "M4": "M4, noisy score at a fixed budget",
}
BAND_NAMES = {
    Over.PROMPTS: "Prompts",
    Over.VOTES: "Prompts and votes",
    Over.CROSSED: "Prompts and annotators",
}
RULE_WORDS = {
    "not_worse": "keep what wins or ties against the teacher",
    "win_only": "keep only what wins against the teacher",
    "best_branch": "keep what does at least as well as its refined sample",
}


def ends(lab: Laboratory) -> tuple[int, int]:
    """Where an oracle without skill stands on the axis, and the last setting that is possible."""
    places = [i for i, ok in enumerate(lab.curve.feasible) if ok]
    first = places[0]
    if lab.settings.model == "M3":
        first = min(places, key=lambda i: abs(lab.x[i] - lab.budget.random))
    return first, places[-1]


def model_words(lab: Laboratory) -> str:
    """The oracle's model with its percentile, in words."""
    k = f", k = {lab.settings.percentile:g}" if lab.settings.model not in ("M1",) else ""
    return f"{lab.settings.model}{k}, {MODEL_WORDS[lab.settings.model]}"


def lab_methods(lab: Laboratory) -> tuple[str, ...]:
    """What the curve is and what it assumes, as paragraphs."""
    first = (
        f"The definition is ours, as the paper gives none. Ideal label: {lab.settings.rule}, "
        f"{RULE_WORDS[lab.settings.rule]}. Model {model_words(lab)}. Expected rates given the "
        "verdicts are exact (closed form)."
    )
    second = (
        "Errors of the model are independent of the results once the label is given. Estimators' "
        "points, cut-offs and curves come from their real scores and make no such assumption."
    )
    return first, second, _intervals(lab)


def unit_words(lab: Laboratory) -> str:
    """What is drawn as one."""
    return "prompts" if lab.curve.units == lab.curve.n else "groups of prompts"


def _intervals(lab: Laboratory) -> str:
    """What the bands and the other intervals draw again, and what they leave out."""
    unit = unit_words(lab)
    plain = f"{unit} are drawn again with the verdicts that they have, and rates are recomputed"
    few = lab.annotators is not None and lab.annotators < FEW
    if lab.settings.over is Over.VOTES:
        return (
            f"The bands of the curve draw {unit} again, and inside each its votes on either "
            "branch, as many as there are; the plurality is taken again, no single leader being a "
            "tie, and label and result follow from it. Verdicts by drawn votes lean towards ties, "
            "so that the curve need not lie in the middle of its bands: they tell how sensitive it "
            "is, the curve itself rests on the votes as cast. All other intervals are of one kind: "
            f"{plain}."
        )
    if lab.settings.over is Over.CROSSED:
        return (
            f"The bands of the curve draw {unit} and, independently of them, the "
            f"{counted(lab.annotators or 0, 'annotator')} again: a vote counts as often as its "
            "annotator was drawn, and the weighted plurality is the verdict (pigeonhole "
            "bootstrap). So they speak of other annotators too. What is neither the prompt’s nor "
            "the annotator’s enters such draws several times, so that with three votes a prompt "
            f"they are rather too wide. All other intervals are of one kind: {plain}."
        )
    left_out = (
        f"Intervals here are of one kind: {plain}. They leave out that other annotators, or the "
        "same ones asked again, would have given other votes; the laboratory’s bands over votes "
        "and over annotators draw those too."
    )
    if few:
        left_out += (
            f" These votes are of {counted(lab.annotators or 0, 'annotator')}, fewer than "
            f"{FEW}: read the intervals as too short, and choose the bands over prompts and "
            "annotators."
        )
    elif lab.annotators is None:
        left_out += f" With fewer than {FEW} annotators read them as too short."
    return left_out
