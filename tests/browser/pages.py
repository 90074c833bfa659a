"""Every page of the site once, in a state worth looking at: for axe, layout, style and pictures.

It must not check anything; the tests and `tests.browser.screenshots` do.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import BrowserContext, Page

from tests.browser.bench import READY
from tests.browser.site import Site

# Long names are where layouts break.
NAME = "Adaptive refinement against fifty teacher steps, all prompts of spring, second round"
PUBLIC = "Evening pictures, second round"
PROMPTS = [
    "three red cubes to the left of a small blue sphere, soft evening light",
    "a fox reading a newspaper on a bench beside a canal in late autumn, seen from across the "
    "water, with two bicycles leaning on the railing behind it and a lamp that is already lit",
    "طائر أزرق على غصن شجرة",
    "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz",
    "=SUM(A1:A9) <b>not bold</b> & 'quoted'",
]
# The widest of the fallback fonts that our stacks can end in.
DEJAVU = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("* { font-family: 'DejaVu Sans', Verdana, sans-serif !important }");
    document.adoptedStyleSheets = [sheet];
}"""
LOCKED_OUT = "somebody-locked-out"
Act = Callable[[Page], object]


class World:
    """People and studies that the pages show; arranged once for a site."""

    def __init__(self, site: Site) -> None:
        ask = site.ask
        self.site = site
        common = {"prompts": PROMPTS, "name": NAME, "public_name": PUBLIC}
        quorum = {"overlap": 3, "min_votes": 3}
        self.running = ask("study", pairs=9, people=3, protocol=quorum, **common)
        ask("vote_all", uid=self.running["uid"], left=3)
        ask("report_pair", uid=self.running["uid"], comment="the left picture is torn")
        ask("add_researcher", uid=self.running["uid"])
        self.done = ask("study", pairs=6, people=3, protocol=quorum, **common)
        ask("vote_all", uid=self.done["uid"])
        ask("move", uid=self.done["uid"], state="closed")
        self.disputed = ask("study", pairs=12, people=3, protocol=quorum, **common)
        self.reviewer = ask("reviewer", uid=self.disputed["uid"])
        self.draft = ask("study", pairs=3, launched=False, **common)
        self.fresh = ask("study", pairs=4, people=1, **common)
        phone = {"phone": True, "judgement": "full"}
        self.phone = ask("study", pairs=4, people=1, protocol=phone, context=True, **common)
        ties = {"judgement": "single", "ties": "split", "deciding_factor": True}
        self.split = ask("study", pairs=4, people=1, protocol=ties, **common)
        self.paused = ask("study", pairs=3, people=1, **common)
        ask("move", uid=self.paused["uid"], state="paused")
        self.empty = ask("study", pairs=2, people=1, **common)
        ask("vote_all", uid=self.empty["uid"])
        made = {"name": "Adaptive against its teacher, made here", "prompts": PROMPTS}
        self.tuning = ask("generated_study", state="draft", **made)
        self.sampling = ask(
            "generated_study", state="running", **made | {"name": "Pictures being made"}
        )
        stages = ("", "instructions", "training again", "in training", "exam", "in exam", "wait")
        for stage in (*stages, "failed", "qualified"):
            phone = {"phone": True} if stage.startswith("in ") else {}
            made = ask("examined", stage=stage, protocol=phone, name=NAME, public_name=PUBLIC)
            setattr(self, f"examined_{stage.replace(' ', '_')}", made)
        quota = {"votes_per_annotator": 1, "daily_minutes": 120, "phone": True}
        self.recruited = ask("study", pairs=4, people=1, protocol=quota, **common)
        self.recruited |= ask("recruited", uid=self.recruited["uid"])
        self.late = ask("late", uid=self.empty["uid"])
        self.shared = ask("shared", uids=[self.done["uid"], self.running["uid"]])
        self.admin = ask("person", role="admin")
        self.newcomer = ask("person", role="researcher")
        self.reset = ask("reset_link", user=self.newcomer["id"])
        ask("lock_out", username=LOCKED_OUT)
        self.invitation = ask("invitation")
        self.branches = ask("branches", name=NAME)
        self.rated = ask("rated", name=NAME)
        self.variety = ask("draft_with_worked_pairs", name=NAME)

    def address(self, name: str, **given: Any) -> str:
        return str(self.site.ask("address", name=name, **given))


@dataclass(frozen=True)
class Look:
    """One page in one state: whose session, which address, and what is done before looking."""

    id: str
    who: Callable[[World], dict[str, Any] | None]
    url: Callable[[World], str]
    then: Act = field(default=lambda page: None)

    def open(self, world: World, context: BrowserContext) -> Page:
        """The page, in this state."""
        person = self.who(world)
        if person is not None:
            session = {"name": "sessionid", "value": person["session"], "url": world.site.url}
            context.add_cookies([session])
        page = context.new_page()
        page.goto(self.url(world))
        self.then(page)
        return page


def nobody(_world: World) -> None:
    return None


def reviewer(world: World) -> dict[str, Any]:
    return world.reviewer


def owner(study: str) -> Callable[[World], dict[str, Any]]:
    return lambda world: getattr(world, study)["owner"]


def annotator(study: str) -> Callable[[World], dict[str, Any]]:
    return lambda world: getattr(world, study)["people"][0]


def at(name: str, study: str = "", **given: str) -> Callable[[World], str]:
    def url(world: World) -> str:
        here = {"uid": getattr(world, study)["uid"]} if study else {}
        return world.address(name, **here, **given)

    return url


def by_link(source: str, given: str = "") -> Callable[[World], str]:
    return lambda world: world.address("enter", token=world.recruited[source]) + given


def ready(page: Page) -> None:
    page.wait_for_selector(READY, state="attached")


def keys(*pressed: str, then: str = "") -> Act:
    """Press keys on the judging screen, then wait for a selector."""

    def act(page: Page) -> None:
        ready(page)
        for key in pressed:
            page.keyboard.press(key)
        if then:
            page.wait_for_selector(then)

    return act


def pictures(page: Page) -> None:
    """Wait until every picture is there, those below the fold too."""
    page.evaluate(
        """() => Promise.all([...document.images].map((image) => {
            image.loading = "eager";
            return image.decode();
        }))"""
    )


def note(page: Page) -> None:
    page.wait_for_selector("#note")


def logged_out(page: Page) -> None:
    ready(page)
    page.context.clear_cookies()
    page.keyboard.press("Digit1")
    page.wait_for_selector("#banner")


def send(fields: dict[str, str]) -> Act:
    """Fill the page's own form and send it past the browser's checks, to see the server's."""

    def act(page: Page) -> None:
        for name, value in fields.items():
            page.fill(f"main [name={name}]", value)
        with page.expect_navigation():
            page.evaluate("document.querySelector('main form[method=post]').submit()")

    return act


def outcomes_sent(results: str) -> Act:
    """Choose a file of outcomes with these student's results, and ask for its laboratory."""
    lines = ["prompt,student,refined,student_votes,refined_votes,a clip score"]
    lines += [f"p{i},{r},W,{r}{r}T,WWT,{i / 7:.2f}" for i, r in enumerate(4 * results)]

    def act(page: Page) -> None:
        content = "\n".join(lines).encode()
        sent = {"name": "outcomes of spring.csv", "mimeType": "text/csv", "buffer": content}
        page.set_input_files("[name=outcomes]", sent)  # type: ignore[arg-type]
        with page.expect_navigation():
            page.click("main form [type=submit]")

    return act


def check_code(page: Page) -> None:
    """Bring a code that nobody was given."""
    page.fill("#codes", "NOTGIVEN22")
    with page.expect_navigation():
        page.click("text=Check and accept")


def ask_personal(page: Page) -> None:
    """A link for the worker who has finished."""
    page.fill("#who", "5f3a9c")
    with page.expect_navigation():
        page.click("text=Make a personal link")


def without_token(page: Page) -> None:
    page.evaluate("document.querySelector('[name=csrfmiddlewaretoken]').value = 'stale'")
    with page.expect_navigation():
        page.evaluate("document.querySelector('main form[method=post]').submit()")


def locked_out(page: Page) -> None:
    send({"username": LOCKED_OUT, "password": "wrong again"})(page)


LOOKS = [
    Look("judge", annotator("fresh"), at("judge", "fresh"), keys("Digit0")),
    Look("judge-long-prompt", annotator("running"), at("judge", "running"), ready),
    Look("judge-split", annotator("split"), at("judge", "split"), ready),
    Look("judge-factor", annotator("split"), at("judge", "split"), keys("Digit1")),
    Look("judge-context", annotator("phone"), at("judge", "phone"), keys("Digit1")),
    Look("judge-instructions", annotator("fresh"), at("judge", "fresh"), keys("KeyI")),
    Look("judge-report", annotator("fresh"), at("judge", "fresh"), keys("KeyR")),
    Look("judge-keys", annotator("fresh"), at("judge", "fresh"), keys("Slash")),
    Look("judge-logged-out", annotator("fresh"), at("judge", "fresh"), logged_out),
    Look("judge-paused", annotator("paused"), at("judge", "paused"), note),
    Look("judge-nothing-left", annotator("empty"), at("judge", "empty"), note),
    Look("qualify-consent", annotator("examined_"), at("qualify", "examined_")),
    Look("qualify-consent-wrong", annotator("examined_"), at("qualify", "examined_"), send({})),
    Look(
        "qualify-instructions",
        annotator("examined_instructions"),
        at("qualify", "examined_instructions"),
        pictures,
    ),
    Look(
        "qualify-training-again",
        annotator("examined_training_again"),
        at("qualify", "examined_training_again"),
    ),
    Look(
        "trial-training",
        annotator("examined_in_training"),
        at("trial", "examined_in_training"),
        ready,
    ),
    Look(
        "trial-lesson",
        annotator("examined_in_training"),
        at("trial", "examined_in_training"),
        keys("Digit1", then=".shows-lesson"),
    ),
    Look("qualify-exam", annotator("examined_exam"), at("qualify", "examined_exam")),
    Look("trial-exam", annotator("examined_in_exam"), at("trial", "examined_in_exam"), ready),
    Look("qualify-wait", annotator("examined_wait"), at("qualify", "examined_wait")),
    Look("qualify-failed", annotator("examined_failed"), at("qualify", "examined_failed")),
    Look("qualify-passed", annotator("examined_qualified"), at("qualify", "examined_qualified")),
    Look("home-exam-first", annotator("examined_"), at("home")),
    Look("home-exam-failed", annotator("examined_failed"), at("home")),
    Look("finished-exam-failed", annotator("examined_failed"), at("finished", "examined_failed")),
    Look("study-exam", owner("examined_wait"), at("study-exam", "examined_wait"), pictures),
    Look("study-exam-failed", owner("examined_failed"), at("study-exam", "examined_failed")),
    Look("study-exam-draft", owner("draft"), at("study-exam", "draft")),
    Look("preview", owner("draft"), at("study-preview", "draft"), ready),
    Look("annotator-home", annotator("running"), at("home")),
    Look("annotator-home-nothing-left", annotator("empty"), at("home")),
    Look("enter", nobody, by_link("prolific", "?PROLIFIC_PID=newcomer")),
    Look("enter-again", nobody, by_link("personal")),
    Look("enter-elsewhere", nobody, by_link("prolific", "?PROLIFIC_PID=5f3a9c")),
    Look("enter-named", nobody, by_link("named")),
    Look("enter-refused", nobody, by_link("mturk")),
    Look("finished", lambda w: w.recruited, at("finished", "recruited")),
    Look("finished-without-work", lambda w: w.late, at("finished", "empty")),
    Look("finished-home", lambda w: w.recruited, at("home")),
    Look("worker-account", lambda w: w.recruited, at("account")),
    Look("leave", annotator("fresh"), at("leave", "fresh")),
    Look("erase", lambda w: w.recruited, at("erase")),
    Look("study-recruiting", owner("recruited"), at("study-recruiting", "recruited")),
    Look("personal-link", owner("recruited"), at("study-recruiting", "recruited"), ask_personal),
    Look("study-pay", owner("recruited"), at("study-pay", "recruited")),
    Look("study-codes", owner("recruited"), at("study-pay", "recruited"), check_code),
    Look("researcher-work", owner("running"), at("my-work")),
    Look("account", annotator("running"), at("account")),
    Look("password-change", annotator("running"), at("password_change")),
    Look("login", nobody, at("login")),
    Look("login-wrong", nobody, at("login"), send({"username": "nobody", "password": "wrong"})),
    Look("locked-out", nobody, at("login"), locked_out),
    Look("password-reset", nobody, at("password_reset")),
    Look("password-reset-sent", nobody, at("password_reset_done")),
    Look(
        "password-reset-set",
        nobody,
        lambda w: w.address("password_reset_confirm", uidb64=w.reset[0], token=w.reset[1]),
    ),
    Look(
        "password-reset-spent",
        nobody,
        lambda w: w.address("password_reset_confirm", uidb64=w.reset[0], token="spent-token"),
    ),
    Look("password-reset-done", nobody, at("password_reset_complete")),
    Look("join", nobody, lambda w: w.address("join", token=w.invitation)),
    Look(
        "join-short-password",
        nobody,
        lambda w: w.address("join", token=w.invitation),
        send({"username": "new person"}),
    ),
    Look("join-closed", nobody, at("join", token="no-such-invitation")),
    Look("studies", owner("running"), at("studies")),
    Look("studies-none", lambda w: w.newcomer, at("studies")),
    Look("study-new", lambda w: w.newcomer, at("study-new")),
    Look("study-new-wrong", lambda w: w.newcomer, at("study-new"), send({"name": ""})),
    Look("study-edit", owner("draft"), at("study-edit", "draft")),
    Look("study-edit-diversity", owner("variety"), at("study-edit", "variety"), pictures),
    Look("study-draft", owner("draft"), at("study", "draft")),
    Look("study-import", owner("draft"), at("study-import", "draft")),
    Look("study-launch", owner("draft"), at("study-launch", "draft")),
    Look("dashboard", owner("running"), at("study", "running")),
    Look("dashboard-closed", owner("done"), at("study", "done")),
    Look("samples", owner("running"), at("study-samples", "running")),
    Look("generation-form", owner("tuning"), at("study-edit", "tuning")),
    Look("generation-launch", owner("tuning"), at("study-launch", "tuning")),
    Look("generation-todo", owner("tuning"), at("study", "tuning")),
    Look("generation-thresholds", owner("tuning"), at("study-thresholds", "tuning")),
    Look("generation-dashboard", owner("sampling"), at("study", "sampling")),
    Look("generation-samples", owner("sampling"), at("study-samples", "sampling"), pictures),
    Look(
        "generation-record",
        owner("sampling"),
        lambda w: w.address("study-sample", uid=w.sampling["uid"], pk=w.sampling["sample"]),
    ),
    Look("quality", owner("running"), at("study-quality", "running")),
    Look("study-exam-diversity", owner("rated"), at("study-exam", "rated"), pictures),
    Look("quality-diversity", owner("rated"), at("study-quality", "rated")),
    Look("disputes", owner("disputed"), at("study-disputes", "disputed"), pictures),
    Look("disputes-reviewer", reviewer, at("study-disputes", "disputed"), pictures),
    Look("disputes-wrong", reviewer, at("study-disputes", "disputed"), send({})),
    Look("reviewer-home", reviewer, at("home")),
    Look("members", owner("running"), at("study-members", "running")),
    Look("report", owner("done"), at("study-report", "done")),
    Look("report-running", owner("running"), at("study-report", "running")),
    Look("report-no-votes", owner("fresh"), at("study-report", "fresh")),
    Look("report-diversity", owner("rated"), at("study-report", "rated")),
    Look("review", nobody, lambda w: w.address("review", token=w.shared["token"])),
    Look("review-links", owner("done"), at("study-review-links", "done")),
    Look("campaigns", lambda w: w.admin, at("campaigns")),
    Look(
        "campaign",
        lambda w: w.admin,
        lambda w: w.address("campaign", campaign=w.shared["campaign"]),
    ),
    Look("votes-import", owner("running"), at("votes-import")),
    Look("laboratory", owner("branches"), at("study-laboratory", "branches")),
    Look("laboratory-file", owner("running"), at("laboratory-file")),
    Look("laboratory-file-answer", owner("running"), at("laboratory-file"), outcomes_sent("WTL")),
    Look("laboratory-file-wrong", owner("running"), at("laboratory-file"), outcomes_sent("WTQ")),
    Look("laboratory-no-branches", owner("running"), at("study-laboratory", "running")),
    Look("plan", owner("running"), at("study-plan")),
    Look(
        "plan-simulated",
        owner("running"),
        lambda w: w.address("study-plan") + "?simulate=on&studies=100&on_demand=on&overlap=3",
    ),
    Look("people", lambda w: w.admin, at("people")),
    Look("error-404", annotator("fresh"), lambda _w: "/no/such/page/"),
    Look("error-403", annotator("fresh"), at("people")),
    Look("error-csrf", nobody, at("login"), without_token),
]
# Addresses whose GET is not a page of their own.
NOT_PAGES = {
    "healthz": "plain text",
    "judge-hand": "JSON",
    "trial-verb": "JSON",
    "preview-verb": "JSON",
    "method-price": "a fragment",
    "pass-table": "a fragment",
    "study-thumb": "a picture",
    "study-toml": "a file",
    "study-export": "a file",
    "study-frozen-report": "a file",
    "study-pay-csv": "a file",
    "study-diversity-file": "a file",
    "campaign-file": "a file",
    "review-file": "a file",
}
