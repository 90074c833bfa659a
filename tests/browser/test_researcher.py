"""A researcher's whole way in a browser: form, drag and drop, launch, live numbers, pause."""

import base64
import io
import re
import zipfile

import pytest

from tests.browser.pictures import scene

pytestmark = pytest.mark.browser


def packed(*, manifest: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("a", "b"):
            picture = io.BytesIO()
            scene(ord(name), width=64, height=64).save(picture, "PNG")
            archive.writestr(f"{name}.png", picture.getvalue())
        archive.writestr("manifest.csv", manifest)
    return out.getvalue()


def drop(page, content: bytes) -> None:
    """Let a file fall on the page as a person does."""
    transfer = page.evaluate_handle(
        """text => {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const box = new DataTransfer();
            box.items.add(new File([bytes], "pictures.zip", { type: "application/zip" }));
            return box;
        }""",
        base64.b64encode(content).decode(),
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})


def test_who_would_pass_follows_the_numbers_while_they_are_typed(site, visitor):
    page = visitor(site.ask("person", role="researcher")["session"]).new_page()
    page.goto("/studies/new/")
    table = page.locator(".passing")
    table.get_by_text("0.6 %", exact=True).wait_for()
    page.fill("[name=protocol-exam_items]", "12")
    table.get_by_text("16 right of 12 to pass").wait_for()
    page.fill("[name=protocol-exam_pass]", "10")
    table.get_by_text("1.9 %", exact=True).wait_for()
    assert table.locator(".error").count() == 0


def test_a_study_goes_from_the_form_to_its_first_votes(site, visitor):
    person = site.ask("person", role="researcher")
    page = visitor(person["session"]).new_page()
    page.goto("/studies/")
    page.click("text=Make a study")
    page.fill("[name=name]", "Cats in two ways")
    for row, method in enumerate(("ours", "theirs")):
        page.fill(f"[name=methods-{row}-name]", method)
    page.fill("[name=contrasts-0-a]", "ours")
    page.fill("[name=contrasts-0-b]", "theirs")
    page.fill("[name=protocol-overlap]", "1")
    page.fill("[name=protocol-min_votes]", "1")
    page.click("text=Save the draft")
    assert page.inner_text("h1") == "Cats in two ways"
    uid = re.search(r"/studies/([0-9a-f-]{36})/", page.url)[1]

    page.click("text=Import samples")
    rows = "prompt_id,prompt,method,file\n1,a cat,ours,a.png\n1,a cat,theirs,{}.png\n"
    drop(page, packed(manifest=rows.format("missing")))
    page.click("button:has-text('Import')")
    assert "Line 3: file `missing.png` is missing in the zip." in page.inner_text(".line-errors")
    drop(page, packed(manifest=rows.format("b")))
    page.click("button:has-text('Import')")
    page.wait_for_url("**/samples/")
    shown = "img => img.decode().then(() => img.naturalWidth)"
    assert [img.evaluate(shown) for img in page.query_selector_all("img.thumb")] == [64, 64]

    page.click("text=Check and launch")
    assert "1\nvote to be cast" in page.inner_text(".checks")
    page.click("text=Launch the study")
    assert page.inner_text(".chip-good").strip() == "Open"
    assert page.query_selector("nav >> text=Import") is None
    assert page.url.endswith(f"/studies/{uid}/")


def test_the_dashboard_follows_the_votes_by_itself(site, visitor):
    study = site.ask("study", pairs=4, people=2)
    page = visitor(study["owner"]["session"]).new_page()
    page.clock.install()
    page.goto(f"/studies/{study['uid']}/")
    votes = page.locator(".pipe li", has_text="Votes").locator(".big")
    assert votes.inner_text() == "0 of 4"
    site.ask("vote_all", uid=study["uid"])
    page.clock.run_for(11_000)
    votes.filter(has_text="4 of 4").wait_for()
    page.click("text=Pause")
    assert page.inner_text(".chip-warn").strip() == "Paused"


def test_a_row_grows_below_the_last_used_one(site, visitor):
    person = site.ask("person", role="researcher")
    page = visitor(person["session"]).new_page()
    page.goto("/studies/new/")
    for row in range(4):
        page.fill(f"[name=methods-{row}-name]", f"method {row}")
    assert page.inner_text("[data-method='4'] legend") == "Method 5"
    assert page.get_by_label("Name", exact=True).count() == 6  # the study's own, and five cards
    for row in range(3):
        page.fill(f"[name=contrasts-{row}-a]", "method 0")
        page.fill(f"[name=contrasts-{row}-b]", f"method {row + 1}")
    assert page.get_attribute("[name=contrasts-3-a]", "aria-label") == "A, row 4"
    page.fill("[name=name]", "Many")
    page.click("text=Save the draft")
    page.click("nav >> text=Protocol")
    assert page.input_value("[name=methods-3-name]") == "method 3"


def test_the_form_works_without_a_script(site, visitor):
    person = site.ask("person", role="researcher")
    page = visitor(person["session"], java_script_enabled=False).new_page()
    page.goto("/studies/new/")
    page.fill("[name=protocol-overlap]", "12")
    page.fill("[name=name]", "Plain")
    page.click("text=Save the draft")
    assert "'12' was given; input should be less than or equal to 9" in page.inner_text(".banner")
    page.fill("[name=protocol-overlap]", "3")
    page.click("text=Save the draft")
    assert page.inner_text("h1") == "Plain"


def test_no_field_that_has_the_focus_lies_under_the_buttons_that_stay(site, visitor):
    page = visitor(site.ask("person", role="researcher")["session"]).new_page()
    page.goto("/studies/new/")
    below = """() => {
        const field = document.activeElement.getBoundingClientRect();
        const foot = document.querySelector(".form-end");
        const kept = foot.contains(document.activeElement);
        return kept || field.top < 0 || field.top + 12 <= foot.getBoundingClientRect().top;
    }"""
    page.focus("#id_name")
    for _ in range(60):
        page.keyboard.press("Tab")
        assert page.evaluate(below), page.evaluate("document.activeElement.id")
