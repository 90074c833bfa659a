"""Markdown written by researchers, as safe HTML. It must not know who wrote or reads it."""

import nh3
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

from annotate.studies.protocol import Protocol

_parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_TEXT = ("p", "h1", "h2", "h3", "h4", "strong", "em", "del", "code", "pre", "hr", "br", "a")
_BLOCKS = ("ul", "ol", "li", "blockquote", "table", "thead", "tbody", "tr", "th", "td")


def render_markdown(text: str) -> SafeString:
    """Headings, lists, tables, emphasis and links; everything else is left out.

    Raw HTML is shown as text. Pictures are left out: one from elsewhere would tell its host who
    judges, and one of our own belongs among the example pairs.
    """
    html = nh3.clean(
        _parser.render(text),
        tags={*_TEXT, *_BLOCKS},
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(html)  # noqa: S308 (sanitised in the line above)


def standing_instructions(protocol: Protocol | None = None) -> str:
    """What is said where a study writes no instructions of its own, in words of its protocol."""
    protocol = protocol or Protocol()
    name = "instructions_diversity" if protocol.asks_diversity else "instructions"
    return render_to_string(f"annotate/{name}.md", {"p": protocol})


def instructions_html(protocol: Protocol) -> SafeString:
    """What annotators of this protocol read: the researcher's text, else the standing one."""
    return render_markdown(protocol.instructions.strip() or standing_instructions(protocol))


def consent_html(protocol: Protocol) -> SafeString:
    """What annotators agree to: the researcher's text, else the standing one."""
    standing = render_to_string("annotate/consent.md", {"p": protocol})
    return render_markdown(protocol.consent.strip() or standing)
