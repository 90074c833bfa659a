"""What the first pages promise is there: links lead somewhere, commands exist."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from django.core.management import get_commands

from annotate.studies.spec import parse_toml

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/generation.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text())
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_is_named_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+)(?:.*):", (ROOT / "Makefile").read_text(), re.M))
    named = re.findall(r"(?:^    |`)make ([a-z-]+)", (ROOT / page).read_text(), re.M)
    assert set(named) - targets == set()


@pytest.mark.parametrize("page", ["README.md", "docs/generation.md"])
def test_every_command_of_a_first_study_exists(page: str) -> None:
    named = re.findall(r"^    triptych (\w+)", (ROOT / page).read_text(), re.M)
    assert named
    assert set(named) - set(get_commands()) == set()


def test_the_study_to_copy_is_one() -> None:
    [text] = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/generation.md").read_text(), re.S)
    spec = parse_toml(text)
    assert [m.kind for m in spec.methods] == [
        "teacher",
        "student",
        "adaptive-refine",
        "adaptive-regenerate",
    ]
    assert [m.name for m in spec.methods if m.read_arm().arm is None] == ["refine", "regenerate"]


def test_one_command_trains_the_reference_world_and_keeps_its_weights() -> None:
    command = ["make", "-n", "reference-world", "SEED=3", "KEEP=1"]
    # Within a run of make another one says which folder it enters and leaves.
    apart = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    told = subprocess.run(command, cwd=ROOT, env=apart, capture_output=True, text=True, check=True)
    train, keep = told.stdout.splitlines()[-2:]
    run = "build/reference-world-3"
    assert train.endswith(f"-m generation.training world {run} --seed 3")
    assert keep.endswith(f"-m generation.training keep {run} --into {run}/kept")
