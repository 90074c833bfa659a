"""Addresses of the report pages. It must hold no view."""

from django.urls import URLPattern, path

from annotate.web import external, laboratory, outcomes, planner, reports, reviewing
from annotate.web.diversity import diversity_file

urlpatterns: list[URLPattern] = [
    path("plan/", planner.plan, name="study-plan"),
    path("votes/", external.votes_import, name="votes-import"),
    path("laboratory/", outcomes.outcomes, name="laboratory-file"),
    path("<uuid:uid>/report/", reports.report, name="study-report"),
    path("<uuid:uid>/reviewers/", reviewing.review_links, name="study-review-links"),
    path("<uuid:uid>/reviewers/<int:pk>/", reviewing.withdraw, name="study-withdraw-review"),
    path("<uuid:uid>/report/<str:digest>/<str:name>", reports.frozen, name="study-frozen-report"),
    path("<uuid:uid>/diversity/<str:name>", diversity_file, name="study-diversity-file"),
    path("<uuid:uid>/laboratory/", laboratory.laboratory, name="study-laboratory"),
    path("<uuid:uid>/export/<str:name>", reports.export, name="study-export"),
]
