"""Instructions: Markdown in, safe HTML out, and a standing text that fits the protocol."""

import pytest

from annotate.studies.protocol import Protocol
from annotate.web.markdown import instructions_html, render_markdown


def test_headings_lists_tables_and_links_are_kept() -> None:
    html = render_markdown("# A\n\n* b **c**\n\n| d |\n|---|\n| e |\n\n[f](https://example.org)")
    for part in ("<h1>A</h1>", "<li>b <strong>c</strong></li>", "<td>e</td>"):
        assert part in html
    assert 'href="https://example.org" rel="noopener noreferrer nofollow"' in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "![x](https://elsewhere.example/spy.png)",
        '<p style="color:red" onclick="x()">a</p>',
    ],
)
def test_nothing_that_runs_loads_or_styles_gets_through(text: str) -> None:
    html = render_markdown(text)
    for part in ("<script", "<img", 'href="javascript', "<p style"):
        assert part not in html


def test_own_instructions_replace_the_standing_ones() -> None:
    assert instructions_html(Protocol(instructions="Mine *alone*.")) == (
        "<p>Mine <em>alone</em>.</p>\n"
    )


@pytest.mark.parametrize("judgement", ["cascade", "single", "full"])
@pytest.mark.parametrize(
    ("ties", "said"),
    [("equal", "about equal"), ("split", "both bad"), ("forbid", "no <em>equal</em> here")],
)
def test_the_standing_instructions_fit_the_protocol(judgement: str, ties: str, said: str) -> None:
    html = instructions_html(Protocol.model_validate({"judgement": judgement, "ties": ties}))
    assert said in html
    criteria = [html.index(c) for c in ("Match with the text", "Quality", "Looks")]
    assert criteria == sorted(criteria)
    assert ("up to three short questions" in html) == (judgement == "cascade")
    assert "{%" not in html
