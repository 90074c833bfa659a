"""Registers the application with Django. It must do no work at import."""

from django.apps import AppConfig


class CliConfig(AppConfig):
    name = "annotate.cli"
    label = "cli"
