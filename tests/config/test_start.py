"""What starting the site may and may not import: a warm start is seconds, and needs no torch."""

import os
import subprocess
import sys

HEAVY = ("torch", "diffusers", "scipy", "statsmodels", "pandas", "matplotlib")


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
