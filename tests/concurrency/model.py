"""What should happen when people judge: seats, hands and votes in memory, one caller at a time.

Written from the rules, not from the code: it must import nothing of `annotate.judging`.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from annotate.analysis.verdict import Decision, Rule, decide
from annotate.analysis.votes import Choice, Criterion, VoteRecord
from annotate.studies.protocol import Protocol

Key = tuple[int, int]
"""A pair and the number of one of its seats."""

RETURNED, EXPIRED, FRESH = range(3)
"""Seats that came back are served before leases that ran out, and these before fresh ones."""


@dataclass
class Seat:
    """One of a pair's places: free, leased to somebody, or voted on."""

    state: str = "free"
    returned: bool = False
    who: int | None = None
    token: uuid.UUID | None = None
    until: datetime | None = None
    said: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None
    nth: int = 0

    def free(self) -> None:
        self.state, self.returned = "free", True
        self.who = self.token = self.until = self.at = None


@dataclass(frozen=True)
class Served:
    """A pair that was handed out, as the caller saw it."""

    pair: int
    seat: int
    token: uuid.UUID


class Model:
    """A study that is being judged. Each verb checks what was served and says what must come."""

    def __init__(self, pairs: list[int], protocol: Protocol) -> None:
        self.protocol = protocol
        self.state = "open"
        numbers = range(1, protocol.overlap + 1)
        self.seats: dict[Key, Seat] = {(pair, n): Seat() for pair in pairs for n in numbers}
        self.hands: dict[int, list[Key]] = {}
        self.inactive: set[int] = set()
        self.barred: set[tuple[int, int]] = set()
        self.taken_back: set[tuple[int, uuid.UUID]] = set()
        self.held: set[int] = set()
        self.reports: dict[int, set[int]] = {}
        self.voids: list[tuple[int, int, int]] = []
        self.votes_ever = 0
        self.back: set[Key] = set()
        for pair in pairs:
            self.reserve(pair)

    # --- who may be served ------------------------------------------------------------------------

    def on_offer(self, who: int, *, now: datetime) -> dict[Key, int]:
        """The seats this person may be given now, each with its class."""
        mine = {pair for (pair, _), seat in self.seats.items() if seat.who == who}
        found: dict[Key, int] = {}
        for key, seat in self.seats.items():
            if key[0] in mine or key[0] in self.held or (who, key[0]) in self.barred:
                continue
            if key in self.back:
                continue
            if seat.state == "free":
                found[key] = RETURNED if seat.returned else FRESH
            elif seat.state == "leased" and seat.until < now:
                found[key] = EXPIRED
        return found

    def take(self, who: int, served: list[Served], *, now: datetime) -> list[int]:
        """Check and note the leases that fill a hand; returns the class of each."""
        offered = {pair for pair, _ in self.on_offer(who, now=now)}
        room = self.protocol.prefetch + 1 - len(self.hands[who])
        if self.state != "open" or who in self.inactive:
            room = 0
        assert len(served) == min(max(room, 0), len(offered)), (served, offered, room)
        classes = []
        for one in served:
            key, offer = (one.pair, one.seat), self.on_offer(who, now=now)
            assert key in offer, f"{key} is not for {who}: {self.seats[key]}"
            assert offer[key] == min(offer.values()), f"{key} was served before better ones"
            classes.append(offer[key])
            seat = self.seats[key]
            if seat.who is not None:
                self.hands[seat.who].remove(key)
            seat.state, seat.who, seat.token = "leased", who, one.token
            seat.until = now + timedelta(minutes=self.protocol.lease_minutes)
            self.hands[who].append(key)
        return classes

    def left(self, who: int, *, now: datetime) -> int:
        if self.state != "open":
            return 0
        return len(self.hands[who]) + len({pair for pair, _ in self.on_offer(who, now=now)})

    # --- what people do ---------------------------------------------------------------------------

    def join(self, who: int) -> None:
        self.hands[who] = []

    def renew_hand(self, who: int, *, now: datetime) -> list[uuid.UUID]:
        """What is in hand before it is filled; being asked for prolongs it."""
        if self.state == "open":
            for key in self.hands[who]:
                self.seats[key].until = now + timedelta(minutes=self.protocol.lease_minutes)
        return [self.seats[key].token for key in self.hands[who]]

    def leased(self, who: int, token: uuid.UUID) -> Key | None:
        return next((key for key in self.hands[who] if self.seats[key].token == token), None)

    def voted(self, who: int, token: uuid.UUID) -> Key | None:
        return next((k for k, s in self.votes() if s.who == who and s.token == token), None)

    def votes(self) -> list[tuple[Key, Seat]]:
        return [(key, seat) for key, seat in self.seats.items() if seat.state == "voted"]

    def submit(
        self, who: int, token: uuid.UUID, said: Mapping[str, str] | None, *, now: datetime
    ) -> str:
        """What must become of a ballot; `said` names images, and is None when it makes no sense."""
        if (who, token) in self.taken_back:
            return "undone"
        if key := self.voted(who, token):
            if said is None:
                return "bad_answer"
            return "repeated" if self.seats[key].said == said else "conflict"
        if not (key := self.leased(who, token)) or self.state == "closed":
            return "passed_on"
        if said is None:
            return "bad_answer"
        seat = self.seats[key]
        late = seat.until < now
        self.hands[who].remove(key)
        self.votes_ever += 1
        seat.state, seat.until, seat.said = "voted", None, said
        seat.at, seat.nth = now, self.votes_ever
        self._escalate(key[0])
        return "late" if late else "created"

    def undo(self, who: int, token: uuid.UUID, *, now: datetime) -> tuple[str, list[uuid.UUID]]:
        """What must become of it, and the tokens of leases that make room."""
        mine = [(seat.nth, key) for key, seat in self.votes() if seat.who == who]
        key = self.voted(who, token)
        if key is None or key != max(mine)[1] or self.state == "closed":
            return "too_late", []
        seat = self.seats[key]
        if now > seat.at + timedelta(seconds=self.protocol.undo_seconds):
            return "too_late", []
        dropped = []
        if len(self.hands[who]) > self.protocol.prefetch:
            last = self.seats[self.hands[who].pop()]
            dropped = [last.token]
            last.free()
        self.taken_back.add((who, token))
        self.hands[who].insert(0, key)
        seat.state, seat.token, seat.at = "leased", None, None
        seat.until = now + timedelta(minutes=self.protocol.lease_minutes)
        self._escalate(key[0], keep=key)
        return "reopened", dropped

    def skip(self, who: int, token: uuid.UUID) -> str:
        if not (key := self.leased(who, token)):
            return "passed_on"
        self._give_back(key)
        self.barred.add((who, key[0]))
        return "skipped"

    def report(self, who: int, token: uuid.UUID) -> str:
        key = self.leased(who, token)
        outcome = self.skip(who, token)
        if key is None:
            return outcome
        self.reports.setdefault(key[0], set()).add(who)
        if len(self.reports[key[0]]) >= self.protocol.hold_after_reports:
            self.held.add(key[0])
            return "held"
        return "reported"

    def renew(self, who: int, token: uuid.UUID, *, now: datetime) -> str:
        if not (key := self.leased(who, token)):
            return "passed_on"
        self.seats[key].until = now + timedelta(minutes=self.protocol.lease_minutes)
        return "renewed"

    def release(self, who: int) -> int:
        mine = list(self.hands[who])
        for key in mine:
            self._give_back(key)
        return len(mine)

    def release_all(self) -> int:
        return sum(self.release(who) for who in self.hands)

    def void(self, key: Key) -> None:
        """A vote is struck out: its seat is open to people who never had the pair."""
        seat = self.seats[key]
        self.voids.append((*key, seat.who))
        self.barred.add((seat.who, key[0]))
        self.taken_back.add((seat.who, seat.token))
        seat.free()
        self._escalate(key[0])

    def resolve(self, pair: int, *, keep_held: bool) -> None:
        self.reports[pair] = set()
        (self.held.add if keep_held else self.held.discard)(pair)
        self.reserve(pair)

    def _give_back(self, key: Key) -> None:
        self.hands[self.seats[key].who].remove(key)
        self.seats[key].free()

    # --- what the votes amount to -----------------------------------------------------------------

    def verdict(self, pair: int) -> Decision | None:
        """The pure rule on the pair's current votes."""
        votes = [
            VoteRecord({Criterion(c): Choice(x) for c, x in seat.said.items()})
            for key, seat in self.votes()
            if key[0] == pair
        ]
        rules = self.protocol
        if not votes:
            return None
        return decide(
            votes,
            rule=Rule(rules.rule),
            min_votes=rules.min_votes,
            split=rules.split,
            escalate_to=rules.escalate_to,
            overlap=rules.overlap,
            on_demand=rules.on_demand,
        )

    def missing(self, pair: int) -> int:
        """Votes that a pair still waits for before any escalation."""
        voted = sum(of == pair and n <= self.protocol.overlap for (of, n), _ in self.votes())
        if not self.protocol.on_demand:
            return self.protocol.overlap - voted
        # Two different answers are a tie for a small quorum, until the third is given.
        found = self.verdict(pair) if voted == 2 else None
        agreed = found is not None and found.reason == "unanimous"
        return {0: 2, 1: 1, 2: 0 if agreed else 1, 3: 0}[voted]

    def reserve(self, pair: int) -> None:
        """On demand, two answers to one end leave nothing for a third: its seat is kept back."""
        if not self.protocol.on_demand:
            return
        here = [(k, s) for k, s in self.seats.items() if k[0] == pair and k[1] <= 3]
        waiting = [(seat.state != "leased", key) for key, seat in here if seat.state != "voted"]
        self.back -= {key for key, _ in here}
        self.back |= {key for _, key in sorted(waiting)[self.missing(pair) :]}

    def _escalate(self, pair: int, *, keep: Key | None = None) -> None:
        """A split under split=escalate asks more people; when it is one no more, nobody else."""
        self.reserve(pair)
        if self.protocol.escalate_to is None:
            return
        above = {k: s for k, s in self.seats.items() if k[0] == pair and k[1] > 3}
        voted = sum(key[0] == pair for key, _ in self.votes())
        if voted >= self.protocol.overlap and self.verdict(pair) is None:
            self.back -= above.keys()
            for number in range(1, self.protocol.escalate_to + 1):
                self.seats.setdefault((pair, number), Seat(returned=True))
        elif all(seat.state != "voted" for seat in above.values()):
            self.back |= above.keys()
            for key, seat in above.items():
                if seat.state == "leased" and key != keep:
                    self._give_back(key)
