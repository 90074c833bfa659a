"""The pay sheet of a study, and checking completion codes. It must not pay anybody."""

import math
import re
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from annotate.judging.finishing import accept_codes
from annotate.reports.pay import pay_lines, write_pay
from annotate.studies.models import Study
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.study_pages import study_page

MOST_CODES = 2000


@researcher_required
@never_cache
@require_GET
def pay(request: PersonRequest, uid: UUID) -> HttpResponse:
    return _page(request, managed_study_or_404(request.user, uid))


@researcher_required
@never_cache
@require_GET
def pay_csv(request: PersonRequest, uid: UUID) -> HttpResponse:
    study = managed_study_or_404(request.user, uid)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    start = slugify(study.name)[:60] or "study"
    response["Content-Disposition"] = f'attachment; filename="{start}-pay.csv"'
    lines = pay_lines(study, rate=_rate(request), pays_preparation=_pays_preparation(request))
    write_pay(lines, response)  # type: ignore[arg-type]  # writes text
    return response


@researcher_required
@require_POST
def codes(request: PersonRequest, uid: UUID) -> HttpResponse:
    """Answers with the page itself: what each code is, in the order given."""
    study = managed_study_or_404(request.user, uid)
    given = [code for code in re.split(r"[\s,;]+", request.POST.get("codes", "")) if code]
    checked = accept_codes(study, given[:MOST_CODES], actor=request.user, now=timezone.now())
    return _page(request, study, checked=checked, left_out=len(given[MOST_CODES:]))


def _rate(request: PersonRequest) -> float | None:
    """Money per active hour from the address; anything that is no amount is none."""
    try:
        rate = float(request.GET.get("rate", "").replace(",", "."))
    except ValueError:
        return None
    return rate if math.isfinite(rate) and 0 <= rate < 1_000_000 else None


def _pays_preparation(request: PersonRequest) -> bool:
    """Whether training and exam are paid, which they are unless the address says otherwise."""
    return request.GET.get("preparation") != "unpaid"


def _page(request: PersonRequest, study: Study, **context: Any) -> HttpResponse:
    rate, prepared = _rate(request), _pays_preparation(request)
    lines = pay_lines(study, rate=rate, pays_preparation=prepared)
    shared = {
        "lines": lines,
        "rate": rate,
        "pays_preparation": prepared,
        "votes": sum(line.votes for line in lines),
        "hours": sum(line.paid_hours for line in lines),
        "amount": None if rate is None else sum(line.amount or 0 for line in lines),
    }
    return study_page(request, study, "pay", tab="members", **(shared | context))
