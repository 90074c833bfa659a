"""What the first pages promise is there: links lead somewhere, commands exist."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_is_named_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+)(?:.*):", (ROOT / "Makefile").read_text(), re.M))
    named = re.findall(r"(?:^    |`)make ([a-z-]+)", (ROOT / page).read_text(), re.M)
    assert set(named) - targets == set()


def test_every_command_of_the_first_study_exists() -> None:
    named = re.findall(r"^    triptych (\w+)", (ROOT / "README.md").read_text(), re.M)
    assert named
    assert set(named) - set(get_commands()) == set()
