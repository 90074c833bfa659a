"""Registers the application with Django. It must do no work at import."""

from django.apps import AppConfig


class JudgingConfig(AppConfig):
    name = "annotate.judging"
    label = "judging"

    def ready(self) -> None:
        from annotate.judging import opening, reporting, watching  # noqa: F401 (they listen)
