"""Real pictures of four models, from a researcher's form to a report, by three people with keys."""

import csv
import io
import re
import subprocess
import sys
import urllib.request
from collections import Counter
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.bench import Bench
from tests.browser.conftest import watch
from tests.browser.genaibench import CONTRASTS, MODELS, Genaibench
from tests.browser.site import ROOT, Site
from tests.browser.test_researcher import drop
from tests.factories import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.realdata]

# What three people answer to each pair of each prompt: a or b, after as many "about equal" as there
# are signs before it; "===" is equal in all three questions.
PLAN = {
    ("0", "SDXL", "DeepFloyd"): ("a", "a", "a"),
    ("0", "SDXL", "Midjourney"): ("b", "=b", "a"),
    ("0", "SDXL", "DALLE3"): ("===", "===", "a"),
    ("0", "DeepFloyd", "Midjourney"): ("a", "b", "==="),
    ("0", "DeepFloyd", "DALLE3"): ("b", "b", "b"),
    ("0", "Midjourney", "DALLE3"): ("=a", "==a", "b"),
    ("1", "SDXL", "DeepFloyd"): ("b", "a", "=a"),
    ("1", "SDXL", "Midjourney"): ("a", "===", "a"),
    ("1", "SDXL", "DALLE3"): ("b", "b", "==="),
    ("1", "DeepFloyd", "Midjourney"): ("===", "===", "==="),
    ("1", "DeepFloyd", "DALLE3"): ("a", "==b", "==b"),
    ("1", "Midjourney", "DALLE3"): ("=a", "b", "==="),
}
# The second person presses the wrong key at this pair and takes it back.
SLIP = (1, 4)
NAMES = ("winter-reader", "spring-reader", "summer-reader")


def choice(answer: str) -> str:
    return {"===": "tie"}.get(answer, answer[-1])


def outcome(answers: tuple[str, ...]) -> str:
    """What most people chose; where nobody leads, a tie."""
    (first, most), *rest = Counter(map(choice, answers)).most_common()
    return "tie" if rest and rest[0][1] == most else first


def expected_counts() -> dict[tuple[str, str], list[int]]:
    """Contrast -> verdicts for a, ties, verdicts for b."""
    return {
        (a, b): [
            sum(outcome(PLAN[prompt, a, b]) == which for prompt in "01")
            for which in ("a", "tie", "b")
        ]
        for a, b in CONTRASTS
    }


@dataclass
class Shown:
    """One pair as one person saw it."""

    models: tuple[str, str]
    prompt: str
    lengths: tuple[int, int]
    boxes: tuple[dict[str, float], dict[str, float]]
    pixels: list[tuple[int, int]]


@dataclass
class Played:
    """The study after everybody has judged everything."""

    uid: str
    researcher: Page
    seen: list[list[Shown]] = field(default_factory=list)


@pytest.fixture(scope="module")
def sample(real_data) -> Genaibench:
    return Genaibench(real_data)


@pytest.fixture(scope="module")
def played(site: Site, chromium: Browser, sample: Genaibench):
    trouble: list[str] = []
    contexts = []

    def person(session: str = "") -> Page:
        context = chromium.new_context(
            viewport={"width": 1280, "height": 720}, base_url=site.url, reduced_motion="reduce"
        )
        context.set_default_timeout(20_000)
        if session:
            context.add_cookies([{"name": "sessionid", "value": session, "url": site.url}])
        context.on("page", lambda page: watch(page, trouble))
        contexts.append(context)
        return context.new_page()

    researcher = person(site.ask("person", role="researcher")["session"])
    uid = make_study(researcher, sample)
    benches = [sign_up(person(), invite(researcher, uid, note=name), name=name) for name in NAMES]
    made = Played(uid, researcher, [[] for _ in benches])
    # In turns: while one pair is looked at for its minimum time, the others are answered.
    for turn in range(len(PLAN)):
        for who, bench in enumerate(benches):
            made.seen[who].append(judge(bench, sample, who=who, slip=(who, turn) == SLIP))
    for bench in benches:
        bench.says("#note", "Thank you, your 12 answers are in.")
    benches[-1].says("#note", "every pair has its three answers")
    yield made
    for context in contexts:
        context.close()
    assert trouble == []


def make_study(page: Page, sample: Genaibench) -> str:
    """The researcher's form, the import by drag and drop, the launch; the study's id."""
    page.goto("/studies/")
    page.click("text=Make a study")
    page.fill("[name=name]", "Four models, two prompts")
    for row, model in enumerate(MODELS):
        page.fill(f"[name=methods-{row}-name]", model)
    for row, (a, b) in enumerate(CONTRASTS):
        page.fill(f"[name=contrasts-{row}-a]", a)
        page.fill(f"[name=contrasts-{row}-b]", b)
    page.check("[name=contrasts-0-primary]")
    page.click("text=Save the draft")
    uid = re.search(r"/studies/([0-9a-f-]{36})/", page.url)[1]
    page.click("text=Import samples")
    drop(page, sample.zipped())
    page.click("button:has-text('Import')")
    page.wait_for_url("**/samples/")
    page.click("text=Check and launch")
    page.click("text=Launch the study")
    assert page.inner_text(".chip-good").strip() == "Open"
    return uid


def invite(page: Page, uid: str, *, note: str) -> str:
    """A link from the members page."""
    page.goto(f"/studies/{uid}/members/")
    page.fill("[name=note]", note)
    page.click("text=Make a link")
    return page.input_value("#new-link")


def sign_up(page: Page, link: str, *, name: str) -> Bench:
    """A new person opens the link and gets as far as the first pair, by keys alone."""
    page.goto(link)
    page.locator("[name=username]").focus()
    for text in (name, PASSWORD, PASSWORD):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    start = page.get_by_role("link", name="Start")
    start.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/annotate/**")
    return Bench(page, page.url).ready()


def judge(bench: Bench, sample: Genaibench, *, who: int, slip: bool) -> Shown:
    """Look at the pair, then press what the plan says about these two models."""
    bench.ready()
    shown = look(bench, sample)
    if slip:
        before = bench.progress
        bench.answer("Digit2" if planned(shown, who)[-1] == "1" else "Digit1").ready()
        assert look(bench, sample).models != shown.models
        bench.answer("KeyU").says("#hint", "Undone. The pair is open again.").ready()
        assert look(bench, sample) == shown
        assert bench.progress == before
    for key in planned(shown, who):
        bench.answer(f"Digit{key}")
    return shown


def look(bench: Bench, sample: Genaibench) -> Shown:
    """Which two models these are, from the bytes behind the two addresses on the screen."""
    bodies = [fetch(url) for url in bench.order]
    known = [sample.recognise(body) for body in bodies]
    assert {sample.prompts[prompt] for prompt, _ in known} == {bench.prompt}
    frames = [bench.page.locator(f".pane-{side} .frame img") for side in (1, 2)]
    sizes = [frame.evaluate("img => [img.naturalWidth, img.naturalHeight]") for frame in frames]
    boxes = [frame.bounding_box() for frame in frames]
    return Shown(
        models=(known[0][1], known[1][1]),
        prompt=known[0][0],
        lengths=(len(bodies[0]), len(bodies[1])),
        boxes=tuple({k: box[k] for k in ("y", "width", "height")} for box in boxes),
        pixels=[tuple(size) for size in sizes],
    )


def fetch(url: str) -> bytes:
    """Picture addresses need no session; asked outside the browser, which is spared the load."""
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read()


def planned(shown: Shown, who: int) -> str:
    """The digits that say it: 0 for equal, then the side on which the chosen model stands."""
    a, b = next(pair for pair in CONTRASTS if set(pair) == set(shown.models))
    answer = PLAN[shown.prompt, a, b][who]
    sides = {"a": shown.models.index(a) + 1, "b": shown.models.index(b) + 1}
    return "".join(str(sides.get(sign, 0)) for sign in answer)


def test_models_of_different_sizes_get_equal_boxes_pixels_and_file_lengths(played):
    for person in played.seen:
        assert len(person) == len(PLAN)
        for shown in person:
            assert shown.boxes[0] == shown.boxes[1]
            assert shown.pixels == [(1024, 1024)] * 2
            assert shown.lengths[0] == shown.lengths[1]


def test_each_person_saw_every_pair_once_and_sides_are_balanced(played):
    lefts: Counter[frozenset[str]] = Counter()
    for person in played.seen:
        pairs = [(s.prompt, frozenset(s.models)) for s in person]
        assert len(set(pairs)) == len(PLAN)
        first = sum(CONTRASTS.count(s.models) for s in person)
        assert 3 <= first <= 9, f"method a was on the left in {first} of 12 pairs"
    for person in played.seen:
        lefts.update((s.prompt, s.models) for s in person)
    assert set(lefts.values()) == {1, 2}


def test_the_report_shows_the_verdicts_that_the_plan_implies(played):
    page = played.researcher
    page.goto(f"/studies/{played.uid}/report/")
    rows = page.locator("table:has(caption:text-is('Verdicts of every comparison')) tbody tr")
    shown = {}
    for cells in (row.locator("th, td").all_inner_texts() for row in rows.all()):
        a, b = cells[0].split(" against ")
        win, tie, lose, undecided, total = map(int, cells[1:6])
        assert (undecided, total) == (0, 2)
        shown[a, b] = [win, tie, lose]
    assert shown == expected_counts()
    assert sum(map(sum, shown.values())) == len(PLAN)


def test_exported_votes_and_verdicts_say_the_same_as_the_plan(played):
    def download(name: str) -> list[dict[str, str]]:
        answer = played.researcher.request.get(f"/studies/{played.uid}/export/{name}")
        assert answer.ok
        return list(csv.DictReader(io.StringIO(answer.text())))

    verdicts = {(row["prompt_key"], row["a"], row["b"]): row for row in download("verdicts.csv")}
    assert verdicts.keys() == PLAN.keys()
    pair_of = {row["comparison"]: key for key, row in verdicts.items()}
    for key, answers in PLAN.items():
        row, cast = verdicts[key], Counter(map(choice, answers))
        assert row["outcome"] == outcome(answers)
        assert [int(row[f"votes_{w}"]) for w in ("a", "tie", "b")] == [
            cast[w] for w in ("a", "tie", "b")
        ]
    votes = download("votes.csv")
    assert len(votes) == 3 * len(PLAN)
    said = Counter((pair_of[v["comparison"]], v["preferred_methods"] or "tie") for v in votes)
    meant = Counter(
        (key, {"a": key[1], "b": key[2]}.get(choice(answer), "tie"))
        for key, answers in PLAN.items()
        for answer in answers
    )
    assert said == meant
    asked = ["alignment", "quality", "aesthetics"]
    deciding = Counter(asked[len(answer) - 1] for row in PLAN.values() for answer in row)
    told = Counter(v["deciding"] or asked[-1] for v in votes)
    assert told == deciding
    assert not any(v["late"] == "true" or v["too_fast"] == "true" for v in votes)
    summary = {
        (row["a"], row["b"]): [int(row[c]) for c in ("wins", "tied", "losses")]
        for row in download("summary.csv")
    }
    assert summary == expected_counts()


def test_the_wrong_key_that_was_taken_back_leaves_a_revision_and_no_vote(site, played):
    assert site.ask("taken_back", uid=played.uid) == 1
    assert len(site.ask("votes", uid=played.uid)) == 3 * len(PLAN)


def test_the_command_line_makes_the_same_pairs_of_the_same_pictures(site, played, sample, tmp_path):
    def manage(*words: str) -> str:
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=site.env, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout

    owner = site.ask("person", role="researcher")
    methods = ", ".join(f'{{ name = "{m}" }}' for m in MODELS)
    contrasts = ", ".join(f'{{ a = "{a}", b = "{b}" }}' for a, b in CONTRASTS)
    (tmp_path / "study.toml").write_text(
        f'name = "By command"\nmethods = [{methods}]\ncontrasts = [{contrasts}]\n'
    )
    (tmp_path / "manifest.csv").write_text(sample.manifest())
    name = owner["username"]
    uid = manage("create_study", str(tmp_path / "study.toml"), "--owner", name).strip()
    manifest = str(tmp_path / "manifest.csv")
    said = manage("import_samples", uid, manifest, str(sample.folder), "--user", name)
    assert "8 rows, 8 new samples, 8 different pictures" in said
    again = manage("import_samples", uid, manifest, str(sample.folder), "--user", name)
    assert "all of it is in the study already" in again
    assert "12 pairs, 0 of them identical" in manage("launch_study", uid, "--actor", name)
    context = played.researcher.context.browser.new_context(base_url=site.url)
    context.add_cookies([{"name": "sessionid", "value": owner["session"], "url": site.url}])
    assert digests(context.new_page(), uid) == digests(played.researcher, played.uid)
    context.close()


def digests(page: Page, uid: str) -> dict[str, str]:
    """What the pages of the samples say: method and prompt -> digest of the pixels."""
    page.goto(f"/studies/{uid}/samples/")
    records = {
        link.locator("img").get_attribute("alt"): link.get_attribute("href")
        for link in page.locator("figure a").all()
    }
    found = {}
    for name, address in records.items():
        page.goto(address)
        found[name] = page.locator("dt", has_text="Picture").locator("+ dd").text_content()
    assert len(found) == len(set(found.values())) == 8
    return found
