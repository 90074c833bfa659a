"""What starting the site may and may not import: a warm start is seconds, and needs no torch."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.whole

HEAVY = ("torch", "diffusers", "transformers", "scipy", "statsmodels", "pandas", "matplotlib")
ROOT = Path(__file__).resolve().parents[2]


def test_starting_the_site_imports_no_statistics_and_no_torch() -> None:
    script = (
        "import sys, annotate.config.wsgi\n"
        "from django.urls import get_resolver\n"
        "assert get_resolver().url_patterns\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "annotate.config.settings"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_what_the_site_may_import_of_generation_imports_no_torch() -> None:
    """The contract reads the source; this runs it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (half,) = (c for c in contracts["contracts"] if c["name"].startswith("the half of generation"))
    script = (
        f"import importlib, sys\nfor name in {half['source_modules']!r}:\n"
        "    importlib.import_module(name)\n"
        f"print(sorted(set({half['forbidden_modules']!r}) & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_all_that_the_site_may_import_is_held_free_of_torch() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    named = {contract["name"]: contract for contract in contracts["contracts"]}
    (half,) = (c for name, c in named.items() if name.startswith("the half of generation"))
    (site,) = (c for name, c in named.items() if name.startswith("of generation, web"))
    allowed = [line.split(" -> ") for line in site["ignore_imports"]]
    site_imports = {module for who, module in allowed if who == "annotate.**"}
    assert "generation.spec" in site_imports
    assert site_imports <= set(half["source_modules"])
