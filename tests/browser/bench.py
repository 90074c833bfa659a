"""What a test sees of the judging screen, and how it answers.

It must not know what the server stores.
"""

from typing import Any, Literal

from playwright.sync_api import Page

State = Literal["attached", "detached", "hidden", "visible"]

# The product's policy forbids eval, which Playwright's wait_for_function needs: wait for selectors.
READY = 'html[data-ready="1"]'
# As soon as the outbox is empty, while unsent answers are said to wait.
ALL_SENT = "#unsent:not(.is-waiting)"


class Bench:
    """One tab with the judging screen."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url

    def open(self) -> "Bench":
        self.page.goto(self.url)
        return self.ready()

    def ready(self) -> "Bench":
        """Answers are open: the pair is painted and was looked at for long enough."""
        self.page.wait_for_selector(READY, state="attached", timeout=20_000)
        return self

    def answer(self, *keys: str) -> "Bench":
        """Wait for a pair and press keys for it, one after the other."""
        self.ready()
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def sent(self) -> "Bench":
        """The outbox is empty."""
        self.page.wait_for_selector(ALL_SENT, state="attached", timeout=30_000)
        return self

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    @property
    def prompt(self) -> str:
        return self.text("#prompt-text")

    @property
    def progress(self) -> str:
        return self.text("#progress-text")

    def wait(self, selector: str, state: State = "visible") -> "Bench":
        self.page.wait_for_selector(selector, state=state, timeout=20_000)
        return self

    def says(self, selector: str, words: str) -> "Bench":
        """Wait until the element says (part of) this."""
        return self.wait(f'{selector}:has-text("{words}")')

    def has_pictures(self, count: int) -> "Bench":
        """Wait until this many different pictures have come since the page was opened."""
        whole = "one => one.name.includes('/i/') && one.responseStatus === 200"
        script = f"performance.getEntriesByType('resource').filter({whole}).map(one => one.name)"
        for _ in range(300):
            if len(set(found := self.run(script))) >= count:
                return self
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{len(set(found))} of {count} pictures have come")

    def run(self, script: str) -> Any:
        return self.page.evaluate(script)

    @property
    def order(self) -> list[str]:
        """The addresses of the pictures now in the left and the right frame."""
        found = ".pane-1 .frame img, .pane-2 .frame img"
        return list(self.run(f"[...document.querySelectorAll('{found}')].map(i => i.src)"))

    @property
    def numbers(self) -> list[str]:
        return list(self.run("[...document.querySelectorAll('.pane .no')].map(n => n.textContent)"))

    @property
    def kept(self) -> list[str]:
        """The lease tokens of the answers that wait on this device."""
        script = """new Promise((done) => {
            const request = indexedDB.open("triptych", 1);
            request.onsuccess = () => {
                const rows = request.result.transaction("outbox").objectStore("outbox").getAll();
                rows.onsuccess = () => {
                    request.result.close();
                    done(rows.result.map(({ token }) => token));
                };
            };
        })"""
        return list(self.run(script))
