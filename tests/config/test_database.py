"""The test run is on the database it says it is on."""

import os

import pytest
from django.db import connection

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]


def test_the_tests_run_on_the_database_that_was_asked_for():
    wanted = os.environ.get("TRIPTYCH_TEST_DATABASE", "sqlite")
    assert connection.vendor == {"sqlite": "sqlite", "postgres": "postgresql"}[wanted]


def test_sqlite_keeps_acknowledged_votes_through_a_power_cut():
    if connection.vendor != "sqlite":
        assert connection.vendor == "postgresql"  # durable by its own default
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous")
        assert cursor.fetchone()[0] == 2  # FULL
