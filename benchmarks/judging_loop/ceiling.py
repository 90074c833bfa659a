"""The ceiling: the least Django app that claims a pair, shows two pictures and stores a vote.

Sessions, a signed-in user and CSRF as in the product, the same database settings; one claim
(`UPDATE ... WHERE id = (SELECT ...)`) and one insert, no rules at all. It must not import Triptych.
"""

import json
import os
import sys
from pathlib import Path

import dj_database_url
import django
from django.conf import settings

DATA = Path(os.environ["CEILING_DIR"])
_database = dj_database_url.parse(
    os.environ.get("CEILING_DATABASE_URL") or f"sqlite:///{DATA / 'ceiling.sqlite3'}",
    conn_max_age=None,
)
if _database["ENGINE"].endswith("sqlite3"):
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;"
        f"PRAGMA synchronous={os.environ.get('TRIPTYCH_SQLITE_SYNCHRONOUS', 'FULL')};"
        "PRAGMA foreign_keys=ON;PRAGMA cache_size=-16000;",
    }
if not settings.configured:
    settings.configure(
        SECRET_KEY="ceiling",
        # Read by the product's server configuration, which the ceiling shares.
        BROKER_URL="filesystem://",
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["*"],
        DATABASES={"default": _database},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402

TABLES = """
CREATE TABLE slot (id INTEGER PRIMARY KEY, annotator INTEGER);
CREATE INDEX slot_free ON slot (id) WHERE annotator IS NULL;
CREATE TABLE vote (id {serial}, slot INTEGER, annotator INTEGER, choice TEXT, at TEXT)
"""


def next_pair(request: HttpRequest) -> HttpResponse:
    lock = "" if connection.vendor == "sqlite" else "FOR UPDATE SKIP LOCKED"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE slot SET annotator = %s WHERE id = (SELECT id FROM slot WHERE annotator "
            f"IS NULL ORDER BY id LIMIT 1 {lock}) RETURNING id",
            [request.user.pk],
        )
        found = cursor.fetchone()
    return JsonResponse({"slot": found[0] if found else None})


def image(request: HttpRequest, number: int) -> FileResponse:
    if not request.user.is_authenticated:
        raise PermissionError
    return FileResponse((DATA / f"{number}.png").open("rb"), content_type="image/png")


def submit(request: HttpRequest) -> HttpResponse:
    body = json.loads(request.body)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO vote (slot, annotator, choice, at) VALUES (%s, %s, %s, 'now')",
            [body["slot"], request.user.pk, body["choice"]],
        )
    return JsonResponse({"stored": True}, status=201)


urlpatterns = [path("next", next_pair), path("image/<int:number>", image), path("submit", submit)]
application = get_wsgi_application()


def prepare(annotators: int, slots: int) -> list[str]:
    """Make tables, users with sessions, and slots; returns the session keys."""
    from django.contrib.auth import get_user_model
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    serial = "INTEGER PRIMARY KEY" if connection.vendor == "sqlite" else "BIGSERIAL PRIMARY KEY"
    with connection.cursor() as cursor:
        for statement in TABLES.format(serial=serial).split(";"):
            cursor.execute(statement)
        cursor.executemany("INSERT INTO slot (id) VALUES (%s)", [(i,) for i in range(slots)])
    keys = []
    for n in range(annotators):
        user = get_user_model().objects.create(username=f"c{n}")
        session = SessionStore()
        session["_auth_user_id"] = str(user.pk)
        session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
        session["_auth_user_hash"] = user.get_session_auth_hash()
        session.save()
        keys.append(session.session_key or "")
    return keys


if __name__ == "__main__":
    print(json.dumps(prepare(int(sys.argv[1]), int(sys.argv[2]))))
