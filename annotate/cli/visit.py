"""A browser's part in a simulated annotator's work: pages, forms, pictures, patience.

It must not know how anybody judges.
"""

import json
import re
import threading
from typing import Any

import httpx

from annotate.sampling.images import content_digest, decode
from annotate.sampling.refusals import Refused

TRIES = 30
# A site that is busy or away is asked again after this long when it does not say itself.
PAUSE = 1.0
_BUSY = {502, 503, 504}


class SimulationError(RuntimeError):
    """The site answered in a way that no annotator can go on from."""


class ToldToStop(Exception):
    """Somebody pressed Ctrl-C while this annotator was waiting."""


class NotYetQualified(Exception):
    """The study asks for training and exam first."""


class SentAway(Exception):
    """This annotator's place in the study was ended, by the rules that watch it or by hand."""


class Visit:
    """A browser's part: cookies, CSRF, patience with a site that is busy or restarts."""

    def __init__(self, http: httpx.Client, stop: threading.Event) -> None:
        self._http = http
        self._stop = stop
        self._csrf = ""

    def sign_in(self, username: str, password: str) -> None:
        """Fill in the log-in form."""
        page = self.ask("GET", "/login/")
        answer = self.fill_in(page, {"username": username, "password": password, "next": ""})
        if answer.status_code != 302:
            raise SimulationError(f"{username} could not log in: {told(answer)}")

    def fill_in(self, page: httpx.Response, fields: dict[str, str]) -> httpx.Response:
        """Send the form of a page, with the token that it holds against forgery."""
        guard = found(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        form = {**fields, "csrfmiddlewaretoken": guard}
        return self._send("POST", page.url.path, data=form, headers={"Referer": str(page.url)})

    def open_study(self, study: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The judging page: its settings, and the pairs that come with it.

        Raises:
            NotYetQualified: training and exam come first.
            SentAway: this person's place in it has ended.
            SimulationError: the study is not open to this person.
        """
        page = self.ask("GET", f"/annotate/{study}/")
        if page.status_code == 302 and page.headers.get("Location", "").endswith("/first/"):
            raise NotYetQualified
        if page.status_code == 302 and page.headers.get("Location", "").endswith("/finished/"):
            raise SentAway
        return self.bench(page)

    def bench(self, page: httpx.Response) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a page with the judging screen holds: its settings, and the pairs with it."""
        if page.status_code != 200:
            raise SimulationError(
                f"the judging page {page.url.path} answered {told(page)}; only a study's active "
                "annotators may open it, once it is launched"
            )
        self._csrf = found(r'<meta name="csrf-token" content="(\w+)"', page)
        config, hand = (
            json.loads(found(rf'<script id="{name}" type="application/json">(.*?)</script>', page))
            for name in ("config", "hand")
        )
        return config, hand

    def hand(self, address: str) -> dict[str, Any]:
        """The pairs in hand, what is left, and the study's state."""
        response = self.ask("GET", address)
        if response.status_code != 200:
            raise SimulationError(f"asked for more pairs and got {told(response)}")
        reply: dict[str, Any] = response.json()
        return reply

    def picture(self, address: str) -> str:
        """Download and decode a picture; gives the digest of what it shows."""
        response = self.ask("GET", address)
        try:
            return content_digest(decode(response.content))
        except Refused as error:
            raise SimulationError(f"a picture did not arrive: {told(response)}") from error

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """Send, as JSON where there is a body, with the token that guards against forgery."""
        guard = {"X-CSRFToken": self._csrf, "Referer": str(self._http.base_url)}
        response = self._send(method, path, json=body, headers=guard if body else None)
        if response.status_code == 401:
            raise SimulationError(f"signed out in the middle: {told(response)}")
        if response.status_code == 409 and response.json().get("error") == "ended":
            raise SentAway
        return response

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        for _ in range(TRIES):
            wait = PAUSE
            try:
                response = self._http.request(method, path, **content)
                if response.status_code not in _BUSY:
                    return response
                wait = float(response.headers.get("Retry-After", PAUSE))
            except httpx.TransportError as error:
                # A vote may have been stored before the line broke; its token makes it safe to
                # send again.
                last = f"{type(error).__name__} {error}"
            else:
                last = told(response)
            self.rest(wait)
        raise SimulationError(f"no answer to {method} {path} in {TRIES} tries; the last: {last}")

    def rest(self, seconds: float) -> None:
        if self._stop.wait(seconds) if seconds else self._stop.is_set():
            raise ToldToStop


def found(pattern: str, page: httpx.Response) -> str:
    """What the pattern's group matches in a page that must have it."""
    if match := re.search(pattern, page.text, re.DOTALL):
        return match[1]
    raise SimulationError(f"the page {page.url.path} is not what it was: no {pattern}")


def told(response: httpx.Response) -> str:
    """Status and, from JSON, the words."""
    if response.headers.get("Content-Type", "").startswith("application/json"):
        return f"{response.status_code} {response.json().get('message', '')}".strip()
    return str(response.status_code)
