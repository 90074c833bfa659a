"""Are spammers found and their pairs filled again where everything goes over HTTP?

    python -m benchmarks.pool_over_http [--seeds 1] [--databases sqlite postgres] [--pairs 400]

For each seed one study of drawn pairs on the real server (gunicorn as `up` starts it, and the
sweep), judged by the product's own `simulate_annotators` with 30 programs, six of them spammers,
under `watch_action = "repair"`; then the same study with honest programs in their places. Exits 1
where a pair lacks its three valid votes. Nothing stays behind. Programs work at once, so that who
meets which pair, and with it every count of votes, differs from run to run.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

from annotate.cli.pool import described, drawn
from annotate.cli.simulated_annotator import Temper
from benchmarks import busy
from benchmarks.judging_loop.machine import ROOT, database, server

POOL, SPAMMERS, ACCURACY, SECONDS = 30, 0.2, 0.92, 8.0
FIRST_SEED = 5
# Programs vote many times a second: rounds come often enough to look at each twentieth of them.
SWEEP_SECONDS = "2"
# A repair frees pairs after the programs have gone; so often they are called again.
PASSES = 6


@dataclass(frozen=True)
class Judged:
    """A study after its programs: their tempers by account, and what its database says."""

    tempers: Mapping[str, Temper]
    found: Mapping[str, Any]
    passes: int
    seconds: float

    @property
    def rate(self) -> float:
        """Win rate in per cent, ties dropped."""
        return 100 * float(self.found["win"])

    @property
    def whole(self) -> bool:
        """Whether each pair has its three valid votes and no slot is open."""
        return [votes for votes, _ in self.found["pairs"]] == [3] and not self.found["open"]

    @property
    def voided(self) -> int:
        return sum(one["votes"] for one in self.found["people"].values() if not one["active"])


@dataclass(frozen=True)
class _Plan:
    """What both studies of a seed share."""

    folder: Path
    pairs: int
    seed: int


def judge(environment: Callable[[str], dict[str, str]], plan: _Plan, *, spammers: float) -> Judged:
    """One study on a database of its own, judged until no vote is wanted."""
    usual = Temper(accuracy=ACCURACY, seconds=SECONDS, waits=False)
    pool = drawn(POOL, usual, spammers=spammers, seed=plan.seed)
    tempers = {f"simulated-{number}": one for number, one in enumerate(pool, start=1)}
    env = environment(f"seed_{plan.seed}_{'spammers' if spammers else 'honest'}")
    env |= {"DJANGO_SETTINGS_MODULE": "annotate.config.settings", "TRIPTYCH_SWEEP": SWEEP_SECONDS}
    study = _json(env, "fill", plan.folder, plan.pairs, plan.seed)
    began = time.monotonic()
    with server("annotate.config.wsgi:application", env) as (port, _):
        asked = ["simulate_annotators", study["study"], "--url", f"http://127.0.0.1:{port}"]
        asked += ["--no-waiting", "--seed", plan.seed, "--truth", study["truth"]]
        who = ["--pool", POOL, "--spammers", spammers, "--accuracy", ACCURACY]
        passes = 0
        while True:
            with _sweeping(env):
                _python(env, "manage.py", *asked, *who)
            # The last votes may flag somebody too, and their pairs wait for the next pass.
            _python(env, "manage.py", "sweep", "--once")
            found, passes = _json(env, "look", study["study"]), passes + 1
            if not found["open"] or passes == PASSES:
                break
            who = ["--people", _those_who_stay(plan.folder, tempers, found)]
    return Judged(tempers, found, passes, time.monotonic() - began)


def _those_who_stay(folder: Path, tempers: Mapping[str, Temper], found: Mapping[str, Any]) -> Path:
    """A file of those whose places do not rest, in the order in which they are called again."""
    gone = {name for name, one in found["people"].items() if not one["active"]}
    people = "".join(
        f"[[people]]\nhabit = {json.dumps(one.habit)}\naccuracy = {one.accuracy}\n"
        f"tie_width = {one.tie_width}\nseconds = {one.seconds}\n"
        for name, one in tempers.items()
        if name not in gone
    )
    path = folder / "people.toml"
    path.write_text(people)
    return path


@contextmanager
def _sweeping(env: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "manage.py", "sweep"]
    sweep = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        sweep.terminate()
        sweep.wait(timeout=60)


def _json(env: dict[str, str], *arguments: object) -> dict[str, Any]:
    printed = _python(env, "-m", "benchmarks.pools.study", *arguments)
    answer: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return answer


def _python(env: dict[str, str], *arguments: object) -> str:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return done.stdout


def told(judged: Judged) -> Iterator[str]:
    """What became of a study, a line each."""
    found, voided = judged.found, judged.voided
    pairs = ", ".join(f"{votes} on {count}" for votes, count in found["pairs"])
    passes = "1 pass" if judged.passes == 1 else f"{judged.passes} passes"
    yield (
        f"{found['valid'] + voided:,} votes in {passes}, {voided} voided; valid votes by pair: "
        f"{pairs}; {judged.seconds:.0f} s"
    )
    people = found["people"]
    each = sorted(one["votes"] for one in people.values())
    yield (
        f"win rate {judged.rate:.1f} % (n = {found['n']}); votes a program: {each[0]} to "
        f"{each[-1]}, median {median(each):g}"
    )
    spammers = [name for name, one in judged.tempers.items() if one.habit != "honest"]
    gone = [name for name, one in people.items() if not one["active"]]
    stay = [name for name in spammers if name in people and name not in gone]
    if spammers:
        yield f"{len(set(spammers) & set(gone))} of {len(spammers)} spammers sent away"
    for name in gone:
        one, habit = people[name], judged.tempers[name].habit
        yield f"  away: {habit}, {one['votes']} votes, by {', '.join(one['rules'])}"
    for name in stay:
        one, habit = people[name], judged.tempers[name].habit
        (right, controls), (agreed, others) = one["controls"], one["others"]
        p_value = "too few to be judged" if one["p"] is None else f"all signals p = {one['p']:.1g}"
        least = sorted(one["signals"].items(), key=lambda signal: signal[1])[:2]
        alone = "".join(f", {signal} {p:.1g}" for signal, p in least)
        yield (
            f"  stays: {habit}, {one['votes']} votes, {right} of {controls} controls right, "
            f"{agreed} of {others} as most others; {p_value}{alone}"
        )


def compared(kind: str, *, seeds: Sequence[int], pairs: int) -> Iterator[tuple[float, bool]]:
    """(difference of the win rates in points, all pairs whole) by seed, each printed."""
    with database(kind) as environment, tempfile.TemporaryDirectory(prefix="pool-") as folder:
        for seed in seeds:
            plan = _Plan(Path(folder) / str(seed), pairs, seed)
            plan.folder.mkdir()
            both = []
            for spammers in (SPAMMERS, 0.0):
                judged = judge(environment, plan, spammers=spammers)
                both.append(judged)
                who = described(list(judged.tempers.values())) or f" ({POOL} honest)"
                print(f"\n{kind}, seed {seed}, {pairs} pairs{who}")
                print("\n".join(f"  {line}" for line in told(judged)), flush=True)
            difference = both[0].rate - both[1].rate
            print(f"  difference {difference:+.1f} points", flush=True)
            yield difference, both[0].whole and both[1].whole


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1, help=f"how many, from {FIRST_SEED} on")
    parser.add_argument("--databases", nargs="+", default=["sqlite"])
    parser.add_argument("--pairs", type=int, default=400)
    args = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, {busy()}")
    seeds = range(FIRST_SEED, FIRST_SEED + args.seeds)
    whole = True
    for kind in args.databases:
        off, there = zip(*compared(kind, seeds=seeds, pairs=args.pairs), strict=True)
        whole &= all(there)
        print(
            f"\n{kind}: difference {mean(off):+.2f} points in the mean, {mean(map(abs, off)):.2f} "
            f"in mean size; every pair has its three valid votes: {all(there)}"
        )
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
