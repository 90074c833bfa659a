"""What every test shares: a picture store of its own, and the real data where it is."""

import itertools
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from tests import stand_ins
from tests.examples import examples

# A rule holds or not; how long an example takes depends on what else the machine does.
hypothesis_settings.register_profile("triptych", deadline=None, max_examples=examples(30))
hypothesis_settings.load_profile("triptych")

_not_run: set[str] = set()
_loads_torch = re.compile(r"^pytestmark = .*\bpytest\.mark\.torch\b", re.M)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-torch",
        action="store_true",
        help="leave out the files marked torch without importing them (seconds each)",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if not config.getoption("--no-torch") or not collection_path.name.startswith("test_"):
        return None
    return bool(_loads_torch.search(collection_path.read_text(encoding="utf-8"))) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests on real data need the folder TRIPTYCH_DATA; without it they are counted aloud."""
    if os.environ.get("TRIPTYCH_DATA"):
        return
    kept, left = [], []
    for item in items:
        (left if item.get_closest_marker("realdata") else kept).append(item)
    if left:
        _not_run.update(item.nodeid for item in left)
        items[:] = kept
        config.hook.pytest_deselected(items=left)


def pytest_sessionfinish(session: pytest.Session) -> None:
    # With -n the workers collect, and only what they hand over reaches the summary.
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["not_run"] = sorted(_not_run)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _not_run.update(node.workeroutput.get("not_run", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _not_run:
        terminalreporter.write_line(
            f"{len(_not_run)} tests on real data were not run: set TRIPTYCH_DATA to their folder."
        )


@pytest.fixture(scope="session", autouse=True)
def _torch_stays_out(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fast tests are fast because none of them loads torch; whoever does so is told to say so."""
    yield
    if request.config.getoption("--no-torch") and "torch" in sys.modules:
        raise RuntimeError(
            "a test loaded torch in a run with --no-torch; give its file the line "
            "'pytestmark = pytest.mark.torch'."
        )


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images, votes and prompts."""
    path = Path(os.environ["TRIPTYCH_DATA"])
    if not path.is_dir():
        raise FileNotFoundError(f"TRIPTYCH_DATA={path} is not a folder; correct or unset it.")
    return path.resolve()


@pytest.fixture(scope="session")
def _stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stand_ins.of_the_factories(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def _stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("stores")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def _store(_stores: Iterator[Path], settings: object, _stand_ins: Path) -> None:
    """Each test has a picture store of its own, and the weights that the factories' arms name.

    The store is a name until something is kept there: folders for thousands of tests cost seconds.
    """
    settings.STORE_DIR = next(_stores)  # type: ignore[attr-defined]
    settings.MODELS_DIR = _stand_ins  # type: ignore[attr-defined]
