"""A study rehearsed with spammers among its annotators: who is flagged, and what repair restores.
Must not know studies or rows; the people here are random numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from annotate.analysis.annotators import against
from annotate.analysis.habits import HURRY, SIDES, Habit, cast, press
from annotate.analysis.mixing import extra_at
from annotate.analysis.verdict import majority
from annotate.analysis.votes import Choice
from annotate.analysis.watching import TOGETHER, Judged, Limits, rule_flags, suspicions

if TYPE_CHECKING:
    import numpy as np

HONEST: Habit = "honest"
REPEAT_AFTER = 40


@dataclass(frozen=True)
class Pool:
    """Who judges what. Pairs differ by a latent quality, normal with mean `lean` and deviation 1.

    Honest annotators see it with their own noise (deviation `noise`, itself spread by half among
    people), call less than `tie` equal, and take a lognormal time of median `seconds`. How the
    others press is `habits`.
    """

    annotators: int = 30
    spammers: int = 6
    pairs: int = 600
    votes: int = 3
    lean: float = 0.2
    noise: float = 0.6
    tie: float = 0.15
    seconds: float = 4.0
    control_rate: float = 0.08
    repeat_rate: float = 0.03


class Cast(NamedTuple):
    """One live vote."""

    pair: int
    annotator: int
    choice: Choice


@dataclass(frozen=True)
class Rehearsed:
    """A study that was judged: its live votes, and everybody's work in order."""

    kinds: tuple[Habit, ...]
    cast: tuple[Cast, ...]
    work: tuple[tuple[Judged, ...], ...]


class _Person:
    """One annotator at work; each has random numbers of their own."""

    def __init__(self, kind: Habit, pool: Pool, rng: np.random.Generator) -> None:
        self.kind, self.pool, self.rng = kind, pool, rng
        self.noise = pool.noise * float(rng.uniform(0.5, 1.5))
        self.pace = pool.seconds * float(rng.lognormal(0, 0.35))
        self.before = "left"

    def press(self, difference: float) -> tuple[str, float]:
        """(pressed, seconds) on a pair whose left picture is better by `difference`."""
        # All drawn each time, so that honest people meet the same numbers beside any spammer.
        seen = difference + self.noise * float(self.rng.normal())
        pressed = press(self.kind, rng=self.rng)
        seconds = self.pace * float(self.rng.lognormal(0, 0.5))
        left, right, equal = SIDES
        if pressed is None:
            said = equal if abs(seen) < self.pool.tie else (left if seen > 0 else right)
        else:
            said = self.before if pressed.copied else pressed.side
        self.before = said
        return said, HURRY * seconds if self.kind == "fast" else seconds


def rehearse_pool(pool: Pool, *, seed: int, honest: bool = False) -> Rehearsed:
    """Everybody judges an equal share of the pairs, three different people each.

    Args:
        honest: put honest people in the spammers' places; all others do exactly the same.
    """
    import numpy as np

    rng = np.random.default_rng([seed, 0])
    quality = rng.normal(pool.lean, 1, pool.pairs)
    kinds = cast(pool.annotators, spammers=pool.spammers / pool.annotators, rng=rng)
    if honest:
        kinds = (HONEST,) * pool.annotators
    people = [_Person(k, pool, np.random.default_rng([seed, 1, i])) for i, k in enumerate(kinds)]
    hands: list[list[int]] = [[] for _ in kinds]
    for pair in rng.permutation(pool.pairs):
        least = sorted(range(pool.annotators), key=lambda i: (len(hands[i]), rng.random()))
        for who in least[: pool.votes]:
            hands[who].append(int(pair))
    work, votes = [], list[Cast]()
    for who, person in enumerate(people):
        rows = _work(person, hands[who], quality, key=f"{seed}|{who}")
        work.append(rows)
        votes += [Cast(pair, who, choice) for pair, choice, _ in rows if pair >= 0]
    return Rehearsed(kinds, tuple(votes), _compared(work, votes))


Row = tuple[int, Choice, Judged]  # the pair (-1 for a control or repeat), by picture, as pressed


def _work(person: _Person, hand: Sequence[int], quality: np.ndarray, *, key: str) -> list[Row]:
    """One annotator's pairs in order, controls and repeats mixed in as in live work."""
    pool = person.pool
    rates = {"control": pool.control_rate, "repeat": pool.repeat_rate}
    rows: list[Row] = []
    live = list(hand)
    seen: list[tuple[int, bool, Choice]] = []
    place = 0
    while live:
        kind = extra_at(place, rates=rates, key=key)
        place += 1
        flipped = bool(person.rng.random() < 0.5)
        if kind == "control":
            # Unambiguous: four of five such pairs differ by more than most others do.
            difference = 1.5 + abs(float(person.rng.normal()))
            said, seconds = person.press(-difference if flipped else difference)
            right = _picture(said, flipped=flipped) is Choice.FIRST
            rows.append((-1, Choice.TIE, Judged(said, seconds, control=right)))
        elif kind == "repeat" and len(seen) > REPEAT_AFTER:
            pair, before, chosen = seen[int(person.rng.integers(len(seen) - REPEAT_AFTER))]
            difference = float(quality[pair])
            said, seconds = person.press(difference if before else -difference)
            same = _picture(said, flipped=not before) is chosen
            rows.append((-1, Choice.TIE, Judged(said, seconds, repeat=same)))
        else:
            pair = live.pop(0)
            difference = float(quality[pair])
            said, seconds = person.press(-difference if flipped else difference)
            choice = _picture(said, flipped=flipped)
            seen.append((pair, flipped, choice))
            rows.append((pair, choice, Judged(said, seconds)))
    return rows


def _picture(pressed: str, *, flipped: bool) -> Choice:
    if pressed == "equal":
        return Choice.TIE
    return Choice.FIRST if (pressed == "left") != flipped else Choice.SECOND


def _compared(
    work: Sequence[Sequence[Row]], votes: Iterable[Cast]
) -> tuple[tuple[Judged, ...], ...]:
    """The work with each live vote held against the others on its pair."""
    on: dict[int, list[Choice]] = defaultdict(list)
    for vote in votes:
        on[vote.pair].append(vote.choice)
    told = {"agreed": True, "differed": False}
    return tuple(
        tuple(
            row if pair < 0 else row._replace(others=told.get(against(on[pair], choice)))
            for pair, choice, row in rows
        )
        for rows in work
    )


def flagged(
    work: Sequence[Sequence[Judged]], limits: Limits, *, among: Collection[int]
) -> set[int]:
    """Whom the rules, or all signals together, speak of."""
    pool = {who: work[who] for who in among if work[who]}
    joined = suspicions(pool)
    return {
        who
        for who, votes in pool.items()
        if rule_flags(votes, limits) or joined[who].p_value < TOGETHER
    }


def repaired(done: Rehearsed, out: Collection[int], pool: Pool, *, seed: int) -> tuple[Cast, ...]:
    """The votes after those of `out` were voided and their slots refilled by the others.

    Nobody judges a pair twice. Who refills is honest or not as they were.
    """
    import numpy as np

    rng = np.random.default_rng([seed, 0])
    quality = rng.normal(pool.lean, 1, pool.pairs)
    draw = np.random.default_rng([seed, 2])
    people = {
        i: _Person(kind, replace(pool), np.random.default_rng([seed, 3, i]))
        for i, kind in enumerate(done.kinds)
        if i not in out
    }
    kept = [vote for vote in done.cast if vote.annotator not in out]
    had: dict[int, set[int]] = defaultdict(set)
    for vote in done.cast:
        had[vote.pair].add(vote.annotator)
    for vote in done.cast:
        if vote.annotator in out:
            who = int(draw.choice(sorted(people.keys() - had[vote.pair])))
            had[vote.pair].add(who)
            flipped = bool(draw.random() < 0.5)
            difference = float(quality[vote.pair])
            said, _ = people[who].press(-difference if flipped else difference)
            kept.append(Cast(vote.pair, who, _picture(said, flipped=flipped)))
    return tuple(kept)


def win_share(votes: Iterable[Cast]) -> float:
    """The win rate of the first pictures, tied verdicts dropped."""
    on: dict[int, list[Choice]] = defaultdict(list)
    for vote in votes:
        on[vote.pair].append(vote.choice)
    verdicts = [majority(said) for said in on.values()]
    wins = sum(v is Choice.FIRST for v in verdicts)
    return wins / max(sum(v is not Choice.TIE for v in verdicts), 1)
