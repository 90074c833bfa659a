"""Pictures of every page, to be looked at: 1280 and 390 pixels wide, light and dark.

    python -m tests.browser.screenshots FOLDER [LOOK ...]

It must not judge them.
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import QUIET, chromium_path
from tests.browser.pages import LOOKS, World
from tests.browser.site import Site

SCREENS = {"1280": (1280, 800), "390": (390, 844)}


def main() -> None:
    folder, *wanted = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    with Site() as site, sync_playwright() as playwright:
        world = World(site)
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=QUIET)
        for look in LOOKS:
            if wanted and look.id not in wanted:
                continue
            context = browser.new_context(
                viewport={"width": 1280, "height": 800}, base_url=site.url, reduced_motion="reduce"
            )
            page = look.open(world, context)
            for name, (width, height) in SCREENS.items():
                page.set_viewport_size({"width": width, "height": height})
                for theme in ("light", "dark"):
                    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                    path = Path(folder) / f"{look.id}-{name}-{theme}.png"
                    page.screenshot(path=path, full_page=True, animations="disabled")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
