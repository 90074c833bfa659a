"""The words that several parts of a laboratory share: models, rules, and where a curve ends.

It must not compute, draw or know addresses.
"""

from __future__ import annotations

from annotate.reports.laboratory import Laboratory

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
        "verdicts are exact (closed form); intervals resample prompts."
    )
    second = (
        "Errors of the model are independent of the results once the label is given. Estimators' "
        "points, cut-offs and curves come from their real scores and make no such assumption."
    )
    unit = "prompts" if lab.branches.groups is None else "groups of prompts"
    third = (
        f"Intervals here are of one kind: {unit} are drawn again with the verdicts that they have, "
        "and rates are recomputed. They leave out that other annotators, or the same ones asked "
        "again, would have given other votes: votes within a prompt, and prompts crossed with "
        "annotators, are not drawn. With fewer than 20 annotators read them as too short."
    )
    return first, second, third
