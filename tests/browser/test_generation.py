"""A generated study's whole way in a browser, with a real worker on tiny pipelines."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.site import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]
# A worker loads torch first, on a machine that may be busy.
PATIENCE = 180_000
SHOWN = "\n".join(f"p{i},a red cube beside {i} blue spheres" for i in range(4))
TUNING = "\n".join(f"t{i},a green cone under {i} lamps" for i in range(6))


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    """Tiny pipelines of random weights in the real format."""
    from generation.tiny import save_tiny, save_tiny_unet
    from generation.tiny_scorers import save_tiny_scorer

    folder = tmp_path_factory.mktemp("models")
    return {
        "sd": save_tiny(folder / "sd", "sd", seed=1),
        "unet": save_tiny_unet(folder / "unet", "sd", seed=2),
        "scorer": save_tiny_scorer(folder / "scorer", "imagereward", seed=4),
    }


@pytest.fixture
def worker(site) -> Iterator[None]:
    """`manage.py worker` and `sweep` as `up` starts them beside the site."""
    env = site.env | {"TRIPTYCH_DEVICE": "cpu", "OMP_NUM_THREADS": "1", "TRIPTYCH_SWEEP": "2"}
    with (site.folder / "worker.log").open("ab") as log:
        running = [
            subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=ROOT,
                env=env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            for arguments in (["worker", "--name=browser"], ["sweep"])
        ]
    yield
    for process in running:
        os.killpg(process.pid, signal.SIGTERM)
    for process in running:
        process.wait(timeout=60)


def fill_method(page, number: int, name: str, preset: str, own: str) -> None:
    page.fill(f"[name=methods-{number}-name]", name)
    page.select_option(f"[name=methods-{number}-source]", preset)
    page.fill(f"[name=methods-{number}-own]", own)


def test_a_generated_study_goes_from_the_form_to_a_record_made_again(site, visitor, models, worker):
    person = site.ask("person", role="researcher")
    page = visitor(person["session"]).new_page()
    page.goto("/studies/new/")
    page.fill("[name=name]", "Made here")
    plain = 'model.path = "{sd}"\nmodel.dtype = "float32"\nsteps = 4'
    own = (
        'student.model = {{path = "{sd}", unet = "{unet}", dtype = "float32"}}\n'
        'teacher.model = {{path = "{sd}", dtype = "float32"}}\n'
        'estimator.path = "{scorer}"\nestimator.dtype = "float32"\n'
        "student.steps = 2\nteacher.steps = 3"
    )
    fill_method(page, 0, "adaptive", "table4/adaptive-15", own.format(**models))
    # The script says what it costs while it is written: 2 + half of 3, guided.
    page.locator("[data-method='0'] .method-price", has_text="3.5 steps, 7 UNet").wait_for()
    assert page.is_visible("[name=methods-0-way]")
    fill_method(page, 1, "teacher", "ddim-50", plain.format(**models))
    assert not page.is_visible("[name=methods-1-way]")
    assert page.inner_text("[data-method='2'] legend") == "Method 3"
    page.fill("[name=contrasts-0-a]", "adaptive")
    page.fill("[name=contrasts-0-b]", "teacher")
    for row, (name, role, prompts) in enumerate(
        [("shown", "test", SHOWN), ("tuning", "tune", TUNING)]
    ):
        page.fill(f"[name=prompt_sets-{row}-name]", name)
        page.select_option(f"[name=prompt_sets-{row}-role]", role)
        page.fill(f"[name=prompt_sets-{row}-prompts]", prompts)
    page.fill("[name=protocol-overlap]", "1")
    page.fill("[name=protocol-min_votes]", "1")
    page.click("text=Save the draft")
    assert page.inner_text("h1") == "Made here"

    page.click("main >> text=Calibrate")
    page.click("text=Make and score them")
    # The page follows the worker by itself.
    page.get_by_text("These scores give tau").wait_for(timeout=PATIENCE)
    assert page.is_visible("svg.plot-wide[aria-label^='6 scores']")
    page.click("text=Write it into the study")
    assert "Written: tau" in page.inner_text(".messages")

    page.click("text=Check and launch")
    assert "missing" not in page.inner_text("main")
    assert page.locator(".totals dd").nth(0).inner_text() == "30"  # 4 x 3.5 + 4 x 4 steps
    page.click("text=Launch the study")
    assert "pictures are being made" in page.inner_text(".messages")
    pictures = page.locator(".pipe li", has_text="Pictures").locator(".big")
    pictures.filter(has_text="12 of 12").wait_for(timeout=PATIENCE)
    pairs = page.locator(".pipe li", has_text="Pairs to judge").locator(".big")
    pairs.filter(has_text="4").wait_for(timeout=PATIENCE)
    assert "4 steps and 8 forwards an image, planned 4 and 8" in page.inner_text(".pictures")

    page.click("nav >> text=Samples")
    shown = "img => img.decode().then(() => img.naturalWidth)"
    page.wait_for_selector("img.thumb")
    pictures = page.query_selector_all("img.thumb")
    for picture in pictures:
        picture.scroll_into_view_if_needed()
    assert [picture.evaluate(shown) for picture in pictures] == [64] * 8
    notes = page.locator(".cell-note").all_inner_texts()
    assert all(re.search(r"imagereward −?\d", note) for note in notes), notes
    page.locator("figure", has_text="adaptive").locator("a").first.click()
    assert re.match(
        r"(Kept as the student made it|Refined by the teacher).* tau ",
        page.inner_text(".sample-decision"),
    )
    page.click("text=Make it again")
    page.locator(".agains", has_text="The same bytes").wait_for(timeout=PATIENCE)
