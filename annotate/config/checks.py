"""What `manage.py check` says about this installation. It must change nothing."""

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

# Measured: with more annotators than this the slowest claims on SQLite wait for seconds.
SQLITE_ANNOTATORS = 50


@register(Tags.security, deploy=True)
def secret_key_is_ours_alone(*_: object, **__: Any) -> list[CheckMessage]:
    """The generated key signs sessions and picture addresses: nobody else may read it."""
    path = Path(settings.DATA_DIR) / "secret_key"
    if path.is_file() and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
        return [
            Error(
                f"The secret key's file has mode {mode:o}; only its owner may read it.",
                hint=f"chmod 600 {path.name} in the data directory.",
                id="triptych.E001",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def mail_reaches_people(*_: object, **__: Any) -> list[CheckMessage]:
    """Password resets printed to a log help nobody, and put working links into the log."""
    if settings.EMAIL_BACKEND.endswith("console.EmailBackend"):
        return [
            Warning(
                "Mail is printed to the log instead of sent: nobody can reset a password.",
                hint="Set TRIPTYCH_EMAIL_BACKEND, or reset with `manage.py changepassword`.",
                id="triptych.W001",
            )
        ]
    return []


@register(Tags.database)
def votes_are_durable(*_: object, **__: Any) -> list[CheckMessage]:
    """NORMAL is faster, but a power cut may lose votes that were acknowledged."""
    engine = settings.DATABASES["default"]["ENGINE"]
    if engine.endswith("sqlite3") and settings.SQLITE_SYNCHRONOUS != "FULL":
        return [
            Warning(
                "SQLite runs with synchronous=NORMAL: a power cut may lose acknowledged votes.",
                hint="Unset TRIPTYCH_SQLITE_SYNCHRONOUS.",
                id="triptych.W002",
            )
        ]
    return []


@register(Tags.database)
def few_enough_annotators_for_sqlite(
    *_: object, databases: Sequence[str] | None = None, **__: Any
) -> list[CheckMessage]:
    """SQLite has one writer at a time; asked where a database is there to be asked (migrate)."""
    from django.db import DatabaseError, connection

    if not databases or connection.vendor != "sqlite":
        return []
    from annotate.people.models import Role, User

    try:
        annotators = User.objects.filter(
            role=Role.ANNOTATOR, is_active=True, simulated=False
        ).count()
    except DatabaseError:  # the first migrate, before there are tables
        return []
    if annotators <= SQLITE_ANNOTATORS:
        return []
    return [
        Warning(
            f"{annotators} active annotators on SQLite; it is meant for {SQLITE_ANNOTATORS}.",
            hint="Set DATABASE_URL to a PostgreSQL database, or deactivate who has finished.",
            id="triptych.W003",
        )
    ]
