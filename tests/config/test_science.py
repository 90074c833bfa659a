"""Definitions and known answers stand in the code where the pages say."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["docs/science.md", "docs/results/known-answers.md"])
def test_each_definition_stands_where_the_page_says(page):
    named = re.findall(r"`([\w/]+\.py):(\w+)`", (ROOT / page).read_text("utf-8"))
    assert len(named) > 15
    for path, name in named:
        code = (ROOT / path).read_text("utf-8")
        assert re.search(rf"^(def|class) {name}\b", code, re.MULTILINE), f"{path} has no {name}"
