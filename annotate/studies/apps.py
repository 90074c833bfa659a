"""Registers the application with Django. It must do no work at import."""

from django.apps import AppConfig


class StudiesConfig(AppConfig):
    name = "annotate.studies"
    label = "studies"
