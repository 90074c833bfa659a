"""Tests make their tables from the models (`--nomigrations`): seconds less in every process."""

from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.special import RunPython, RunSQL, SeparateDatabaseAndState

SPECIAL = (RunPython, RunSQL, SeparateDatabaseAndState)
# Fills in rows that an older version wrote; a new database has none.
BACKFILLS = [
    "judging.0006_verdicts_keep_their_protocol",
    "judging.0010_votes_keep_their_protocol",
]


def test_no_migration_does_what_models_do_not_say(settings):
    """Else tables made from the models would lack it: run its tests with `--migrations`."""
    settings.MIGRATION_MODULES = {}  # of a run without migrations it says that there are none
    own = {app.label for app in apps.get_app_configs() if app.name.startswith("annotate.")}
    migrations = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    special = [
        f"{label}.{name}"
        for (label, name), migration in sorted(migrations.items())
        if label in own and any(isinstance(o, SPECIAL) for o in migration.operations)
    ]
    assert own
    assert special == BACKFILLS
