"""Addresses of campaigns. It must hold no view."""

from django.urls import URLPattern, path

from annotate.web import campaigns

urlpatterns: list[URLPattern] = [
    path("", campaigns.campaigns, name="campaigns"),
    path("<uuid:campaign>/", campaigns.campaign, name="campaign"),
    path("<uuid:campaign>/remove/", campaigns.remove, name="campaign-remove"),
    path("<uuid:campaign>/<str:name>", campaigns.campaign_file, name="campaign-file"),
]
