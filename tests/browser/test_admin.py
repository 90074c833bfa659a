"""Django's own pages, as far as admins come there first: the index and its log-in."""

import pytest

from tests.browser import axe

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_the_index_of_djangos_admin(site, visitor, theme):
    page = visitor(site.ask("person", role="admin")["session"]).new_page()
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.goto("/admin/")
    assert page.inner_text("h1")
    grave = [line for line in axe.findings(page) if line.startswith(("serious", "critical"))]
    assert grave == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_log_in_page_of_djangos_admin(visitor, theme):
    page = visitor().new_page()
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.goto("/admin/login/")
    assert page.inner_text("h1")
    assert axe.findings(page) == []
