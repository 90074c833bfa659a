"""Registers the application with Django. It must do no work at import."""

from django.apps import AppConfig


class SamplingConfig(AppConfig):
    name = "annotate.sampling"
    label = "sampling"
