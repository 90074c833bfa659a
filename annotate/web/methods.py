"""The price of one method while it is being written: a fragment for the form's script.

It must not save anything. Without a script the form's own button says the same.
"""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotate.web.access import PersonRequest, researcher_required
from annotate.web.method_fields import MethodRow
from annotate.web.method_prices import price_of


@researcher_required
@never_cache
@require_GET
def price(request: PersonRequest) -> HttpResponse:
    """What the method of these texts would cost, or what is wrong with them."""
    row = {column: request.GET.get(column, "").strip() for column in MethodRow.model_fields}
    return render(request, "studies/_price.html", {"price": price_of(row)})
