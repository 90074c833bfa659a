"""Registers the application with Django. It must do no work at import."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "annotate.web"
    label = "web"
