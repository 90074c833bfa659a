"""Addresses of the pages, by audience. It must hold no view."""

from django.urls import include, path

urlpatterns = [
    path("", include("annotate.web.urls_account")),
    path("annotate/", include("annotate.web.urls_annotator")),
    path("studies/", include("annotate.web.urls_researcher")),
    path("studies/", include("annotate.web.urls_reports")),
    path("review/", include("annotate.web.urls_reviewing")),
    path("campaigns/", include("annotate.web.urls_campaigns")),
]
