"""The language a page is answered in: what the browser asks for, except for researchers.

It must not know any page's words.
"""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

# What researchers read is English, and a report is the same bytes for every reader.
ENGLISH = ("/studies/", "/people/", "/admin/", "/healthz", "/campaigns/", "/review/")


class PageLanguage(LocaleMiddleware):
    """Django's choice by `Accept-Language`, except on the researchers' pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        super().__init__(get_response)
        # With one language there is nothing to choose, and no vote pays for the choice.
        if len(settings.LANGUAGES) < 2:
            raise MiddlewareNotUsed

    def process_request(self, request: HttpRequest) -> None:
        if request.path_info.startswith(ENGLISH):
            translation.activate(settings.LANGUAGE_CODE)
            request.LANGUAGE_CODE = settings.LANGUAGE_CODE
        else:
            super().process_request(request)

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if request.path_info.startswith(ENGLISH):
            return response
        return super().process_response(request, response)
