"""Tests make their tables from the models (`--nomigrations`): seconds less in every process."""

from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.special import RunPython, RunSQL, SeparateDatabaseAndState

SPECIAL = (RunPython, RunSQL, SeparateDatabaseAndState)


def test_no_migration_does_what_models_do_not_say():
    """Else tables made from the models would lack it: run its tests with `--migrations`."""
    own = {app.label for app in apps.get_app_configs() if app.name.startswith("annotate.")}
    migrations = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    special = [
        f"{label}.{name}"
        for (label, name), migration in sorted(migrations.items())
        if label in own and any(isinstance(o, SPECIAL) for o in migration.operations)
    ]
    assert own
    assert special == []
