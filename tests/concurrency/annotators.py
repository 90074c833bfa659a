"""Annotators over HTTP with the habits of people: they click twice, dawdle, leave and come back.

Each notes what the server acknowledged. It must not look into the database.
"""

import http.client
import json
import random
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

CSRF = "concurrencyconcurrencyconcurrenc"
SIDES = ("left", "right")


class Tab:
    """One browser tab: a persistent connection and a session."""

    def __init__(self, port: int, study: str, session: str, *, patience: float = 0) -> None:
        self.base = f"/annotate/{study}"
        self.patience = patience
        self.headers = {
            "Cookie": f"sessionid={session}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
            "Content-Type": "application/json",
        }
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.broken = 0

    def hand(self) -> tuple[int, dict[str, Any]]:
        return self._send("GET", "hand", None)

    def post(self, verb: str, **body: Any) -> tuple[int, dict[str, Any]]:
        return self._send("POST", verb, json.dumps(body, default=str))

    def _send(self, method: str, verb: str, body: str | None) -> tuple[int, dict[str, Any]]:
        """Send it, like the page's outbox again and again while the server is away."""
        until = time.monotonic() + self.patience
        while True:
            try:
                if self.connection.sock is None:
                    self.connection.connect()
                    self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connection.request(method, f"{self.base}/{verb}", body, self.headers)
                answer = self.connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException):
                self.connection.close()
                self.broken += 1
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
                continue
            kind = answer.headers.get_content_type()
            return answer.status, json.loads(text) if kind == "application/json" else {}


@dataclass(frozen=True)
class Habits:
    """How often somebody does what, as shares of their pairs; times in seconds."""

    doubles: float = 0.0
    strays: float = 0.0
    dawdles: float = 0.0
    skips: float = 0.0
    leaves: float = 0.0
    lease: float = 600.0
    think: float = 0.0
    patience: float = 0.0


@dataclass
class Ledger:
    """What all annotators were told. Appending and counting under one lock."""

    acknowledged: list[tuple[uuid.UUID, str]] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    # Tokens lately handed out to anybody, for posts to pairs of others.
    tokens: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, status: int, body: dict[str, Any]) -> None:
        with self.lock:
            self.seen[f"{what} {status} {body.get('error', '')}".strip()] += 1
            if status >= 500 or status in (400, 401, 403, 404, 405, 422):
                self.errors.append(f"{what} {status} {body}")

    def acknowledge(self, token: str, side: str) -> None:
        with self.lock:
            self.acknowledged.append((uuid.UUID(token), side))


class Annotator(threading.Thread):
    """One tab of one person, judging until `done` is set."""

    def __init__(
        self,
        open_tab: Callable[[], Tab],
        *,
        name: str,
        habits: Habits,
        ledger: Ledger,
        done: threading.Event,
        rng: random.Random,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.open_tab, self.habits, self.ledger = open_tab, habits, ledger
        self.done, self.rng = done, rng
        self.tab, self.second = open_tab(), open_tab()

    def run(self) -> None:
        try:
            self._judge()
        except (OSError, http.client.HTTPException) as error:
            with self.ledger.lock:
                self.ledger.errors.append(f"{self.name}: {error!r}")

    def _judge(self) -> None:
        tasks = self._hand()
        while not self.done.is_set():
            if not tasks:
                self.done.wait(self.rng.uniform(0.3, 0.7))
                tasks = self._hand()
                continue
            # The first is shown; the other tab of this person may show another.
            task = tasks.pop(0 if self.rng.random() < 0.8 else -1)
            self.done.wait(self.habits.think * self.rng.uniform(0.2, 1.8))
            tasks = self._act(task["token"], tasks)

    def _act(self, token: str, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Do with one pair what the dice say; the pairs in hand afterwards."""
        habits, dice = self.habits, self.rng.random()
        if (dice := dice - habits.strays) < 0:
            self._stray()
        elif (dice := dice - habits.skips) < 0:
            status, body = self.tab.post("skip", token=token)
            self.ledger.note("skip", status, body)
            return body["tasks"] if status == 200 else self._hand()
        elif (dice := dice - habits.leaves) < 0:
            self.done.wait(habits.lease * self.rng.uniform(1.2, 2.5))
            return self._hand()
        elif (dice := dice - habits.dawdles) < 0:
            self.done.wait(habits.lease * self.rng.uniform(1.05, 1.5))
            return self._vote(token, tasks, what="late vote")
        elif dice - habits.doubles < 0:
            return self._vote_twice(token, tasks)
        return self._vote(token, tasks)

    def _hand(self) -> list[dict[str, Any]]:
        status, body = self.tab.hand()
        self.ledger.note("hand", status, body)
        tasks = body.get("tasks", [])
        with self.ledger.lock:
            self.ledger.tokens += [(self.name, task["token"]) for task in tasks]
        return tasks

    def _vote(
        self, token: str, tasks: list[dict[str, Any]], *, what: str = "vote"
    ) -> list[dict[str, Any]]:
        side = self.rng.choice(SIDES)
        status, body = self._post(self.tab, token, side, what)
        return tasks + body["tasks"] if status in (200, 201) else self._hand()

    def _vote_twice(self, token: str, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The same ballot on two connections at once."""
        side, answers = self.rng.choice(SIDES), []
        again = threading.Thread(
            target=lambda: answers.append(self._post(self.second, token, side, "double"))
        )
        again.start()
        answers.append(self._post(self.tab, token, side, "double"))
        again.join()
        if sum(status == 201 for status, _ in answers) > 1:
            self.ledger.errors.append(f"{self.name}: one ballot was stored twice")
        fresh = [task for status, body in answers if status == 201 for task in body["tasks"]]
        return tasks + fresh if fresh else self._hand()

    def _post(self, tab: Tab, token: str, side: str, what: str) -> tuple[int, dict[str, Any]]:
        status, body = tab.post("votes", token=token, answers={"alignment": side}, elapsed_ms=900)
        self.ledger.note(what, status, body)
        if status in (200, 201):
            self.ledger.acknowledge(token, side)
        return status, body

    def _stray(self) -> None:
        """A vote on a pair that was never this person's: it must be refused."""
        with self.ledger.lock:
            # One person's two tabs have one name up to the slash.
            me = self.name.split("/")[0]
            others = [t for name, t in self.ledger.tokens[-60:] if name.split("/")[0] != me]
        token = self.rng.choice(others) if others and self.rng.random() < 0.6 else uuid.uuid4()
        status, body = self.tab.post("votes", token=token, answers={"alignment": "left"})
        self.ledger.note("stray", status, body)
        if status != 409:
            self.ledger.errors.append(f"{self.name}: a stray vote was answered {status}")
