"""One report is one state of the database, and reading it keeps nobody from voting."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection

from annotate.judging.models import Vote
from annotate.reports.frames import read_snapshot
from annotate.studies.models import Study
from tests.factories import make_user
from tests.reports.arrange import voted

# The tests' SQLite is in memory, where readers lock out writers; the product's is a file.
ON_A_FILE = """
import django
django.setup()
import sqlite3
from django.conf import settings
from django.core.management import call_command
from annotate.people.models import User
from annotate.reports.frames import read_snapshot
call_command("migrate", verbosity=0)
User.objects.create(username="one")
elsewhere = sqlite3.connect(settings.DATABASES["default"]["NAME"], timeout=5)
with read_snapshot():
    seen = [User.objects.get().username]
    elsewhere.execute("UPDATE people_user SET username = 'two'")
    elsewhere.commit()
    seen.append(User.objects.get().username)
seen.append(User.objects.get().username)
print(*seen)
"""


def seen_on_sqlite(folder: Path) -> list[str]:
    environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"} | {
        "DJANGO_SETTINGS_MODULE": "annotate.config.settings",
        "TRIPTYCH_DATA_DIR": str(folder),
    }
    done = subprocess.run(
        [sys.executable, "-c", ON_A_FILE],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def seen_on_postgres() -> list[str]:
    user = make_user(username="one")

    def rename() -> None:
        try:
            type(user).objects.update(username="two")
        finally:
            connection.close()

    def name() -> str:
        return type(user).objects.get().username

    with read_snapshot():
        seen = [name()]
        with ThreadPoolExecutor(1) as pool:
            pool.submit(rename).result(timeout=15)
        seen.append(name())
    return [*seen, name()]


@pytest.mark.server
@pytest.mark.bothdb
@pytest.mark.django_db(transaction=True)
def test_a_snapshot_stands_still_while_others_write(tmp_path: Path) -> None:
    on_sqlite = connection.vendor == "sqlite"
    seen = seen_on_sqlite(tmp_path) if on_sqlite else seen_on_postgres()
    assert seen == ["one", "one", "two"]


@pytest.mark.bothdb
@pytest.mark.django_db(transaction=True)
def test_after_a_snapshot_the_connection_writes_as_before() -> None:
    mode = getattr(connection, "transaction_mode", None)
    with pytest.raises(ZeroDivisionError), read_snapshot():
        raise ZeroDivisionError
    assert getattr(connection, "transaction_mode", None) == mode
    study, _ = voted(["aaa"])
    with read_snapshot(), read_snapshot():
        assert Study.objects.get() == study
    assert Vote.objects.count() == 3
