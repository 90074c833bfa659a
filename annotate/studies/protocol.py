"""Every choice of a study's protocol, explicit and defaulted. It must know no database.

The definitions stand in docs/science.md; launching freezes this object under `digest()`, and every
report prints it.
"""

import hashlib
import json
import operator
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from annotate.studies.worked_pairs import ExamplePair, RatedPair

Judgement = Literal["cascade", "single", "full"]
Ties = Literal["equal", "split", "forbid"]
VerdictRule = Literal["priority-then-majority", "majority-then-priority"]
# How often the first two annotators are taken to differ, until a study's own votes say.
DIFFER = 0.5

# What a diversity study cannot choose: it has no winner, and so no tie, rule or known winner.
_OF_WINNERS = (
    "judgement",
    "ties",
    "deciding_factor",
    "rule",
    "split",
    "overlap_mode",
    "identical",
    "examples",
)


class Protocol(BaseModel):
    """How a pair is shown, asked, voted and decided."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["pairwise", "diversity"] = Field(
        "pairwise",
        title="What is judged",
        description="pairwise asks which of two methods' pictures is better; diversity asks how "
        "much two pictures of one method differ, attribute by attribute",
    )
    attribute_levels: Literal[2, 3, 5] = Field(
        3,
        title="Levels of each attribute",
        description="diversity only; from same to clearly different",
    )
    judgement: Judgement = Field(
        "cascade",
        title="Questions",
        description="cascade asks the next criterion only when the one before was equal; single "
        "asks for one overall decision; full asks all three criteria and the overall",
    )
    ties: Ties = Field(
        "equal",
        title="Ties",
        description="equal allows “about equal”; split offers equally good and both bad "
        "(both count as a tie); forbid offers neither",
    )
    deciding_factor: bool = Field(
        False, title="Ask for the deciding factor", description="single only"
    )
    rule: VerdictRule = Field(
        "priority-then-majority",
        title="Verdict rule",
        description="priority inside each annotator and then the majority (the paper), or the "
        "majority per criterion first, which needs full",
    )
    split: Literal["tie", "escalate", "drop"] = Field(
        "tie", title="Three different answers", description="count as a tie, ask more, or drop"
    )
    escalate_to: Literal[4, 5] | None = Field(
        None, title="Annotators after an escalation", description="with escalate only"
    )
    overlap: Annotated[int, Field(ge=1, le=9)] = Field(
        3, title="Annotators per pair", description="different people; 1 to 9"
    )
    overlap_mode: Literal["full", "on_demand"] = Field(
        "full",
        title="Third annotator",
        description="full asks everybody of every pair; on demand asks the third only where the "
        "first two differ: the same verdicts for fewer votes, agreement from the first two",
    )
    min_votes: Annotated[int, Field(ge=1, le=9)] = Field(
        3, title="Votes needed for a verdict", description="a pair with fewer stays undecided"
    )
    lease_minutes: Annotated[float, Field(gt=0, le=240)] = Field(
        10,
        title="Lease, minutes",
        description="how long a pair is kept for somebody who went away; the page renews it",
    )
    prefetch: Annotated[int, Field(ge=0, le=15)] = Field(
        2, title="Pairs fetched ahead", description="more keep people judging while offline"
    )
    display: Literal["equal-box", "native"] = Field(
        "equal-box",
        title="Display",
        description="equal-box fits both pictures into one box; native keeps each picture's own "
        "size, which can tell the methods apart",
    )
    min_view_ms: Annotated[int, Field(ge=0, le=60_000)] = Field(
        700,
        title="Minimum viewing time, milliseconds",
        description="answers open after it, once both pictures are decoded",
    )
    identical: Literal["auto_tie", "show"] = Field(
        "auto_tie",
        title="Identical pictures",
        description="ties without asking (auto tie), counted apart; or shown like any other pair",
    )
    reuse: Literal["by_content", "fresh"] = Field(
        "by_content",
        title="Equal pairs in several contrasts",
        description="judged once for all (by content), or asked afresh for each",
    )
    side_balance: Literal["pair-and-annotator", "random"] = Field(
        "pair-and-annotator",
        title="Sides",
        description="balanced within each pair and for each annotator, or drawn at random",
    )
    one_per_group: bool = Field(
        True,
        title="One prompt of each group",
        description="several captions of one photo are not independent",
    )
    phone: bool = Field(
        False, title="Allow phones", description="screens narrower than 900 px; recorded"
    )
    undo_seconds: Annotated[int, Field(ge=0, le=600)] = Field(
        60,
        title="Undo, seconds",
        description="to take back the last vote; 0 is never",
    )
    break_minutes: Annotated[int, Field(ge=0, le=240)] = Field(
        25, title="Offer a break after minutes", description="0 offers none"
    )
    break_pairs: Annotated[int, Field(ge=0, le=1000)] = Field(
        100, title="Offer a break after pairs", description="0 offers none"
    )
    votes_per_annotator: Annotated[int, Field(ge=0, le=100_000)] = Field(
        0, title="Pairs per annotator", description="nobody judges more than these; 0 is no limit"
    )
    daily_minutes: Annotated[int, Field(ge=0, le=1440)] = Field(
        0,
        title="Active minutes a day",
        description="of one annotator within 24 hours; 120 keeps eyes fresh, 0 is no limit",
    )
    hold_after_reports: Annotated[int, Field(ge=1, le=9)] = Field(
        2,
        title="Hold a pair after reports",
        description="this many people must report it; it then waits for you",
    )
    instructions: str = Field(
        "",
        title="Instructions",
        description="Markdown; empty shows the standing instructions",
    )
    examples: tuple[ExamplePair, ...] = Field(
        (),
        title="Example pairs",
        description="shown with the instructions; pictures are named by prompt id and method "
        "(p1 / teacher) once they are imported, or by their content digest",
    )
    rated_examples: tuple[RatedPair, ...] = Field(
        (),
        title="Example pairs of diversity",
        description="diversity only: how much a pair differs in one attribute, shown with the "
        "instructions and beside that line; a second picture is p1 / teacher / replica 1",
        exclude_if=operator.not_,  # no protocol before it has another digest
    )
    qualification: bool = Field(
        False,
        title="Training and exam before live work",
        description="annotators agree to take part, train with feedback and pass an exam first",
    )
    qualification_version: Annotated[int, Field(ge=1, le=9999)] = Field(
        1,
        title="Version of training and exam",
        description="whoever passed another version passes this one before live work",
    )
    consent: str = Field(
        "",
        title="Consent",
        description="Markdown, agreed to before the training; empty shows the standing text",
    )
    training_pairs: Annotated[int, Field(ge=1, le=50)] = Field(
        10, title="Training pairs", description="in one round, with feedback after each"
    )
    training_pass: Annotated[int, Field(ge=1, le=50)] = Field(
        8, title="Right in training to pass", description="with fewer another round follows"
    )
    exam_items: Annotated[int, Field(ge=1, le=100)] = Field(
        20, title="Exam items", description="in one attempt, without feedback"
    )
    exam_pass: Annotated[int, Field(ge=1, le=100)] = Field(
        16, title="Right in the exam to pass", description="see the pass table of the exam's page"
    )
    exam_attempts: Annotated[int, Field(ge=1, le=5)] = Field(
        2, title="Exam attempts", description="no item comes twice"
    )
    exam_wait_hours: Annotated[float, Field(ge=0, le=720)] = Field(
        24, title="Wait between attempts, hours", description="after an attempt that failed"
    )
    control_rate: Annotated[float, Field(ge=0, le=0.3)] = Field(
        0,
        title="Share of control tasks",
        description="known answers mixed into live work; 0 mixes in none, .08 is usual",
    )
    repeat_rate: Annotated[float, Field(ge=0, le=0.2)] = Field(
        0,
        title="Share of mirrored repeats",
        description="own pairs again with their sides swapped, 40 pairs later; .03 is usual",
    )
    watch_accuracy: Annotated[float, Field(ge=0, le=1)] = Field(
        0.7,
        title="Flag below this share of right controls",
        description="over the last 20; 0 never flags",
    )
    watch_consistency: Annotated[float, Field(ge=0, le=1)] = Field(
        0.6,
        title="Flag below this share of equal repeats",
        description="own answers to mirrored pairs; 0 never flags",
    )
    watch_seconds: Annotated[float, Field(ge=0, le=60)] = Field(
        1.5,
        title="Flag below this median of seconds",
        description="over the last 20 votes; 0 never flags",
    )
    watch_run: Annotated[int, Field(ge=0, le=1000)] = Field(
        15, title="Flag from so many equal answers in a row", description="0 never flags"
    )
    watch_action: Literal["notify", "pause", "repair"] = Field(
        "notify",
        title="When somebody is flagged",
        description="notify tells you; pause also stops giving them pairs; repair also voids their "
        "votes and opens the slots for others",
    )
    stopping: Literal["never", "e-process"] = Field(
        "never",
        title="Early stopping",
        description="never reads the result at the planned end; e-process may stop as soon as the "
        "evidence about the primary contrast suffices, however often one looks",
    )
    stopping_alpha: Annotated[float, Field(ge=0.001, le=0.2)] = Field(
        0.05,
        title="False alarms of early stopping",
        description="at most this share of studies without a difference is ever stopped",
    )
    stopping_prior: Annotated[float, Field(gt=0, le=1000)] = Field(
        20,
        title="Prior weight of early stopping",
        description="a of a Beta(a, a) mixture: 20 where a win rate near a half is expected, 0.5 "
        "for large effects",
    )
    revision: Annotated[int, Field(ge=1, le=9999)] = Field(
        1, title="Revision", description="raised each time the launched study grows"
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        0.95, title="Confidence of intervals", description="between 0.5 and 1"
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        0, title="Seed", description="orders pairs, draws sides, picks prompts of a group"
    )

    @model_validator(mode="after")
    def _diversity_asks_attributes_only(self) -> Self:
        """Choices about who wins mean nothing where nobody does."""
        if self.kind == "pairwise":
            if self.attribute_levels != 3:
                raise ValueError(
                    f"attribute_levels {self.attribute_levels} with kind pairwise: it asks for no "
                    "attributes. Set kind diversity, or leave the levels out."
                )
            if self.rated_examples:
                raise ValueError(
                    "rated_examples with kind pairwise: it asks for no attributes. Write examples, "
                    "which say who wins, or set kind diversity."
                )
            return self
        for number, pair in enumerate(self.rated_examples, 1):
            if pair.level >= self.attribute_levels:
                raise ValueError(
                    f"rated_examples, row {number}: level {pair.level}; {self.attribute_levels} "
                    f"levels are 0 to {self.attribute_levels - 1}. Correct it."
                )
        for name in _OF_WINNERS:
            given, usual = getattr(self, name), type(self).model_fields[name].default
            if given != usual:
                raise ValueError(
                    f"{name} {given!r} with kind diversity: four attributes are asked and nobody "
                    f"wins. Leave {name} out."
                )
        return self

    @model_validator(mode="after")
    def _choices_agree(self) -> Self:
        if self.rule == "majority-then-priority" and self.judgement != "full":
            raise ValueError(
                f"rule majority-then-priority with judgement {self.judgement!r}: it needs every "
                "criterion of every vote. Use judgement full, or rule priority-then-majority."
            )
        if (self.split == "escalate") != (self.escalate_to is not None):
            raise ValueError(
                f"split {self.split!r} with escalate_to {self.escalate_to!r}: escalate needs 4 or "
                "5 annotators, the other splits need none. Set both or neither."
            )
        if self.escalate_to is not None and self.overlap != 3:
            raise ValueError(
                f"split escalate with overlap {self.overlap}: escalation is defined for overlap 3. "
                "Set overlap 3 or another split."
            )
        if self.on_demand and self.overlap != 3:
            raise ValueError(
                f"overlap_mode on_demand with overlap {self.overlap}: it asks a third annotator "
                "where two differ. Set overlap 3, or overlap_mode full."
            )
        if self.min_votes > self.overlap:
            raise ValueError(
                f"min_votes {self.min_votes} is more than overlap {self.overlap}: no pair could be "
                "decided. Lower min_votes or raise overlap."
            )
        if self.may_stop_early and not self.one_per_group:
            raise ValueError(
                "stopping e-process with one_per_group false: prompts of one group are not "
                "independent, and the evidence counts them one by one. Set one_per_group true, or "
                "stopping never."
            )
        if self.may_stop_early and self.min_votes < self.overlap:
            raise ValueError(
                f"stopping e-process with min_votes {self.min_votes} and overlap {self.overlap}: a "
                "verdict could change after it was counted as evidence. Set min_votes "
                f"{self.overlap}, or stopping never."
            )
        if self.deciding_factor and self.judgement != "single":
            raise ValueError(
                f"deciding_factor with judgement {self.judgement!r}: only single asks for it. "
                "Set judgement single, or deciding_factor false."
            )
        for what, to_pass, of in (
            ("training", self.training_pass, self.training_pairs),
            ("exam", self.exam_pass, self.exam_items),
        ):
            if to_pass > of:
                raise ValueError(
                    f"{what}: {to_pass} right of {of} to pass: nobody could. Lower the mark or ask "
                    "more."
                )
        return self

    @property
    def on_demand(self) -> bool:
        """Whether a third vote is asked for only where the first two differ."""
        return self.overlap_mode == "on_demand"

    @property
    def votes_expected(self) -> float:
        """Votes on a pair, in expectation, as long as none is in."""
        return 2 + DIFFER if self.on_demand else float(self.overlap)

    @property
    def votes_compared(self) -> int:
        """How many votes of each pair agreement and vote share may use, so that both stay unbiased.

        On demand, pairs with a third vote are those on which people differ.
        """
        return 2 if self.on_demand else self.overlap

    @property
    def asks_diversity(self) -> bool:
        """Whether pairs are two replicas of one method, judged by attribute."""
        return self.kind == "diversity"

    @property
    def worked_pairs(self) -> tuple[ExamplePair | RatedPair, ...]:
        """The worked pairs of the instructions, as this kind of study judges."""
        return self.rated_examples if self.asks_diversity else self.examples

    @property
    def may_stop_early(self) -> bool:
        """Whether an e-process that may end the study is declared."""
        return self.stopping == "e-process"

    @property
    def blinding_warning(self) -> str:
        """What a researcher must be told about this display, or an empty string."""
        if self.display == "native":
            return (
                "Native display keeps each picture's own size and byte length: where methods make "
                "pictures of different sizes, annotators can tell them apart."
            )
        return ""

    def digest(self) -> str:
        """SHA-256 over the canonical JSON of all fields, defaults included."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()
