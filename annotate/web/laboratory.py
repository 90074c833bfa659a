"""The oracle laboratory's page: what is asked stands in the address, so that it can be shared.

It must not compute: annotate.reports does.
"""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotate.reports.branch_rows import BranchPair, branch_pairs
from annotate.reports.laboratory import investigate
from annotate.reports.laboratory_page import lay_out_laboratory
from annotate.reports.laboratory_study import read_branches
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.laboratory_asked import Choice, asked_settings, choices, download


@researcher_required
@never_cache
@require_GET
def laboratory(request: PersonRequest, uid: UUID) -> HttpResponse:
    """The page of one pair of branches, under the model, rule and k of the address."""
    study = managed_study_or_404(request.user, uid)
    pairs = branch_pairs(study)
    pair = _pair(request, pairs)
    branches = read_branches(study, pair) if pair else None
    settings, said = asked_settings(request.GET, branches)
    page = None
    if branches is not None and branches.decided:
        lab = investigate(branches, settings)
        page = lay_out_laboratory(lab)
        if request.GET.get("give") == "zip":
            return download(lab, page)
    context = {
        "nav": "studies",
        "study": study,
        "pair": pair,
        "branches": branches,
        "page": page,
        "said": said,
        "pairs": [
            Choice(
                p.key,
                f"Student {p.student}, all of it refined {p.refined}, against {p.teacher}",
                pair is not None and p.key == pair.key,
            )
            for p in pairs
        ],
    } | choices(settings)
    return render(request, "reports/laboratory.html", context)


def _pair(request: HttpRequest, pairs: list[BranchPair]) -> BranchPair | None:
    """The pair of the address, or the first that the recipes tell; imported ones must be named."""
    asked = request.GET.get("branches", "")
    named = [pair for pair in pairs if pair.key == asked]
    certain = [pair for pair in pairs if pair.certain]
    return next(iter(named or certain), None)
