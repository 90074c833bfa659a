"""How many votes a second, how quickly and at what cost: the judging loop against its ceiling.

    python -m benchmarks.judging [--databases sqlite postgres] [--clients 1 8 32] [--seconds 8]
                                 [--large 200000] [--quick]

C annotators loop *next -> two pictures -> submit* over persistent connections on the real server
(gunicorn, two processes of four threads). In the same run the same loop measures the least Django
app that does this (benchmarks/judging_loop/ceiling.py: sessions, pictures, one claim, one insert;
same database settings and server). Clients run on the same machine and share its cores.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import platform
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.judging_loop.machine import (
    ROOT,
    cpu_seconds,
    database,
    family_of,
    postgres_pids,
    rss_mb,
    server,
)

CSRF = "benchmarkbenchmarkbenchmark01234"


@dataclass
class Measured:
    """One loop: votes a second, milliseconds at percentiles, server CPU and memory."""

    votes: int
    seconds: float
    next_ms: list[float]
    submit_ms: list[float]
    errors: int
    cpu_web: float
    cpu_database: float
    rss_mb: float

    @property
    def rate(self) -> float:
        return self.votes / self.seconds

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_web / max(self.votes, 1)

    def row(self, name: str) -> str:
        return (
            f"{name:<34} {self.rate:7.1f} {_p(self.next_ms)} {_p(self.submit_ms)} "
            f"{self.cpu_ms:7.2f} {1000 * self.cpu_database / max(self.votes, 1):7.2f} "
            f"{self.rss_mb:6.0f} {self.errors:4d}"
        )


def goals(
    ours: dict[int, Measured], ceiling: dict[int, Measured], slower: list[float]
) -> Iterator[tuple[str, bool]]:
    """The goals that a database has to meet, each with what was reached, and whether it was.

    Args:
        ours, ceiling: what was measured, by the number of clients; those at 8 and 32 count.
        slower: times a vote in large pools by those in the small one.
    """
    if 8 in ours:
        eight = ours[8]
        share = eight.rate / ceiling[8].rate
        yield f"C = 8: at least 60 % of the ceiling: {share:.0%}", share >= 0.6
        yield f"C = 8: server CPU at most 7 ms a vote: {eight.cpu_ms:.1f}", eight.cpu_ms <= 7
    for clients, most in ((8, 40), (32, 150)):
        if clients in ours:
            one = ours[clients]
            worst = max(percentile(times, 0.95) for times in (one.next_ms, one.submit_ms))
            yield f"C = {clients}: p95 at most {most} ms: {worst:.0f}", worst <= most
    if {8, 32} <= ours.keys():
        fall = 1 - ours[32].rate / ours[8].rate
        yield f"no fall above 15 % from C = 8 to 32: {fall:.1%}", fall <= 0.15
    for factor in slower:
        yield f"large pools at most x1.5: x{factor:.2f}", factor <= 1.5


HEAD = (
    f"{'':<34} {'votes/s':>7} {'next p50/p95/p99 ms':>20} {'submit p50/p95/p99':>20} "
    f"{'cpu/vote':>8}{'db cpu':>7} {'RSS MB':>6} {'err':>4}"
)


def percentile(values: list[float], q: float) -> float:
    ordered = sorted(values) or [0.0]
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def _p(values: list[float]) -> str:
    return "/".join(f"{percentile(values, q):.0f}" for q in (0.5, 0.95, 0.99)).rjust(20)


class Browser:
    """One annotator: a persistent connection, a session, and the clock around each request."""

    def __init__(self, port: int, session: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.headers = {
            "Cookie": f"sessionid={session}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
            "Content-Type": "application/json",
        }

    def get(self, path: str) -> tuple[int, bytes]:
        return self._send("GET", path, None)

    def post(self, path: str, body: dict[str, object]) -> tuple[int, bytes]:
        return self._send("POST", path, json.dumps(body))

    def _send(self, method: str, path: str, body: str | None) -> tuple[int, bytes]:
        self.connection.request(method, path, body=body, headers=self.headers)
        response = self.connection.getresponse()
        return response.status, response.read()


Loop = Callable[[Browser, str, float], dict[str, object]]


def product_loop(browser: Browser, study: str, until: float) -> dict[str, object]:
    """The judging page's own traffic: the first hand, then vote -> next pair, its two pictures."""
    base = f"/annotate/{study}"
    next_ms, submit_ms, errors = [], [], 0
    start = time.perf_counter()
    status, body = browser.get(f"{base}/hand")
    next_ms.append(1000 * (time.perf_counter() - start))
    tasks = json.loads(body)["tasks"]
    for task in tasks:
        for image in task["images"]:
            browser.get(image)
    while tasks and time.monotonic() < until:
        task = tasks.pop(0)
        ballot = {
            "token": task["token"],
            "answers": {"alignment": "left"},
            "active_ms": 2000,
            "elapsed_ms": 2400,
            "display": {"viewport": [1280, 720], "dpr": 1, "shown": [470, 470], "scale": 0.92},
        }
        start = time.perf_counter()
        status, body = browser.post(f"{base}/votes", ballot)
        submit_ms.append(1000 * (time.perf_counter() - start))
        if status != 201:
            errors += 1
            continue
        # The answer to a vote brings the next pair: submit and next are one request.
        fresh = json.loads(body)["tasks"]
        for image in (image for task in fresh for image in task["images"]):
            start = time.perf_counter()
            code, picture = browser.get(image)
            next_ms.append(1000 * (time.perf_counter() - start))
            errors += code != 200 or len(picture) < 1000
        tasks += fresh
    return {"next": next_ms, "submit": submit_ms, "errors": errors}


def ceiling_loop(browser: Browser, _study: str, until: float) -> dict[str, object]:
    next_ms, submit_ms, errors = [], [], 0
    number = 0
    while time.monotonic() < until:
        start = time.perf_counter()
        _status, body = browser.get("/next")
        next_ms.append(1000 * (time.perf_counter() - start))
        slot = json.loads(body)["slot"]
        if slot is None:
            break
        for _ in range(2):
            number = (number + 1) % 16
            code, _picture = browser.get(f"/image/{number}")
            errors += code != 200
        start = time.perf_counter()
        status, _body = browser.post("/submit", {"slot": slot, "choice": "left"})
        submit_ms.append(1000 * (time.perf_counter() - start))
        errors += status != 201
    return {"next": next_ms, "submit": submit_ms, "errors": errors}


def _clients(
    loop: Loop,
    port: int,
    study: str,
    sessions: list[str],
    until: float,
    out: multiprocessing.Queue[Any],
) -> None:
    """One client process: a thread for each annotator."""
    results: list[dict[str, object]] = []

    def run(session: str) -> None:
        results.append(loop(Browser(port, session), study, until))

    threads = [threading.Thread(target=run, args=(s,)) for s in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out.put(results)


def measure(
    loop: Loop, port: int, pid: int, study: str, sessions: list[str], seconds: float
) -> Measured:
    """Run the loop for `seconds` with one annotator per session."""
    out: multiprocessing.Queue[Any] = multiprocessing.Queue()
    database = postgres_pids()
    family = family_of(pid)
    before, before_db = cpu_seconds(family), cpu_seconds(database)
    started = time.monotonic()
    halves = [part for part in (sessions[::2], sessions[1::2]) if part]
    processes = [
        multiprocessing.Process(
            target=_clients, args=(loop, port, study, part, started + seconds, out)
        )
        for part in halves
    ]
    for process in processes:
        process.start()
    results = [one for _ in processes for one in out.get()]
    for process in processes:
        process.join()
    elapsed = time.monotonic() - started
    family = family_of(pid)
    return Measured(
        votes=sum(len(r["submit"]) for r in results) - sum(int(r["errors"]) for r in results),
        seconds=elapsed,
        next_ms=[ms for r in results for ms in r["next"]],
        submit_ms=[ms for r in results for ms in r["submit"]],
        errors=sum(int(r["errors"]) for r in results),
        cpu_web=cpu_seconds(family) - before,
        cpu_database=cpu_seconds(postgres_pids()) - before_db,
        rss_mb=rss_mb(family),
    )


def _json(script: str, *arguments: object, env: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", f"benchmarks.judging_loop.{script}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{script}: {done.stderr[-2000:]}")
    printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return printed


def run_product(
    environment: Callable[[str], dict[str, str]],
    *,
    name: str,
    pairs: int,
    clients: list[int],
    seconds: float,
    done: float = 0.0,
) -> dict[int, Measured]:
    env = environment(name)
    filled = _json("product", pairs, sum(clients) + 1, done, env=env)
    sessions = list(filled["sessions"])
    measured = {}
    with server("annotate.config.wsgi:application", env) as (port, pid):
        measure(product_loop, port, pid, filled["study"], [sessions.pop()], 1.5)  # warm-up
        for c in clients:
            mine = [sessions.pop() for _ in range(c)]
            measured[c] = measure(product_loop, port, pid, filled["study"], mine, seconds)
    return measured


def run_ceiling(
    environment: Callable[[str], dict[str, str]], *, clients: list[int], seconds: float
) -> dict[int, Measured]:
    env = environment("ceiling")
    keys = list(_json("ceiling", sum(clients) + 1, 60_000, env=env))
    _pictures(Path(env["CEILING_DIR"]), env)
    measured = {}
    with server("benchmarks.judging_loop.ceiling:application", env) as (port, pid):
        measure(ceiling_loop, port, pid, "", [keys.pop()], 1.5)
        for c in clients:
            mine = [keys.pop() for _ in range(c)]
            measured[c] = measure(ceiling_loop, port, pid, "", mine, seconds)
    return measured


def _pictures(folder: Path, env: dict[str, str]) -> None:
    """The same sixteen pictures as the product's, as plain files."""
    code = (
        "from benchmarks.judging_loop.product import PICTURES, picture\n"
        f"for n in range(PICTURES): picture(n).save(r'{folder}/' + f'{{n}}.png', compress_level=1)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--databases", nargs="+", default=["sqlite", "sqlite-normal", "postgres"])
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--pairs", type=int, default=8000)
    parser.add_argument("--large", type=int, default=200_000)
    parser.add_argument("--quick", action="store_true", help="no large pools")
    args = parser.parse_args()
    missed = 0
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for kind in args.databases:
        with database(kind) as environment:
            print(f"\n{kind}\n{HEAD}")
            ceiling = run_ceiling(environment, clients=args.clients, seconds=args.seconds)
            for c, m in ceiling.items():
                print(m.row(f"  ceiling, C = {c}"))
            ours = run_product(
                environment,
                name="product",
                pairs=args.pairs,
                clients=args.clients,
                seconds=args.seconds,
            )
            for c, m in ours.items():
                share = m.rate / ceiling[c].rate
                print(m.row(f"  Triptych, C = {c} ({share:.0%} of ceiling)"))
            if kind == "sqlite-normal":
                continue  # not the default, so that no goal is set for it
            slower = []
            for label, done in () if args.quick else (("empty", 0.0), ("95 % done", 0.95)):
                large = run_product(
                    environment,
                    name=f"large{int(done * 100)}",
                    pairs=args.large,
                    clients=[8],
                    seconds=args.seconds,
                    done=done,
                )[8]
                base = ours[8] if 8 in ours else next(iter(ours.values()))
                slower.append(base.rate / large.rate)
                print(
                    large.row(f"  {args.large:,} pairs, {label}, C = 8")
                    + f"  x{slower[-1]:.2f} of {args.pairs:,} pairs"
                )
            for goal, met in goals(ours, ceiling, slower):
                missed += not met
                print(f"  {'met' if met else 'NOT met'}: {goal}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
