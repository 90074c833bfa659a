"""The planner's page: a question in the address, its answer in sentences, a figure and a table.

It must not compute: annotate.reports.planner and planner_rehearsal do.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.text import capfirst
from django.views.decorators.http import require_GET

from annotate.reports.planner import (
    Question,
    StudyPlan,
    plan_sentences,
    plan_study,
    plan_table,
    power_figure,
)
from annotate.reports.planner_rehearsal import (
    MOST_VOTES,
    Setting,
    overlaps_table,
    rehearsal_sentences,
    rehearsal_table,
    rehearse_plan,
)
from annotate.reports.plates import Plate
from annotate.reports.words import percent
from annotate.web.access import PersonRequest, researcher_required
from generation.ranges import LARGEST_SEED

# Rates are asked in percent, as they are printed everywhere.
_RATES = ("win_rate", "tie_rate", "power", "alpha", "shared")


class _Asked(forms.Form):
    """Fields that look and are named as the page's others."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if not isinstance(field, forms.BooleanField):
                field.widget.attrs |= {"class": "input"}
            if isinstance(field, forms.FloatField) and not isinstance(field, forms.IntegerField):
                field.widget.attrs["step"] = "any"
            field.widget.attrs["id"] = f"plan-{name}"


class PlanForm(_Asked):
    """The question; what is left out keeps its default."""

    win_rate = forms.FloatField(
        label="Win rate to find, %", min_value=0, max_value=100, help_text="Ties dropped."
    )
    prompts = forms.IntegerField(label="Prompts", min_value=1, max_value=20_000)
    tie_rate = forms.FloatField(label="Ties, % of verdicts", min_value=0, max_value=99)
    power = forms.FloatField(label="Chance to find it, %", min_value=1, max_value=99.9)
    alpha = forms.FloatField(
        label="False alarms, %", min_value=0.01, max_value=50, help_text="Two-sided, all contrasts."
    )
    contrasts = forms.IntegerField(label="Contrasts", min_value=1, max_value=100)
    overlap = forms.IntegerField(label="Annotators per pair", min_value=1, max_value=9)
    on_demand = forms.BooleanField(
        label="Third vote only where the first two differ",
        required=False,
        help_text="“On demand” in the protocol: the same verdicts for fewer votes.",
    )
    shared = forms.FloatField(
        label="Pairs answered by another contrast, %",
        min_value=0,
        max_value=99,
        help_text="Equal pictures are judged once.",
    )
    group_size = forms.FloatField(label="Prompts of one photo", min_value=1, max_value=100)
    icc = forms.FloatField(label="Their correlation", min_value=0, max_value=1)
    seconds = forms.FloatField(label="Seconds per vote", min_value=0.1, max_value=3600)
    hourly = forms.FloatField(label="Pay per hour", min_value=0, max_value=10_000)

    def clean_win_rate(self) -> float:
        rate = float(self.cleaned_data["win_rate"])
        if rate == 50:
            raise forms.ValidationError(
                "50 was given, and at 50 % there is nothing to find. Give the win rate nearest to "
                "50 that would matter, such as 55."
            )
        return rate

    def question(self) -> Question:
        """What was asked, as shares."""
        asked = dict(self.cleaned_data)
        return Question(**{k: v / 100 if k in _RATES else v for k, v in asked.items()})


class SettingForm(_Asked):
    """How prompts and annotators differ in the simulation, and how often it is drawn."""

    annotators = forms.IntegerField(
        label="Annotators", min_value=1, max_value=200, help_text="Of the whole study."
    )
    annotator_sd = forms.FloatField(
        label="How their tastes differ, logits",
        min_value=0,
        max_value=5,
        help_text="Standard deviation; 0: all alike.",
    )
    prompt_sd = forms.FloatField(
        label="How prompts differ, logits",
        min_value=0,
        max_value=5,
        help_text="Standard deviation; 0: all alike.",
    )
    studies = forms.IntegerField(
        label="Studies drawn",
        min_value=10,
        max_value=10_000,
        help_text=f"At most {MOST_VOTES // 1_000_000} million votes; the command draws more.",
    )
    seed = forms.IntegerField(
        label="Seed", min_value=0, max_value=LARGEST_SEED, help_text="The same draws the same."
    )

    def setting(self) -> Setting:
        """What was asked."""
        return Setting(**self.cleaned_data)


@researcher_required
@require_GET
def plan(request: PersonRequest) -> HttpResponse:
    """The page; without a question it answers the default one. Votes are drawn only on request."""
    given: Mapping[str, Any] = _defaults() | request.GET.dict()
    form, setting = PlanForm(given), SettingForm(given)
    context: dict[str, Any] = {"nav": "studies", "form": form, "setting": setting}
    if form.is_valid():
        try:
            made = plan_study(form.question())
        except ValueError as error:
            form.add_error(None, str(error))
        else:
            context |= _answer(made)
            if "simulate" in request.GET and setting.is_valid():
                context |= _simulated(made, setting)
    return render(request, "studies/plan.html", context)


def _answer(made: StudyPlan) -> dict[str, Any]:
    """The formula's part of the page."""
    title = (
        f"{made.question.prompts:,} prompts find a win rate of "
        f"{percent(made.question.win_rate)} with a chance of {percent(made.chance)}"
    )
    return {
        "sentences": plan_sentences(made),
        "table": plan_table(made),
        "plate": Plate(
            title=title,
            subtitle="Chance to find a difference from 50 %, by the true win rate",
            figure=power_figure(made, alt=title),
            note=f"{capfirst(made.reach.method)} at {100 * made.alpha:.3g} % for each "
            "contrast; one verdict per prompt, ties dropped. Dotted: the chance asked for. "
            "Annotators are taken to be alike; those who differ in taste raise false alarms: "
            "“Simulate it” draws them too.",
        ),
    }


def _simulated(made: StudyPlan, setting: SettingForm) -> dict[str, Any]:
    """The simulation's part, or the reason why there can be none beside its fields."""
    try:
        drawn = rehearse_plan(made, setting.setting(), most_votes=MOST_VOTES)
    except ValueError as error:
        setting.add_error(None, str(error))
        return {}
    return {
        "drawn_sentences": rehearsal_sentences(drawn),
        "drawn_tables": (rehearsal_table(drawn), overlaps_table(drawn)),
    }


def _defaults() -> dict[str, Any]:
    found = {
        field.name: getattr(usual, field.name)
        for usual in (Question(), Setting())
        for field in fields(usual)
    }
    return {
        k: f"{100 * v:g}" if k in _RATES else f"{v:g}" for k, v in found.items() if k != "on_demand"
    }
