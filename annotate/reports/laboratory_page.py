"""A laboratory laid out for reading: findings as titles, figures, notes, tables.

It must not compute or know addresses.
"""

from __future__ import annotations

from dataclasses import dataclass

from annotate.reports.estimator_figures import (
    accuracy_figure,
    policy_figure,
    reliability_figure,
    roc_figure,
)
from annotate.reports.laboratory import Laboratory
from annotate.reports.laboratory_tables import (
    arms_table,
    chosen_table,
    comparisons_table,
    curve_table,
    estimators_table,
    policy_table,
    states_table,
)
from annotate.reports.oracle_figures import curve_figure, score_figure
from annotate.reports.page import Plate
from annotate.reports.tables import Table
from annotate.reports.words import coefficient, counted, number, percent, span, typeset

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


@dataclass(frozen=True)
class LabPage:
    """Everything on the laboratory's page that comes from its numbers."""

    headline: str
    standfirst: str
    simulated: str
    facts: tuple[tuple[str, str], ...]
    curve: Plate
    curve_notes: tuple[str, ...]
    curve_table: Table
    score: Plate
    score_notes: tuple[str, ...]
    states: Table | None
    arms: Table | None
    policy: Plate | None
    policy_notes: tuple[str, ...]
    policy_table: Table | None
    chosen: Table | None
    accuracy: Plate | None
    roc: Plate | None
    reliability: Plate | None
    estimators: Table | None
    comparisons: Table | None
    estimator_notes: tuple[str, ...]
    method: tuple[str, ...]


def lay_out_laboratory(lab: Laboratory) -> LabPage:
    """The page of a laboratory; without scores it has no estimators' sections."""
    some = bool(lab.estimators)
    return LabPage(
        headline=typeset(_headline(lab)),
        standfirst=typeset(_standfirst(lab)),
        simulated=_simulated(lab),
        facts=_facts(lab),
        curve=_curve(lab),
        curve_notes=_curve_notes(lab),
        curve_table=curve_table(lab),
        score=_score(lab),
        score_notes=_score_notes(lab),
        states=states_table(lab) if some else None,
        arms=arms_table(lab) if some else None,
        policy=_policy(lab) if some else None,
        policy_notes=_policy_notes(lab) if some else (),
        policy_table=policy_table(lab) if some else None,
        chosen=chosen_table(lab) if some else None,
        accuracy=_accuracy(lab) if some else None,
        roc=_roc(lab) if some else None,
        reliability=_reliability(lab) if some else None,
        estimators=estimators_table(lab) if some else None,
        comparisons=comparisons_table(lab) if some else None,
        estimator_notes=_estimator_notes(lab) if some else (),
        method=tuple(typeset(words) for words in _method(lab)),
    )


def _ends(lab: Laboratory) -> tuple[int, int]:
    """Where an oracle without skill stands on the axis, and the last setting that is possible."""
    places = [i for i, ok in enumerate(lab.curve.feasible) if ok]
    first = places[0]
    if lab.settings.model == "M3":
        first = min(places, key=lambda i: abs(lab.x[i] - lab.budget.random))
    return first, places[-1]


def _headline(lab: Laboratory) -> str:
    rates = lab.curve.rates
    first, last = _ends(lab)
    best = {"M3": "the best decisions this budget allows", "M3-skill": "the best skill"}.get(
        lab.settings.model, "every decision right"
    )
    return (
        f"With {best}, the adaptive method would win {percent(float(rates.win[last]))} and lose "
        f"{percent(float(rates.lose[last]))} of {counted(lab.curve.n, 'prompt')}; "
        f"{_start(lab)} it wins {percent(float(rates.win[first]))} and loses "
        f"{percent(float(rates.lose[first]))}."
    )


def _start(lab: Laboratory) -> str:
    return {"M1": "decided by a coin,", "M3-skill": "by lots,"}.get(
        lab.settings.model, "decided by lots,"
    )


def _standfirst(lab: Laboratory) -> str:
    b = lab.branches
    words = (
        f"{b.student_label} and {b.refined_label} were both judged against {b.teacher_label}, "
        "prompt by prompt. So the result of any decision to keep or refine follows without new "
        "votes."
    )
    if lab.fair is not None:
        words += (
            " The right end is an upper bound: label and result come from the same votes. "
            f"Cross-fitted, it is a score of {percent(float(lab.fair.rates.score[-1]))} instead "
            f"of {percent(float(lab.curve.rates.score[-1]))}."
        )
    return words


def _simulated(lab: Laboratory) -> str:
    b = lab.branches
    if not b.simulated:
        return ""
    return (
        f"{number(b.simulated)} of {counted(b.votes, 'vote')} were cast by programs, not by "
        "people. The numbers show that the laboratory works; they say nothing about the methods."
    )


def _facts(lab: Laboratory) -> tuple[tuple[str, str], ...]:
    c, b = lab.curve, lab.branches
    cost = b.cost
    steps = f"{cost.student_steps} + {cost.refine_steps}" if cost else "not given"
    return (
        ("Prompts with both verdicts", number(c.n)),
        ("Left out, undecided", number(c.excluded)),
        ("Votes on them", number(b.votes) if b.votes else "not given"),
        ("Ideal label is to keep", percent(c.label_share)),
        ("Steps, student + refinement", steps),
        ("Estimators", number(len(lab.estimators))),
    )


def _of(lab: Laboratory) -> str:
    return ". Simulated votes" if lab.branches.simulated else ""


def _model(lab: Laboratory) -> str:
    k = f", k = {lab.settings.percentile:g}" if lab.settings.model not in ("M1",) else ""
    return f"{lab.settings.model}{k}, {MODEL_WORDS[lab.settings.model]}"


def _curve(lab: Laboratory) -> Plate:
    first, last = _ends(lab)
    rates = lab.curve.rates
    win, lose = (100 * float(v[last] - v[first]) for v in (rates.win, rates.lose))
    title = (
        f"A better oracle adds up to {win:.1f} points of wins and takes {abs(lose):.1f} of losses"
        if win > 0 >= lose
        else f"A better oracle moves wins by {win:+.1f} and losses by {lose:+.1f} points".replace(
            "-", "−"
        )
    )
    words = f"{title}. Model {_model(lab)}"
    return Plate(
        title=title,
        subtitle=f"Share of {counted(lab.curve.n, 'prompt')}, %{_of(lab)}",
        figure=curve_figure(lab, alt=words),
        note=(
            f"Model {_model(lab)}. Rule {lab.settings.rule}: "
            f"{RULE_WORDS[lab.settings.rule]}. {_band(lab)}"
        ),
    )


def _band(lab: Laboratory) -> str:
    unit = "prompts" if lab.curve.units == lab.curve.n else "groups of prompts"
    return (
        f"Bands: {100 * lab.settings.confidence:g} %, bootstrap over {unit}, "
        f"{number(lab.settings.resamples)} draws."
    )


def _curve_notes(lab: Laboratory) -> tuple[str, ...]:
    notes = []
    reach = lab.budget
    if lab.settings.model in ("M3", "M3-skill"):
        notes.append(
            f"With exactly {lab.settings.percentile:g} % refined, accuracies from "
            f"{percent(reach.worst)} to {percent(reach.best)} are possible; lots reach "
            f"{percent(reach.random)}. The shaded part cannot be reached at this budget."
            if lab.settings.model == "M3"
            else f"Skill 0 is an accuracy of {percent(reach.random)}, skill 1 of "
            f"{percent(reach.best)}: the best that this budget allows."
        )
    elif lab.settings.model == "M1":
        notes.append(
            "Under M1 the budget moves with the accuracy: see the mean steps below the axis. "
            "M3 holds it."
        )
    if lab.estimators:
        name = lab.estimators[0].name
        notes.append(f"Current state: the real decisions of {name}, not those of a model.")
    return tuple(notes)


def _score(lab: Laboratory) -> Plate:
    if lab.estimators:
        state = lab.estimators[0].state
        gap = 100 * state.gap.value
        apart = "above" if gap >= 0 else "below"
        crosses = state.gap.low <= 0 <= state.gap.high
        title = (
            f"{lab.estimators[0].name} scores {percent(state.score.value)}, {abs(gap):.1f} points "
            f"{apart} the line{'; the interval of that gap contains 0' if crosses else ''}"
        )
    elif lab.fair is not None:
        title = (
            f"Of a score of {percent(float(lab.curve.rates.score[-1]))} at the right end, "
            f"{percent(float(lab.fair.rates.score[-1]))} is left when label and result come from "
            "different votes"
        )
    else:
        title = f"The score rises to {percent(float(lab.curve.rates.score[_ends(lab)[1]]))}"
    return Plate(
        title=title,
        subtitle=f"Score: wins and half of the ties, % of {counted(lab.curve.n, 'prompt')}"
        f"{_of(lab)}",
        figure=score_figure(lab, alt=title),
        note=f"Dots: real decisions of each estimator at k = {lab.settings.percentile:g}, with "
        f"intervals. {_band(lab)}"
        if lab.estimators
        else _band(lab),
    )


def _score_notes(lab: Laboratory) -> tuple[str, ...]:
    notes = []
    if lab.estimators:
        notes.append(
            "A real estimator errs more on close pairs, where an error costs less: its point need "
            "not lie on the line."
        )
    if lab.fair is not None:
        notes.append(
            "Cross-fitted: one vote of each branch makes the label, the others make the result, "
            "averaged over all choices. Fewer votes a prompt also mean more ties."
        )
    elif lab.branches.student_votes is None:
        notes.append("Single votes are not known: the optimism at the right end cannot be told.")
    else:
        notes.append(f"Model {lab.settings.model} is not cross-fitted; M1 and M4 are.")
    return tuple(notes)


def _policy(lab: Laboratory) -> Plate:
    first = lab.estimators[0]
    p = first.policy
    if first.chosen is not None:
        title = (
            f"{first.name} with k chosen elsewhere: win rate {percent(first.chosen.score)}, "
            f"{span(first.chosen.low, first.chosen.high)}, at {_steps(lab, first.chosen.steps)}"
        )
    else:
        title = f"{first.name}: win rate {percent(float(p.score.max()))} at its best k"
    return Plate(
        title=title,
        subtitle=f"Win rate with ties half against {'mean steps' if lab.cost_known else 'share'}"
        f", % of {counted(first.n, 'prompt')}{_of(lab)}",
        figure=policy_figure(
            lab.estimators,
            cost_known=lab.cost_known,
            percentile=lab.settings.percentile,
            alt=title,
        ),
        note="A dot for every fifth k; the line joins those that no cheaper one beats (Pareto). "
        f"Diamond: k chosen by cross-fitting. Band: of {first.name}, "
        f"{100 * lab.settings.confidence:g} %, paired bootstrap over prompts.",
    )


def _steps(lab: Laboratory, steps: float) -> str:
    return f"{steps:.1f} steps" if lab.cost_known else f"{percent(steps)} refined"


def _policy_notes(lab: Laboratory) -> tuple[str, ...]:
    tuned = [r.name for r in lab.estimators if r.tuned_elsewhere]
    here = [r.name for r in lab.estimators if not r.tuned_elsewhere]
    notes = ["k = 0 keeps all of the student's samples, k = 100 refines all but the best."]
    if tuned:
        notes.append(f"Thresholds of {', '.join(tuned)} come from other prompts.")
    if here:
        notes.append(
            f"Thresholds of {', '.join(here)} are percentiles of these very prompts, which "
            "flatters them a little."
        )
    return tuple(notes)


def _accuracy(lab: Laboratory) -> Plate:
    first = lab.estimators[0]
    best = first.best
    title = (
        f"Choosing k for {first.name} by accuracy gives {percent(best[0])} right on other prompts"
        if best
        else f"{first.name} at every k"
    )
    return Plate(
        title=title,
        subtitle=f"Decisions that agree with the ideal label, without a reference{_of(lab)}",
        figure=accuracy_figure(lab.estimators, alt=title),
        note=f"Band: Wilson 95 % of {first.name}. Dotted: a coin.",
    )


def _roc(lab: Laboratory) -> Plate:
    named = [
        f"{r.name} {coefficient(r.ranking.auc)}"
        for r in lab.estimators
        if r.ranking.auc is not None
    ]
    title = f"AUC: {', '.join(named)}" if named else "No ROC: all labels are equal"
    return Plate(
        title=title,
        subtitle=f"Kept of what should be kept, %{_of(lab)}",
        figure=roc_figure(lab.estimators, alt=title),
        note="Dotted: drawing lots. Area 1 is a perfect ranking.",
    )


def _reliability(lab: Laboratory) -> Plate:
    bins = lab.estimators[0].bins
    title = (
        f"Of the lowest scores {percent(bins[0].keep_rate, digits=0)} should be kept, of the "
        f"highest {percent(bins[-1].keep_rate, digits=0)}"
    )
    return Plate(
        title=title,
        subtitle=f"Share the ideal oracle keeps, %, by score{_of(lab)}",
        figure=reliability_figure(lab.estimators, alt=title),
        note=f"Equally many samples in each dot; bars: Wilson 95 % of {lab.estimators[0].name}.",
    )


def _estimator_notes(lab: Laboratory) -> tuple[str, ...]:
    notes = [
        "Agreement on pairs compares scores of two pictures; a decision sees one. The first does "
        "not carry over to the second.",
        "A best k chosen and tried on the same prompts flatters: the accuracy beside it is "
        "cross-validated.",
    ]
    unscored = [f"{r.name} {r.unscored}" for r in lab.estimators if r.unscored]
    if unscored:
        notes.append(f"Prompts without a score, left out: {', '.join(unscored)}.")
    if lab.ceiling is not None and lab.ceiling.estimate is not None:
        notes.append(
            "The ceiling sets one annotator against the plurality of the others, ties left out: "
            "no estimator can be asked for more."
        )
    return tuple(notes)


def _method(lab: Laboratory) -> tuple[str, ...]:
    first = (
        f"The definition is ours, as the paper gives none. Ideal label: {lab.settings.rule}, "
        f"{RULE_WORDS[lab.settings.rule]}. Model {_model(lab)}. Expected rates given the verdicts "
        "are exact (closed form); intervals resample prompts."
    )
    second = (
        "Errors of the model are independent of the results once the label is given. Estimators' "
        "points, cut-offs and curves come from their real scores and make no such assumption."
    )
    return first, second
