"""Registers the application with Django. It must do no work at import."""

from django.apps import AppConfig


class SamplingConfig(AppConfig):
    name = "annotate.sampling"
    label = "sampling"

    def ready(self) -> None:
        from annotate.sampling import plan  # noqa: F401 (listens to finished samples)
