"""The oracle laboratory's page: what is asked stands in the address, so that it can be shared.

It must not compute: annotate.reports does. Wrong parameters fall back to the defaults, with a word.
"""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotate.analysis.oracle_table import Rule
from annotate.reports.branch_rows import BranchPair, branch_pairs
from annotate.reports.branches import MODELS, Branches, Model, Settings, own_percentile
from annotate.reports.laboratory import investigate
from annotate.reports.laboratory_page import lay_out_laboratory
from annotate.reports.laboratory_study import read_branches
from annotate.reports.laboratory_words import MODEL_NAMES, RULE_WORDS
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required


@dataclass(frozen=True)
class Choice:
    """An option of a select box."""

    value: str
    words: str
    chosen: bool


@researcher_required
@never_cache
@require_GET
def laboratory(request: PersonRequest, uid: UUID) -> HttpResponse:
    """The page of one pair of branches, under the model, rule and k of the address."""
    study = managed_study_or_404(request.user, uid)
    pairs = branch_pairs(study)
    pair = _pair(request, pairs)
    branches = read_branches(study, pair) if pair else None
    settings, said = _settings(request, branches)
    page = None
    if branches is not None and branches.decided:
        page = lay_out_laboratory(investigate(branches, settings))
    context = {
        "nav": "studies",
        "study": study,
        "pair": pair,
        "branches": branches,
        "page": page,
        "said": said,
        "k": f"{settings.percentile:g}",
        "pairs": [
            Choice(
                p.key,
                f"Student {p.student}, all of it refined {p.refined}, against {p.teacher}",
                pair is not None and p.key == pair.key,
            )
            for p in pairs
        ],
        "models": [Choice(m, MODEL_NAMES[m], m == settings.model) for m in MODELS],
        "rules": [
            Choice(r, RULE_WORDS[r].capitalize(), r == settings.rule) for r in map(str, Rule)
        ],
    }
    return render(request, "reports/laboratory.html", context)


def _pair(request: HttpRequest, pairs: list[BranchPair]) -> BranchPair | None:
    """The pair of the address, or the first that the recipes tell; imported ones must be named."""
    asked = request.GET.get("branches", "")
    named = [pair for pair in pairs if pair.key == asked]
    certain = [pair for pair in pairs if pair.certain]
    return next(iter(named or certain), None)


def _settings(request: HttpRequest, branches: Branches | None) -> tuple[Settings, str]:
    """What the address asks for, and a sentence where it asks for what does not exist."""
    said = ""
    k = own_percentile(branches)
    written = request.GET.get("k", "").strip()
    if written:
        try:
            asked = float(written)
            Settings(percentile=asked)
        except ValueError:
            said = f"k is a number from 0 to 100; {written[:20]!r} was given. Shown is k = {k:g}."
        else:
            k = asked
    model: Model = next((m for m in MODELS if m == request.GET.get("model")), "M1")
    rule = next((r for r in Rule if r == request.GET.get("rule")), Rule.NOT_WORSE)
    return Settings(model=model, rule=rule, percentile=k), said
