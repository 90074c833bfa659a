"""One simulated annotator: signs in, looks and votes over HTTP as a browser would.

It must not touch the database: of a pair it knows what page and pictures tell, as people do.
"""

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import numpy as np

from annotate.analysis.habits import Habit, answers_on, press
from annotate.cli.simulated_rating import press_levels, rate
from annotate.cli.simulated_sitting import qualify
from annotate.cli.visit import (
    PAUSE,
    NotYetQualified,
    SentAway,
    SimulationError,
    ToldToStop,
    Visit,
    told,
)
from generation.reference.judge import CRITERIA, TIE_WIDTH, Answer, NoisyJudge, Truth, overall

# What the picture of this content digest is worth by each criterion.
TruthOf = Callable[[str], Truth]
# What the two pictures of an item with a known answer are, by the digests of both.
Known = Mapping[frozenset[str], Mapping[str, Truth]]

_WORDS: dict[Answer, str] = {"first": "left", "second": "right", "tie": "equal"}
_LAST = (CRITERIA[-1], "overall")


@dataclass(frozen=True)
class Account:
    """How a simulated annotator signs in."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Temper:
    """How a simulated annotator judges; see `NoisyJudge` for the first three.

    Attributes:
        seconds: median time for a pair; 0 answers as soon as both pictures are decoded.
        habit: what somebody does who does not look; see `analysis.habits`.
        waits: False reports the drawn time without letting it pass, for a quick rehearsal.
    """

    accuracy: float = 0.85
    side_bias: float = 0.0
    tie_width: float = TIE_WIDTH
    seconds: float = 0.0
    habit: Habit = "honest"
    waits: bool = True


def answers(
    judge: NoisyJudge, left: Truth, right: Truth, *, judgement: str, ties: str
) -> dict[str, str]:
    """What this judge says of a pair, in the words and under the rules of a study's protocol."""
    said: dict[str, Answer]
    if judgement == "full":
        said = {c: judge.answer(left, right, criterion=c) for c in CRITERIA}
        said["overall"] = overall(said)
    elif judgement == "single":
        said = {"overall": overall(judge.answers(left, right))}
    else:
        said = judge.answers(left, right)
    if ties == "forbid" and any(said.get(last) == "tie" for last in _LAST):
        # Who must choose between equals tosses a coin, once.
        coin: Answer = "first" if judge.rng.random() < 0.5 else "second"
        said |= {last: coin for last in _LAST if said.get(last) == "tie"}
    return {criterion: _WORDS[answer] for criterion, answer in said.items()}


class SimulatedAnnotator:
    """Judges one study from its first page until nothing is left; training and exam come first.

    Every picture is downloaded and decoded, and its truth looked up by content: this program is
    told no more of a pair than a person is. Its errors depend on the seed, its name and the pair,
    not on the order in which pairs come; who sees which side is up to the site.

    `known` holds the pairs of which the study itself says what is right: where worth is made up,
    it must not contradict what an exam teaches.

    `votes` counts the answers stored so far and may be read from another thread.
    """

    def __init__(
        self,
        account: Account,
        temper: Temper,
        *,
        url: str,
        study: str,
        truth_of: TruthOf,
        seed: int,
        known: Known | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.account = account
        self.temper = temper
        self.votes = 0
        # None until the study has asked for training and exam; then whether they were passed.
        self.qualified: bool | None = None
        self._before: dict[str, str] | None = None
        self.passed_on = 0
        # The study's rules, or its researcher, ended the place before the work was done.
        self.sent_away = False
        self._url = url
        self._study = study
        self._truth_of = truth_of
        self._seed = seed
        self._known = known or {}
        self._transport = transport

    def judge_all(self, stop: threading.Event) -> int:
        """Vote until the study has nothing left for this annotator, sends them away, or `stop`.

        Raises:
            SimulationError: signed out, not a member, a refused answer, or no answer for long.
            What `truth_of` raises for a picture it does not know.
        """
        # No proxy from the environment: the site is most often on this machine.
        with httpx.Client(
            base_url=self._url, timeout=30, trust_env=False, transport=self._transport
        ) as http:
            visit = Visit(http, stop)
            try:
                visit.sign_in(self.account.username, self.account.password)
                self._work(visit, stop)
            except SentAway:
                self.sent_away = True
            except ToldToStop:
                pass
        return self.votes

    def _work(self, visit: Visit, stop: threading.Event) -> None:
        try:
            config, reply = visit.open_study(self._study)
        except NotYetQualified:
            self.qualified = qualify(visit, self._study, partial(self._answer, visit))
            if not self.qualified:
                return
            config, reply = visit.open_study(self._study)
        hand = deque(reply["tasks"])
        while not stop.is_set():
            if not hand:
                reply = visit.hand(config["urls"]["hand"])
                hand.extend(reply["tasks"])
            if not hand and (reply["state"] != "open" or not reply["progress"]["left"]):
                return
            if not hand:
                visit.rest(PAUSE)  # others hold what is left, and may give it back
                continue
            hand.extend(self._judge(visit, config, hand.popleft()))

    def _judge(
        self, visit: Visit, config: dict[str, Any], task: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Look at one pair and vote on it; gives the pairs that came with the answer."""
        said, looked = self._answer(visit, config, task)
        response = visit.ask(
            "POST",
            config["urls"]["votes"],
            {"token": task["token"], "answers": said, "active_ms": looked, "elapsed_ms": looked},
        )
        if response.status_code == 409:
            # Another annotator has the pair by now, as happens to people who were away.
            self.passed_on += 1
            return []
        if response.status_code not in {200, 201}:
            raise SimulationError(f"{self.account.username} voted and got {told(response)}")
        self.votes += 1
        fresh: list[dict[str, Any]] = response.json()["tasks"]
        return fresh

    def _answer(
        self, visit: Visit, config: dict[str, Any], task: dict[str, Any]
    ) -> tuple[dict[str, str], int]:
        """Look at one pair; what is said of it, and the milliseconds that took."""
        left, right = (visit.picture(address) for address in task["images"])
        if task["context"]:
            visit.picture(task["context"]["url"])
        opened = time.monotonic()
        judge = self._judge_of(left, right)
        said = self._unseen(left, right, config) or self._seen(judge, left, right, config)
        self._before = said
        seconds = self.temper.seconds * float(judge.rng.lognormal(0.0, 0.5))
        visit.rest(seconds if self.temper.waits else 0)
        spent = time.monotonic() - opened if self.temper.waits else seconds
        return said, round(1000 * spent)

    def _seen(
        self, judge: NoisyJudge, left: str, right: str, config: dict[str, Any]
    ) -> dict[str, str]:
        truths = self._truths_of(left, right)
        if "attributes" in config:
            return rate(*truths, config=config, accuracy=self.temper.accuracy, rng=judge.rng)
        return answers(judge, *truths, judgement=config["judgement"], ties=config["ties"])

    def _truths_of(self, left: str, right: str) -> tuple[Truth, Truth]:
        """What the two pictures are: as an item with a known answer says, else each by itself."""
        if told := self._known.get(frozenset((left, right))):
            return told[left], told[right]
        return self._truth_of(left), self._truth_of(right)

    def _unseen(self, left: str, right: str, config: dict[str, Any]) -> dict[str, str] | None:
        """What a spammer says without looking; None for whoever looks."""
        rng = np.random.default_rng([self._stream(left, right), 1])
        if "attributes" in config:
            return press_levels(self.temper.habit, config=config, before=self._before, rng=rng)
        ties = config["ties"] != "forbid"
        pressed = press(self.temper.habit, rng=rng, ties=ties)
        if pressed is None:
            return None
        if pressed.copied and self._before is not None:
            return self._before
        asked = {"single": ("overall",), "full": (*CRITERIA, "overall")}
        return answers_on(
            pressed.side,
            questions=asked.get(config["judgement"], CRITERIA),
            cascade=config["judgement"] == "cascade",
        )

    def _stream(self, left: str, right: str) -> int:
        # The pair's own stream: neither the order of pairs nor their sides move another's errors.
        pair = "|".join([str(self._seed), self.account.username, *sorted((left, right))])
        return int.from_bytes(hashlib.sha256(pair.encode()).digest()[:8])

    def _judge_of(self, left: str, right: str) -> NoisyJudge:
        return NoisyJudge(
            accuracy=self.temper.accuracy,
            side_bias=self.temper.side_bias,
            tie_width=self.temper.tie_width,
            rng=np.random.default_rng(self._stream(left, right)),
        )
