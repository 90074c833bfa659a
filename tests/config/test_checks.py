"""Triptych's own system checks speak up when, and only when, something is wrong."""

from pathlib import Path
from typing import Any

import pytest

from annotate.config import checks
from annotate.people.models import Role, User


def ids(messages: list[Any]) -> list[str]:
    return [message.id for message in messages]


@pytest.mark.parametrize(("mode", "said"), [(0o600, []), (0o644, ["triptych.E001"])])
def test_a_secret_key_others_can_read_is_an_error(
    tmp_path: Path, settings: Any, mode: int, said: list[str]
) -> None:
    settings.DATA_DIR = tmp_path
    (tmp_path / "secret_key").write_text("secret")
    (tmp_path / "secret_key").chmod(mode)
    assert ids(checks.secret_key_is_ours_alone()) == said


@pytest.mark.parametrize(("kind", "said"), [("console", ["triptych.W001"]), ("smtp", [])])
def test_a_deployment_that_prints_its_mail_is_warned(
    settings: Any, kind: str, said: list[str]
) -> None:
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{kind}.EmailBackend"
    assert ids(checks.mail_reaches_people()) == said


@pytest.mark.parametrize(
    ("engine", "synchronous", "said"),
    [
        ("sqlite3", "FULL", []),
        ("sqlite3", "NORMAL", ["triptych.W002"]),
        ("postgresql", "NORMAL", []),
    ],
)
def test_sqlite_that_may_lose_votes_is_warned(
    monkeypatch: pytest.MonkeyPatch, engine: str, synchronous: str, said: list[str]
) -> None:
    monkeypatch.setitem(
        checks.settings.DATABASES["default"], "ENGINE", f"django.db.backends.{engine}"
    )
    monkeypatch.setattr(checks.settings, "SQLITE_SYNCHRONOUS", synchronous)
    assert ids(checks.votes_are_durable()) == said


def add_annotators(count: int, **extra: Any) -> None:
    User.objects.bulk_create(
        User(username=f"a{i}{extra}", role=Role.ANNOTATOR, **extra) for i in range(count)
    )


@pytest.mark.django_db
def test_more_than_fifty_annotators_on_sqlite_are_warned() -> None:
    add_annotators(50)
    add_annotators(1, is_active=False)
    add_annotators(1, simulated=True)
    assert checks.few_enough_annotators_for_sqlite(databases=["default"]) == []
    User.objects.create(username="one too many", role=Role.ANNOTATOR)
    assert ids(checks.few_enough_annotators_for_sqlite(databases=["default"])) == ["triptych.W003"]


def test_the_database_is_not_asked_where_none_is_named() -> None:
    assert checks.few_enough_annotators_for_sqlite(databases=None) == []
