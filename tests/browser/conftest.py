"""A real site and a real Chromium, once for all browser tests; contexts that are watched."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.bench import Bench
from tests.browser.site import Site

CHROMIUM = ("chromium", "google-chrome", "chromium-browser")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
]
# Said by the browser whenever a request fails; the tests that cut the network make them fail.
EXPECTED = ("Failed to load resource",)


def chromium_path() -> str:
    """The system's Chromium; the set-up installs it."""
    for name in CHROMIUM:
        if path := shutil.which(name):
            return path
    raise FileNotFoundError(
        f"none of {', '.join(CHROMIUM)} is on PATH and the browser tests need one; run "
        "`make test`, which installs it, or install the package 'chromium'."
    )


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=QUIET)
        yield browser
        browser.close()


def watch(page: Page, trouble: list[str]) -> None:
    """Note script errors and everything the browser warns of, the content policy above all."""
    page.on("pageerror", lambda error: trouble.append(f"script: {error}"))

    def console(message: Any) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(EXPECTED):
            trouble.append(f"console: {message.text}")

    page.on("console", console)


Visitor = Callable[..., BrowserContext]


@pytest.fixture
def visitor(site: Site, chromium: Browser) -> Iterator[Visitor]:
    """visitor(session, width=…, height=…, **options): one person's context, watched and closed."""
    opened: list[BrowserContext] = []
    trouble: list[str] = []

    def make(
        session: str | None = None, width: int = 1280, height: int = 720, **options: Any
    ) -> BrowserContext:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, base_url=site.url, **options
        )
        context.set_default_timeout(20_000)
        if session is not None:
            context.add_cookies([{"name": "sessionid", "value": session, "url": site.url}])
        context.on("page", lambda page: watch(page, trouble))
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()
    assert trouble == []


@pytest.fixture
def judging(site: Site, visitor: Visitor) -> Callable[..., tuple[Bench, dict[str, Any]]]:
    """judging(pairs=…, protocol=…, …): a study and its first annotator at the judging screen.

    Options in `screen` go to the context; the page is opened and ready.
    """

    def open_study(
        screen: dict[str, Any] | None = None, **given: Any
    ) -> tuple[Bench, dict[str, Any]]:
        study = site.ask("study", **given)
        context = visitor(study["people"][0]["session"], **(screen or {}))
        bench = Bench(context.new_page(), f"/annotate/{study['uid']}/")
        return bench.open(), study

    return open_study
