"""Addresses of reports for reviewers, who have no account. It must hold no view."""

from django.urls import URLPattern, path

from annotate.web import reviewing

urlpatterns: list[URLPattern] = [
    path("<str:token>/", reviewing.review, name="review"),
    path("<str:token>/<str:name>", reviewing.review_file, name="review-file"),
]
