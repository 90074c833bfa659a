"""Judges a study over HTTP as the page does, and notes everything an annotator's machine could see.

Pixels apart: addresses, headers, lengths, times, order, every field of every answer. It must not
know which side is whose.
"""

import hashlib
import http.client
import json
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.blinding.classifier import Floats


@dataclass
class Seen:
    """One answer of the server."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    milliseconds: float


@dataclass
class Shown:
    """One pair as its annotator met it: its task, both pictures' answers, its place in the row."""

    task: dict[str, Any]
    pictures: list[Seen]
    index: int
    reply: Seen | None = None


@dataclass
class Observer:
    """One annotator's connection. `everything` keeps all answers but pictures, for the crawl."""

    port: int
    session: str
    study: str
    shown: list[Shown] = field(default_factory=list)
    everything: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.cookies = f"sessionid={self.session}; csrftoken={'c' * 32}"

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Seen:
        headers = {"Cookie": self.cookies}
        if body is not None:
            headers |= {"X-CSRFToken": "c" * 32, "Content-Type": "application/json"}
        text = None if body is None else json.dumps(body)
        started = time.perf_counter()
        self.connection.request("POST" if text else "GET", path, text, headers)
        answer = self.connection.getresponse()
        data = answer.read()
        taken = 1000 * (time.perf_counter() - started)
        return Seen(answer.status, answer.getheaders(), data, taken)

    def judge(self, pairs: int) -> list[Shown]:
        """Look at and answer up to `pairs` pairs."""
        base = f"/annotate/{self.study}"
        self.everything += [self.ask(f"{base}/"), self.ask(f"{base}/hand")]
        tasks = json.loads(self.everything[-1].body)["tasks"]
        while tasks and len(self.shown) < pairs:
            task = tasks.pop(0)
            # Left before right, as the page does it.
            pair = Shown(task, [self.ask(url) for url in task["images"]], len(self.shown))
            self.shown.append(pair)
            ballot = {"token": task["token"], "answers": {"alignment": "left"}, "elapsed_ms": 900}
            pair.reply = self.ask(f"{base}/votes", ballot)
            self.everything.append(pair.reply)
            assert pair.reply.status == 201, pair.reply.body
            tasks += json.loads(pair.reply.body)["tasks"]
        return self.shown


def _number(value: object) -> float:
    """Any value as a number: its own, else one that equal texts share."""
    try:
        return float(str(value))
    except ValueError:
        digest = hashlib.sha256(str(value).encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32


def _leaves(value: object, path: str = "") -> dict[str, float]:
    """Every leaf of a JSON answer, with the order in which its keys came."""
    if isinstance(value, dict):
        found = {f"{path}#order": _number(list(value))}
        for key, inner in value.items():
            found |= _leaves(inner, f"{path}.{key}")
        return found
    if isinstance(value, list):
        found = {f"{path}#length": float(len(value))}
        for n, inner in enumerate(value):
            found |= _leaves(inner, f"{path}.{n}")
        return found
    return {path: _number(value)}


def _text(name: str, text: str) -> dict[str, float]:
    return {f"{name}[{n}]": float(ord(c)) for n, c in enumerate(text)}


def features(pair: Shown) -> dict[str, float]:
    """All that one pair shows, as named numbers."""
    row = _leaves(pair.task)
    row |= {f"index % {n}": float(pair.index % n) for n in (2, 3, 4, 5, 8, 16)}
    row |= {"index": float(pair.index)} | _text("token", pair.task["token"])
    assert pair.reply is not None
    row |= {"reply ms": pair.reply.milliseconds, "reply bytes": float(len(pair.reply.body))}
    sides: list[dict[str, float]] = []
    for url, seen in zip(pair.task["images"], pair.pictures, strict=True):
        side = {"status": float(seen.status), "bytes": float(len(seen.body))}
        side |= {"ms": seen.milliseconds, "url length": float(len(url))}
        side |= {f"header {name}": _number(value) for name, value in seen.headers}
        side |= {"header order": _number([name for name, _ in seen.headers])}
        side |= {"end zeros": float(len(seen.body) - len(seen.body.rstrip(b"\0")) > 0)}
        sides.append(side | _text("url", url))
    left, right = sides
    for name in left.keys() | right.keys():
        a, b = left.get(name, -1.0), right.get(name, -1.0)
        row |= {f"left {name}": a, f"right {name}": b, f"difference {name}": a - b}
    return row


def table(pairs: list[Shown]) -> tuple[list[str], Floats]:
    """Names of the columns, and one row for each pair."""
    rows = [features(pair) for pair in pairs]
    names = sorted(set().union(*rows))
    return names, np.array([[row.get(name, -1.0) for name in names] for row in rows])
