"""Tests on real data that cannot run are counted aloud."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.whole


@pytest.mark.parametrize("processes", [[], ["-n", "2"]])
def test_what_was_not_run_for_want_of_data_is_said_with_any_number_of_processes(processes):
    kept = {k: v for k, v in os.environ.items() if k not in {"TRIPTYCH_DATA", "PYTEST_ADDOPTS"}}
    own = {k: v for k, v in kept.items() if not k.startswith("PYTEST_XDIST")}
    asked = ["-q", "--no-torch", "-p", "no:cacheprovider", "tests/sampling/test_real_pictures.py"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *processes, *asked],
        env=own,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "3 tests on real data were not run: set TRIPTYCH_DATA" in ran.stdout, ran.stderr
