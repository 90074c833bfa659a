"""Rules that hold on every page: accessible in both themes, never wider than the screen, no inline

style or script. A page without a row in `tests.browser.pages` fails.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.browser import axe
from tests.browser.conftest import watch
from tests.browser.pages import DEJAVU, LOOKS, NOT_PAGES, Look, World

pytestmark = pytest.mark.browser

# CSS pixels; half of 1280 x 720 is what 200 % zoom leaves of it.
SCREENS = {"laptop": (1280, 720), "200 %": (640, 360), "phone": (390, 844), "small": (320, 640)}
# A resized page rearranges itself within the next frame.
OVERFLOW = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
    done(document.documentElement.scrollWidth - innerWidth))))"""


class Opened:
    """A page as it was opened, with the HTML that the server sent for it."""

    def __init__(self, look: Look, world: World, context) -> None:
        self.trouble: list[str] = []
        answers = []
        context.on("page", lambda page: watch(page, self.trouble))
        context.on("response", lambda answer: answers.append(answer))
        self.page = look.open(world, context)
        # A redirect, as to a picture made just now, has no text of its own.
        whole = [r for r in answers if not 300 <= r.status < 400]
        pages = [r for r in whole if "text/html" in r.headers.get("content-type", "")]
        self.html = pages[-1].text()


@pytest.fixture(scope="module")
def world(site) -> World:
    return World(site)


@pytest.fixture(scope="module", params=LOOKS, ids=lambda look: look.id)
def opened(request, world, chromium) -> Iterator[Opened]:
    context = chromium.new_context(
        viewport={"width": 1280, "height": 720}, base_url=world.site.url, reduced_motion="reduce"
    )
    context.set_default_timeout(20_000)
    yield Opened(request.param, world, context)
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(opened, theme):
    opened.page.set_viewport_size({"width": 1280, "height": 720})
    opened.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    assert axe.findings(opened.page) == []


def test_no_page_is_wider_than_its_screen_in_any_font(opened):
    for fonts in ("own", "DejaVu"):
        if fonts == "DejaVu":
            opened.page.evaluate(DEJAVU)
        for name, (width, height) in SCREENS.items():
            opened.page.set_viewport_size({"width": width, "height": height})
            over = opened.page.evaluate(OVERFLOW)
            assert over <= 0, f"{over} px too wide on {name} in {fonts} fonts"


def test_the_server_sends_no_inline_style_or_script_and_the_browser_has_nothing_to_say(opened):
    assert "</html>" in opened.html
    assert Inline.found(opened.html) == []
    assert opened.trouble == []


def test_the_house_sign_is_whole_and_the_page_one_is_on_is_named_in_sight(opened):
    """Marks of figures must not draw the sign, nor may a line that scrolls hide a page's name."""
    opened.page.set_viewport_size({"width": 390, "height": 844})
    sign = opened.page.locator(":is(.brand, .bar-home) .mark")
    assert set(sign.evaluate_all("all => all.map(one => getComputedStyle(one).stroke)")) <= {"none"}
    here = opened.page.locator(".subnav [aria-current]")
    box = here.bounding_box() if here.count() else None
    assert box is None or 0 <= box["x"] <= 390 - box["width"]


class Inline(HTMLParser):
    """Collects style attributes and elements, scripts with text, and event attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.hits: list[str] = []
        self.in_script = False

    @classmethod
    def found(cls, text: str) -> list[str]:
        parser = cls()
        parser.feed(text)
        return parser.hits

    def handle_starttag(self, tag: str, attrs) -> None:
        given = dict(attrs)
        self.in_script = tag == "script" and given.get("type") != "application/json"
        if tag == "style":
            self.hits.append("<style>")
        self.hits += [
            f"<{tag} {name}={value!r}>"
            for name, value in given.items()
            if name == "style"
            or re.match(r"on[a-z]+$", name)
            or (value or "").strip().lower().startswith("javascript:")
        ]

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self.in_script = False

    def handle_data(self, data: str) -> None:
        if self.in_script and data.strip():
            self.hits.append(f"<script> {data.strip()[:60]}")


def test_inline_finds_what_it_is_for():
    text = """<p style="x" onclick="y"></p><style></style><script>z</script><a href="javascript:1">
        <script type="application/json">{}</script><script src="a.js"></script>"""
    assert len(Inline.found(text)) == 5


def test_every_page_has_a_look():
    def names(patterns) -> Iterator[str]:
        for entry in patterns:
            if isinstance(entry, URLResolver):
                if not entry.namespace:  # Django's admin is Django's
                    yield from names(entry.url_patterns)
            elif isinstance(entry, URLPattern) and entry.name not in NOT_PAGES:
                yield str(entry.name)

    class Asked:
        """Stands in for a site: notes which names are asked for."""

        def __init__(self) -> None:
            self.names: set[str] = set()

        def __getattr__(self, _name: str):
            links = dict.fromkeys(("prolific", "mturk", "named", "personal"), "")
            shared = {"token": "", "campaign": ""}
            return {"uid": "", "owner": {}, "people": [{}], "sample": 1, **links, **shared}

        reset, invitation = ("", ""), ""

        def address(self, name: str, **_given: str) -> str:
            self.names.add(name)
            return ""

    asked = Asked()
    for look in LOOKS:
        look.url(asked)
    posted = {"logout", "logout-everywhere"} | {
        name for name in names(get_resolver().url_patterns) if _only_posted(name)
    }
    assert set(names(get_resolver().url_patterns)) - posted == asked.names


def _only_posted(name: str) -> bool:
    from tests.web.test_access_matrix import ROWS

    return "GET" not in ROWS[name][0].split() and name not in {
        "password_change",
        "password_reset",
        "join",
    }


def test_vendored_files_are_those_of_their_release():
    table = (axe.VENDOR / "VENDOR.md").read_text()
    written = dict(re.findall(r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", table, re.MULTILINE))
    assert axe.hashes() == written
