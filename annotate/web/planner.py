"""The planner's page: a question in the address, its answer in sentences, a figure and a table.

It must not compute: annotate.reports.planner does.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from annotate.reports.planner import (
    Question,
    plan_sentences,
    plan_study,
    plan_table,
    power_figure,
)
from annotate.reports.plates import Plate
from annotate.reports.words import percent
from annotate.web.access import PersonRequest, researcher_required

# Rates are asked in percent, as they are printed everywhere.
_RATES = ("win_rate", "tie_rate", "power", "alpha", "shared")


class PlanForm(forms.Form):
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if not isinstance(field, forms.BooleanField):
                field.widget.attrs |= {"class": "input"}
            if isinstance(field, forms.FloatField) and not isinstance(field, forms.IntegerField):
                field.widget.attrs["step"] = "any"
            field.widget.attrs["id"] = f"plan-{name}"

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


@researcher_required
@require_GET
def plan(request: PersonRequest) -> HttpResponse:
    """The page; without a question it answers the default one."""
    given: Mapping[str, Any] = _defaults() | request.GET.dict()
    if request.GET and "on_demand" not in request.GET:
        given = {k: v for k, v in given.items() if k != "on_demand"}
    form = PlanForm(given)
    context: dict[str, Any] = {"nav": "studies", "form": form}
    if form.is_valid():
        try:
            made = plan_study(form.question())
        except ValueError as error:
            form.add_error(None, str(error))
        else:
            title = (
                f"{made.question.prompts:,} prompts find a win rate of "
                f"{percent(made.question.win_rate)} with a chance of {percent(made.chance)}"
            )
            context |= {
                "sentences": plan_sentences(made),
                "table": plan_table(made),
                "plate": Plate(
                    title=title,
                    subtitle="Chance to find a difference from 50 %, by the true win rate",
                    figure=power_figure(made, alt=title),
                    note=f"Exact two-sided sign test at {100 * made.alpha:.3g} % for each "
                    "contrast; one verdict per prompt, ties dropped. Dotted: the chance asked for. "
                    "Annotators who differ in taste raise false alarms: “manage.py plan_study "
                    "--rehearse” draws them too.",
                ),
            }
    return render(request, "studies/plan.html", context)


def _defaults() -> dict[str, Any]:
    usual = Question()
    found = {f.name: getattr(usual, f.name) for f in fields(Question)}
    return {
        k: f"{100 * v:g}" if k in _RATES else f"{v:g}" for k, v in found.items() if k != "on_demand"
    }
