"""Registers the application with Django. It must do no work at import."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "annotate.reports"
    label = "reports"

    def ready(self) -> None:
        from annotate.reports.diversity_frame import freeze_closed
        from annotate.studies.lifecycle import moved

        moved.connect(freeze_closed, dispatch_uid="freeze the report of a closed study")
