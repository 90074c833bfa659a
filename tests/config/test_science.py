"""docs/science.md says where each definition is in the code."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_definition_stands_where_the_page_says():
    named = re.findall(r"`([\w/]+\.py):(\w+)`", (ROOT / "docs/science.md").read_text("utf-8"))
    assert len(named) > 15
    for path, name in named:
        code = (ROOT / path).read_text("utf-8")
        assert re.search(rf"^(def|class) {name}\b", code, re.MULTILINE), f"{path} has no {name}"
