"""What several tests of loading need."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def sd(tmp_path: Path) -> Path:
    """A copy of a tiny pipeline to damage."""
    # Here, since it loads torch, which tests beside these do without.
    from tests.generation.tiny_models import weights

    return Path(shutil.copytree(weights("sd").path, tmp_path / "sd"))
