"""Hypothesis plays people and researchers, and compares the database with the model at each step.

It must not decide what is right: tests/concurrency/model.py does.
"""

import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from annotate.judging import queue, reporting, voting
from annotate.judging.answers import BadAnswer
from annotate.judging.hotpath import Lease
from annotate.judging.launch import launch
from annotate.judging.models import Answer, Assignment, Verdict, Vote, VoteRevision
from annotate.judging.verdicts import protocol_of
from annotate.studies.lifecycle import MOVES, move
from annotate.studies.models import Membership, Study
from tests.concurrency.model import EXPIRED, FRESH, RETURNED, Key, Model, Seat, Served
from tests.factories import NOW, join, make_study

MOST_PEOPLE = 6
OUTCOMES = {
    queue.PassedOn: "passed_on",
    voting.Conflict: "conflict",
    voting.Undone: "undone",
    voting.TooLate: "too_late",
    BadAnswer: "bad_answer",
}
CLASSES = {RETURNED: "served again", EXPIRED: "served after expiry", FRESH: "served fresh"}
# What is said on screen: two deciding answers, a deeper one, a tie, and one that makes no sense.
ON_SCREEN = st.sampled_from(
    [
        {"alignment": "left"},
        {"alignment": "right"},
        {"alignment": "equal", "quality": "left"},
        {"alignment": "equal", "quality": "equal", "aesthetics": "equal"},
        {"alignment": "sideways"},
    ]
)
ANY = st.integers(0, 999)

happened: Counter[str] = Counter()


class Judging(RuleBasedStateMachine):
    """Every example judges a study of its own inside a savepoint that is rolled back."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.now = NOW
        # Every token that was ever handed out, with whom it was given to and which side was which.
        self.issued: list[tuple[int, uuid.UUID]] = []
        self.flipped: dict[uuid.UUID, bool] = {}
        self.settled: dict[int, list] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    @initialize(
        pairs=st.integers(1, 4),
        overlap=st.integers(1, 3),
        few=st.booleans(),
        on_demand=st.sampled_from([False, False, True]),
        split=st.sampled_from(["tie", "drop", "escalate"]),
        escalate_to=st.sampled_from([4, 5]),
        prefetch=st.integers(0, 2),
        reports=st.integers(1, 2),
        said=st.lists(ON_SCREEN, min_size=3, max_size=12),
    )
    def launched(
        self, pairs, overlap, few, on_demand, split, escalate_to, prefetch, reports, said
    ) -> None:
        overlap = 3 if split == "escalate" else overlap
        protocol = {
            "overlap": overlap,
            "overlap_mode": "on_demand" if on_demand and overlap == 3 else "full",
            "min_votes": 1 if few else overlap,
            "split": split,
            "escalate_to": escalate_to if split == "escalate" else None,
            "prefetch": prefetch,
            "hold_after_reports": reports,
        }
        self.study = launch(make_study(pairs=pairs, protocol=protocol), actor=None, now=NOW)
        self.comparisons = list(self.study.comparisons.order_by("order"))
        self.model = Model([c.pk for c in self.comparisons], protocol_of(self.study))
        self.people: list[int] = []
        for _ in range(overlap):
            self.somebody_joins()
        # Begin in the middle: the first votes are the same whatever comes later.
        self.everybody_votes(said)

    # --- people -----------------------------------------------------------------------------------

    @precondition(lambda self: len(self.people) < MOST_PEOPLE)
    @rule()
    def somebody_joins(self) -> None:
        self.people.append(join(self.study).pk)
        self.model.join(self.people[-1])

    @rule(n=ANY)
    def asks_for_pairs(self, n: int) -> None:
        who = self.people[n % len(self.people)]
        held = self.model.renew_hand(who, now=self.now)
        got = queue.hand(self.member(who), now=self.now)
        assert [lease.token for lease in got[: len(held)]] == held
        self.served(who, got[len(held) :])
        assert queue.left_for(self.member(who), now=self.now) == self.model.left(who, now=self.now)

    @precondition(lambda self: any(self.model.hands.values()))
    @rule(n=ANY, nth=ANY, said=ON_SCREEN)
    def votes(self, n: int, nth: int, said: Mapping[str, str]) -> None:
        busy = [who for who in self.people if self.model.hands[who]]
        who = busy[n % len(busy)]
        # Mostly the pair on screen; another tab may show a later one.
        key = self.model.hands[who][nth % len(self.model.hands[who]) if nth % 4 == 0 else 0]
        self.submits(who, self.model.seats[key].token, said)

    @rule(said=st.lists(ON_SCREEN, min_size=2, max_size=6))
    def everybody_votes(self, said: list[Mapping[str, str]]) -> None:
        """A quiet minute, so that examples get as far as verdicts and empty pools."""
        for n, words in enumerate(said):
            self.asks_for_pairs(n)
            who = self.people[n % len(self.people)]
            if self.model.hands[who]:
                self.submits(who, self.model.seats[self.model.hands[who][0]].token, words)

    @rule(n=ANY)
    def somebody_was_away(self, n: int) -> None:
        """All leases run out, then one person comes and asks."""
        self.time_passes(601)
        self.asks_for_pairs(n)

    @precondition(lambda self: self.model.votes())
    @rule(n=ANY)
    def clicks_twice(self, n: int) -> None:
        """A vote is sent again with the same answers, as they stand on the screen."""
        seat = self.a_vote(n)[1]
        left, right = ("second", "first") if self.flipped[seat.token] else ("first", "second")
        words = {left: "left", right: "right", "tie": "equal"}
        self.submits(seat.who, seat.token, {c: words[x] for c, x in seat.said.items()})

    @precondition(lambda self: self.issued)
    @rule(n=ANY, said=ON_SCREEN)
    def sends_again(self, n: int, said: Mapping[str, str]) -> None:
        """A double click, a late vote, or a tab that slept: any token its owner ever had."""
        self.submits(*self.issued[n % len(self.issued)], said)

    @precondition(lambda self: self.issued)
    @rule(n=ANY, m=ANY, said=ON_SCREEN)
    def sends_what_may_be_somebody_elses(self, n: int, m: int, said: Mapping[str, str]) -> None:
        self.submits(self.people[m % len(self.people)], self.issued[n % len(self.issued)][1], said)

    @precondition(lambda self: self.model.votes())
    @rule(n=ANY)
    def takes_a_vote_back(self, n: int) -> None:
        seat = self.a_vote(n)[1]
        self.undoes(seat.who, seat.token)

    @precondition(lambda self: self.issued)
    @rule(n=ANY)
    def takes_something_back(self, n: int) -> None:
        self.undoes(*self.issued[n % len(self.issued)])

    @precondition(lambda self: self.issued)
    @rule(n=ANY)
    def skips(self, n: int) -> None:
        who, token = self.own(n)
        wanted = self.model.skip(who, token)
        self.agree(wanted, lambda: queue.skip(self.member(who), token, now=self.now))

    @precondition(lambda self: self.issued)
    @rule(n=ANY)
    def reports(self, n: int) -> None:
        who, token = self.own(n)
        wanted = self.model.report(who, token)
        verb = reporting.report
        self.agree(wanted, lambda: verb(self.member(who), token, reason="broken", now=self.now))

    @precondition(lambda self: self.issued)
    @rule(n=ANY)
    def renews(self, n: int) -> None:
        who, token = self.own(n)
        wanted = self.model.renew(who, token, now=self.now)
        self.agree(wanted, lambda: queue.renew(self.member(who), token, now=self.now))

    # --- time and researchers ---------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 20, 61, 400, 601]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.model.votes())
    @rule(n=ANY)
    def a_vote_is_voided(self, n: int) -> None:
        key, seat = self.a_vote(n)
        vote = Vote.objects.get(token=seat.token)
        self.model.void(key)
        voting.invalidate(vote, actor=self.study.owner, now=self.now)
        with pytest.raises(voting.Undone):
            voting.invalidate(vote, actor=self.study.owner, now=self.now)
        happened["voided"] += 1

    @rule(n=ANY)
    def the_study_moves(self, n: int) -> None:
        """Mostly to and from open; closing gives all leases back."""
        self.study.refresh_from_db()
        legal = sorted(MOVES[Study.State(self.study.state)] - {Study.State.ARCHIVED})
        target = Study.State.OPEN if "open" in legal else legal[n % len(legal)]
        move(self.study, target, actor=None)
        self.model.state = target.value
        if target == Study.State.CLOSED:
            assert queue.release_study(self.study) == self.model.release_all()
        happened[f"study {target}"] += 1

    @rule(n=ANY, leaves=st.booleans())
    def somebody_is_released(self, n: int, leaves: bool) -> None:
        who = self.people[n % len(self.people)]
        member = self.member(who)
        Membership.objects.filter(pk=member.pk).update(active=not leaves)
        (self.model.inactive.add if leaves else self.model.inactive.discard)(who)
        if leaves or n % 2:
            assert queue.release(self.study, member.user) == self.model.release(who)
            happened["released"] += 1

    @rule(n=ANY, keep_held=st.booleans())
    def a_researcher_looks(self, n: int, keep_held: bool) -> None:
        asked = self.comparisons[n % len(self.comparisons)]
        keep_held = keep_held and n % 3 == 0
        reporting.resolve(asked, keep_held=keep_held, actor=self.study.owner, now=self.now)
        self.model.resolve(asked.pk, keep_held=keep_held)

    # --- the same call to both --------------------------------------------------------------------

    def member(self, who: int) -> Membership:
        """As a request finds it: nothing is remembered from the last one."""
        found = Membership.objects.select_related("study", "user")
        return found.get(study=self.study, user_id=who)

    def own(self, n: int) -> tuple[int, uuid.UUID]:
        """A token with its owner; every other time one that is still leased."""
        leased = [(w, self.model.seats[k].token) for w in self.people for k in self.model.hands[w]]
        pool = leased if leased and n % 2 else self.issued
        return pool[n // 2 % len(pool)]

    def a_vote(self, n: int) -> tuple[Key, Seat]:
        """One of the current votes; 0 is the latest."""
        votes = sorted(self.model.votes(), key=lambda vote: -vote[1].nth)
        return votes[n % len(votes)]

    def agree(self, wanted: str, verb) -> object:
        """Call and compare what it came to with what the model said."""
        came_to, result = wanted, None
        try:
            result = verb()
        except tuple(OUTCOMES) as refusal:
            came_to = OUTCOMES[type(refusal)]
            assert came_to == wanted
        assert result is not None or wanted in OUTCOMES.values(), f"not refused: {wanted}"
        happened[wanted] += 1
        return result

    def served(self, who: int, fresh: list[Lease]) -> None:
        seen = [Served(lease.comparison_id, lease.slot, lease.token) for lease in fresh]
        for kind in self.model.take(who, seen, now=self.now):
            happened[CLASSES[kind]] += 1
        self.note(who, fresh)

    def note(self, who: int, leases: list[Lease]) -> None:
        self.issued += [(who, lease.token) for lease in leases]
        self.flipped |= {lease.token: lease.flipped for lease in leases}

    def submits(self, who: int, token: uuid.UUID, on_screen: Mapping[str, str]) -> None:
        said = self.by_image(token, on_screen)
        wanted = self.model.submit(who, token, said, now=self.now)
        ballot = voting.Ballot(token=token, answers=on_screen)
        receipt = self.agree(wanted, lambda: voting.submit(self.member(who), ballot, now=self.now))
        if receipt is not None:
            assert receipt.created == (wanted in {"created", "late"})
            if receipt.created:
                self.served(who, receipt.fresh)
                assert Vote.objects.get(token=token).late == (wanted == "late")
            else:
                assert receipt.fresh == []

    def by_image(self, token: uuid.UUID, said: Mapping[str, str]) -> Mapping[str, str] | None:
        """What an answer about sides says about images; None when the page never sends it."""
        if "sideways" in said.values():
            return None
        left, right = ("second", "first") if self.flipped[token] else ("first", "second")
        return {c: {"left": left, "right": right, "equal": "tie"}[x] for c, x in said.items()}

    def undoes(self, who: int, token: uuid.UUID) -> None:
        wanted, dropped = self.model.undo(who, token, now=self.now)
        result = self.agree(wanted, lambda: voting.undo(self.member(who), token, now=self.now))
        if result is not None:
            lease, gone = result
            assert gone == dropped
            self.model.seats[self.model.hands[who][0]].token = lease.token
            self.note(who, [lease])

    # --- after every step -------------------------------------------------------------------------

    @invariant()
    def seats_and_hands_are_the_models(self) -> None:
        rows = Assignment.objects.filter(study=self.study).order_by("turn")
        seats, hands = {}, {who: [] for who in self.people}
        voids, held, served = [], set(), set()
        for a in rows:
            key = (a.comparison_id, a.slot)
            if a.state == "void":
                voids.append((*key, a.annotator_id))
                continue
            assert key not in seats
            seats[key] = (a.state, a.annotator_id, a.token, a.lease_until)
            if a.state == "leased":
                hands[a.annotator_id].append(key)
            if a.state != "voted" and key not in self.model.back:
                (held if a.held else served).add(a.comparison_id)
        assert seats == {k: (s.state, s.who, s.token, s.until) for k, s in self.model.seats.items()}
        assert hands == self.model.hands
        assert sorted(voids) == sorted(self.model.voids)
        assert held <= self.model.held
        assert not served & self.model.held
        # Neither more nor fewer are on offer or in hand than the pair waits for.
        waiting = Counter(
            a.comparison_id
            for a in rows
            if a.slot <= 3 and not a.held and a.state in {"free", "leased"}
        )
        for pair in {c.pk for c in self.comparisons} - self.model.held:
            assert waiting[pair] == self.model.missing(pair)

    @invariant()
    def votes_and_verdicts_are_the_models(self) -> None:
        stored: dict[uuid.UUID, tuple] = {}
        answers = Answer.objects.filter(vote__study=self.study).values_list(
            "vote__token", "vote__comparison", "vote__annotator", "criterion", "choice"
        )
        for token, pair, who, criterion, choice in answers:
            stored.setdefault(token, (pair, who, {}))[2][criterion] = choice
        assert stored == {s.token: (k[0], s.who, dict(s.said)) for k, s in self.model.votes()}
        voters = [(pair, who) for pair, who, _ in stored.values()]
        assert len(voters) == len(set(voters))
        most = self.model.protocol.escalate_to or self.model.protocol.overlap
        assert all(n <= most for n in Counter(pair for pair, _ in voters).values())
        verdicts = Verdict.objects.filter(comparison__study=self.study).values_list(
            "comparison", "outcome", "reason", "deciding", "votes"
        )
        assert {pair: told for pair, *told in verdicts} == self.verdicts()
        revisions = VoteRevision.objects.filter(assignment__study=self.study)
        assert set(revisions.values_list("annotator_id", "token")) == self.model.taken_back

    def verdicts(self) -> dict[int, list]:
        found = {}
        for asked in self.comparisons:
            if decision := self.model.verdict(asked.pk):
                deciding = decision.deciding.value if decision.deciding else ""
                told = [decision.outcome.value, decision.reason, deciding, sum(decision.counts)]
                found[asked.pk] = told
        for pair in found.keys() | self.settled.keys():
            if pair not in found:
                happened["verdict gone"] += 1
            elif self.settled.get(pair) != found[pair]:
                happened[f"verdict {found[pair][1]}"] += 1
        self.settled = found
        return found
