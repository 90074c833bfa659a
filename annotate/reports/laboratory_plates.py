"""The figures of a laboratory with their findings as titles, and the notes beneath them.

It must not compute or know addresses, nor which figures a page has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from annotate.analysis.decisions import DecisionAccuracy, ReliabilityBin
from annotate.analysis.oracle_bands import Over
from annotate.reports.estimator_figures import (
    accuracy_figure,
    policy_figure,
    reliability_figure,
    roc_figure,
)
from annotate.reports.laboratory import Laboratory
from annotate.reports.laboratory_words import RULE_WORDS, ends, model_words, unit_words
from annotate.reports.oracle_figures import curve_figure, score_figure
from annotate.reports.peeking import NO_TESTS
from annotate.reports.plates import Plate
from annotate.reports.words import coefficient, confidence, counted, number, percent, span, typeset


def _of(lab: Laboratory) -> str:
    return ". Simulated votes" if lab.branches.simulated else ""


def curve_plate(lab: Laboratory) -> Plate:
    """Wins and losses by the oracle's accuracy or skill."""
    first, last = ends(lab)
    rates = lab.curve.rates
    win, lose = (100 * float(v[last] - v[first]) for v in (rates.win, rates.lose))
    title = (
        f"A better oracle adds up to {win:.1f} points of wins and takes {abs(lose):.1f} of losses"
        if win > 0 >= lose
        else f"A better oracle moves wins by {win:+.1f} and losses by {lose:+.1f} points".replace(
            "-", "−"
        )
    )
    words = f"{title}. Model {model_words(lab)}"
    return Plate(
        title=typeset(title),
        subtitle=f"Share of {counted(lab.curve.n, 'prompt')}, %{_of(lab)}",
        figure=curve_figure(lab, alt=words),
        note=(
            f"Model {model_words(lab)}. Rule {lab.settings.rule}: "
            f"{RULE_WORDS[lab.settings.rule]}. {_band(lab)}"
        ),
    )


def _band(lab: Laboratory) -> str:
    drawn = {
        Over.PROMPTS: unit_words(lab),
        Over.VOTES: f"{unit_words(lab)} and votes",
        Over.CROSSED: f"{unit_words(lab)} and annotators",
    }[lab.settings.over]
    return (
        f"Bands: {100 * lab.settings.confidence:g} %, bootstrap over {drawn}, "
        f"{number(lab.settings.resamples)} draws."
    )


def curve_notes(lab: Laboratory) -> tuple[str, ...]:
    """What the setting allows, and where the real estimator stands."""
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


def score_plate(lab: Laboratory) -> Plate:
    """Wins and half of the ties by the oracle's accuracy or skill."""
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
        title = f"The score rises to {percent(float(lab.curve.rates.score[ends(lab)[1]]))}"
    return Plate(
        title=typeset(title),
        subtitle=f"Score: wins and half of the ties, % of {counted(lab.curve.n, 'prompt')}"
        f"{_of(lab)}",
        figure=score_figure(lab, alt=title),
        note=f"Dots: real decisions of each estimator at k = {lab.settings.percentile:g}, with "
        f"intervals. {_band(lab)}"
        if lab.estimators
        else _band(lab),
    )


def score_notes(lab: Laboratory) -> tuple[str, ...]:
    """Why points lie off the line, and what cross-fitting leaves of it."""
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


def policy_plate(lab: Laboratory) -> Plate:
    """Win rate by cost, for every percentile k; needs an estimator."""
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
        title=typeset(title),
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


def policy_notes(lab: Laboratory) -> tuple[str, ...]:
    """Where the thresholds come from."""
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


def accuracy_plate(lab: Laboratory) -> Plate:
    """Right decisions by percentile k; needs an estimator."""
    first = lab.estimators[0]
    best = first.best
    title = (
        f"Choosing k for {first.name} by accuracy gives {percent(best[0])} right on other prompts"
        if best
        else f"{first.name} at every k"
    )
    return Plate(
        title=typeset(title),
        subtitle=f"Decisions that agree with the ideal label, without a reference{_of(lab)}",
        figure=accuracy_figure(lab.estimators, alt=title),
        note=f"Band of {first.name}: {_intervals(lab, first.accuracies)}. Dotted: a coin.",
    )


def roc_plate(lab: Laboratory) -> Plate:
    """The ROC curve of each estimator."""
    named = [
        f"{r.name} {coefficient(r.ranking.auc)}"
        for r in lab.estimators
        if r.ranking.auc is not None
    ]
    title = f"AUC: {', '.join(named)}" if named else "No ROC: all labels are equal"
    return Plate(
        title=typeset(title),
        subtitle=f"Kept of what should be kept, %{_of(lab)}",
        figure=roc_figure(lab.estimators, alt=title),
        note="Dotted: drawing lots. Area 1 is a perfect ranking.",
    )


def reliability_plate(lab: Laboratory) -> Plate:
    """The share to keep, by score; needs an estimator."""
    bins = lab.estimators[0].bins
    title = (
        f"Of the lowest scores {percent(bins[0].keep_rate, digits=0)} should be kept, of the "
        f"highest {percent(bins[-1].keep_rate, digits=0)}"
    )
    return Plate(
        title=typeset(title),
        subtitle=f"Share the ideal oracle keeps, %, by score{_of(lab)}",
        figure=reliability_figure(lab.estimators, alt=title),
        note=f"Equally many samples in each dot. Bars of {lab.estimators[0].name}: "
        f"{_intervals(lab, bins)}.",
    )


def _intervals(lab: Laboratory, found: Sequence[DecisionAccuracy | ReliabilityBin]) -> str:
    """Level and method of their intervals, by the method that most of them name."""
    ((method, _),) = Counter(one.method for one in found).most_common(1)
    return f"{confidence(lab.settings.confidence)} {method.replace('wilson', 'Wilson')}"


def estimator_notes(lab: Laboratory) -> tuple[str, ...]:
    """What the estimators' numbers do not say, and who was left out."""
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
    if lab.branches.tests_withheld and lab.comparisons:
        notes.append(f"{NO_TESTS}.")
    return tuple(notes)
