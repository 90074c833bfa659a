"""A real site, once for all blinding tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.blinding.adversary import METHODS, STUDY, write_package
from tests.browser.site import Site


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture
def adversarial(site: Site, tmp_path: Path):
    """adversarial(pairs, people=…, **protocol): the study, launched."""

    def make(pairs: int, *, people: int = 1, **protocol: Any) -> dict[str, Any]:
        return site.ask(
            "study_of",
            manifest=str(write_package(tmp_path, pairs)),
            people=people,
            methods=METHODS,
            name=STUDY,
            protocol={"overlap": 1, "min_votes": 1} | protocol,
        )

    return make
