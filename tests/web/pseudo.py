"""A language that marks every translated sentence, and what a page says outside such marks."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser

from django.utils.translation import trans_real

# Django ships it, it is nobody's here, and it has plural forms like English.
PSEUDO = "eo"
_MARKED = re.compile("⟦[^⟦⟧]*⟧")
_WORD = re.compile(r"[A-Za-z]{2,}")
_SAID = {"alt", "title", "placeholder", "aria-label", "data-words", "data-wait"} | {
    f"data-{name}" for name in ("wide", "narrow", "copy", "copied", "marked")
}


class Marking:
    """Stands where Django keeps a catalogue."""

    def gettext(self, message: str) -> str:
        # A context stands before the message it belongs to, as in a catalogue.
        return f"⟦{message.rpartition(trans_real.CONTEXT_SEPARATOR)[2]}⟧"

    def ngettext(self, one: str, many: str, number: int) -> str:
        return self.gettext(one if number == 1 else many)

    def to_language(self) -> str:
        return PSEUDO


class _Page(HTMLParser):
    """Every text a reader sees or hears, and the scripts' words."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._silent: list[str] = []
        self._data = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in {"script", "style"}:
            self._silent.append(tag)
            self._data = given.get("id") == "config"
        self.said += [words for name, words in attrs if name in _SAID and words]
        if tag == "input" and given.get("type") in {"submit", "button"}:
            self.said.append(given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.said.append(data)
        elif self._silent[-1] == "script" and self._data:
            self.said += _words_of(json.loads(data))


def _words_of(config: dict) -> Iterator[str]:
    for words in config["words"].values():
        yield from [words] if isinstance(words, str) else words.values()
    for row in (*config["criteria"], *config.get("attributes", ()), *config.get("levels", ())):
        yield from (row[part] for part in ("label", "question", "about") if part in row)


def untranslated(html: str, *, given: tuple[str, ...] = ()) -> list[str]:
    """What the page says that is neither translated nor `given` by people (names, prompts)."""
    page = _Page()
    page.feed(html)
    # One translated sentence may run over several texts: between its marks everything is covered.
    whole = "\n".join(page.said)
    for words in given:
        whole = whole.replace(words, "")
    while _MARKED.search(whole):
        whole = _MARKED.sub("", whole)
    return [line.strip() for line in whole.splitlines() if _WORD.search(line)]
