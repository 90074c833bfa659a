"""Registers the application with Django. It must do no work at import."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "annotate.reports"
    label = "reports"
