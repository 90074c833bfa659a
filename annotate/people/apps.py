"""Registers the application with Django. It must do no work at import."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "annotate.people"
    label = "people"
