"""Makes the report of a study: a frozen object that holds every number and what it rests on.

It must not write words for people or draw (sentences, tables and figures do), nor read the clock.
"""

from collections import Counter as Tally
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime

from annotate.analysis.annotators import CLUSTERS, FIXED_EFFECTS, SideBalance
from annotate.judging.models import Verdict
from annotate.reports.analyses import Analyses, analyse
from annotate.reports.annotator_report import (
    AnnotatorReport,
    annotator_reports,
    sides_of,
)
from annotate.reports.branches import Settings, own_percentile
from annotate.reports.contrast_report import ContrastReport, contrast_report
from annotate.reports.frames import ItemRow, SetAside, StudyFrame, VoteRow, read_frame
from annotate.reports.laboratory import Laboratory, investigate
from annotate.reports.laboratory_study import branches_of
from annotate.reports.recipes import MethodRecipe, recipes_of
from annotate.reports.stopping import monitored
from annotate.reports.waiting import RUNNING, missing_votes, open_pairs, withholds_tests
from annotate.sampling.progress import ArmProgress
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol
from annotate.studies.recipes import PublishedBar, published_for


@dataclass(frozen=True)
class Counts:
    """Comparisons are judged once, whatever number of contrasts they serve."""

    comparisons: int
    decided: int
    identical: int
    votes: int
    simulated: int
    late: int
    too_fast: int
    both_bad: int
    annotators: int


@dataclass(frozen=True)
class Report:
    """A study's numbers at `generated_at`, with the protocol and rule they were made under."""

    uid: str
    name: str
    state: str
    protocol: Protocol
    protocol_hash: str
    prompt_sets: tuple[str, ...]
    launched_at: datetime | None
    first_vote: datetime | None
    last_change: datetime | None
    generated_at: datetime
    counts: Counts
    set_aside: SetAside
    contrasts: tuple[ContrastReport, ...]
    sides: SideBalance
    annotators: tuple[AnnotatorReport, ...]
    arms: tuple[ArmProgress, ...] = ()
    recipes: tuple[MethodRecipe, ...] = ()
    # Votes that were cast elsewhere: nothing is known of how people were asked.
    external: bool = False
    # Verdicts by the protocol hash they were made under, the oldest first.
    protocols: tuple[tuple[str, int], ...] = ()
    # None where only the counts were asked for.
    analyses: Analyses | None = None
    # Where a student and all of its samples refined met one teacher.
    laboratory: Laboratory | None = None
    # Pairs whose votes are not all there, without those that a researcher holds back; of a running
    # study also those whose pictures are still to be made, which `unopened` counts.
    open_pairs: int = 0
    unopened: int = 0
    # By what way how many of the people who judged came.
    came: tuple[tuple[str, int], ...] = ()

    @property
    def lead(self) -> ContrastReport | None:
        """The contrast of the headline: the primary one, else the first."""
        return self.contrasts[0] if self.contrasts else None

    @property
    def simulated(self) -> bool:
        return self.counts.simulated > 0

    @property
    def running(self) -> bool:
        """Votes may still come in."""
        return self.state in RUNNING

    @property
    def over(self) -> bool:
        """No vote comes in any more."""
        return self.state in {Study.State.CLOSED, Study.State.ARCHIVED}

    @property
    def tests_withheld(self) -> bool:
        """No p-value is shown but the anytime one of the primary contrast, which any number of
        looks leaves valid: see `withholds_tests`."""
        return withholds_tests(self.state, waiting=self.open_pairs)

    def p_shown(self, contrast: ContrastReport) -> float | None:
        """The p-value of a contrast that may be looked at now; None where it is withheld."""
        if self.tests_withheld and contrast.monitoring is None:
            return None
        return contrast.p_value

    @property
    def closed_early(self) -> bool:
        """The study ended before its pairs had their votes, and declared no rule for that."""
        inside = not self.external and not self.protocol.may_stop_early
        return self.over and inside and self.open_pairs > 0

    @property
    def grown(self) -> bool:
        """Prompts or methods were added while the study was open."""
        return any(digest != self.protocol_hash for digest, _ in self.protocols)

    @property
    def fixed_effects(self) -> bool:
        return 0 < self.counts.annotators < FIXED_EFFECTS

    @property
    def few_annotators(self) -> bool:
        return 0 < self.counts.annotators < CLUSTERS


def make_report(study: Study, *, now: datetime, deep: bool = True) -> Report:
    """Read the study's present state and report on it."""
    return report_on(study, read_frame(study), now=now, deep=deep)


def report_on(study: Study, frame: StudyFrame, *, now: datetime, deep: bool = True) -> Report:
    """The report of rows that were read before.

    Args:
        deep: also the analyses, which take a second or two of a large study.
    """
    protocol = study.read_protocol()
    by_contrast: dict[int, list[ItemRow]] = defaultdict(list)
    for item in frame.items:
        by_contrast[item.contrast].append(item)
    on: dict[int, list[VoteRow]] = defaultdict(list)
    # On demand a third vote stands on pairs where people differ: agreement and vote share would
    # be biased by it, verdicts are not.
    compared = [v for v in frame.votes if v.early or not protocol.on_demand]
    for vote in compared:
        on[vote.comparison].append(vote)
    lead = by_contrast[frame.contrasts[0].pk] if frame.contrasts else []
    verdicts = {item.comparison: (item.outcome, item.reason) for item in frame.items}
    cast = Tally(vote.comparison for vote in frame.votes)
    missing = missing_votes(frame, protocol)
    contrasts = tuple(
        contrast_report(row, by_contrast[row.pk], on, protocol=protocol, missing=missing)
        for row in frame.contrasts
    )
    if contrasts and frame.served:
        outcomes = {item.comparison: item.outcome for item in lead}
        seen = monitored(frame.served, outcomes, cast, protocol=protocol)
        contrasts = (replace(contrasts[0], monitoring=seen), *contrasts[1:])
    return Report(
        uid=str(study.uid),
        name=study.name,
        state=study.state,
        protocol=protocol,
        protocol_hash=study.protocol_hash,
        prompt_sets=frame.prompt_sets,
        launched_at=study.launched_at,
        first_vote=frame.first_vote,
        last_change=frame.last_change,
        generated_at=now,
        counts=Counts(
            comparisons=len(verdicts),
            decided=sum(outcome is not None for outcome, _ in verdicts.values()),
            identical=sum(reason == Verdict.Reason.IDENTICAL for _, reason in verdicts.values()),
            votes=len(frame.votes),
            simulated=sum(v.simulated for v in frame.votes),
            late=sum(v.late for v in frame.votes),
            too_fast=sum(v.too_fast for v in frame.votes),
            both_bad=sum(v.both_bad for v in frame.votes),
            annotators=len({v.annotator for v in frame.votes}),
        ),
        set_aside=frame.set_aside,
        contrasts=contrasts,
        sides=sides_of(frame.votes, confidence=protocol.confidence),
        annotators=annotator_reports(
            frame.votes, lead, on, compared=compared, confidence=protocol.confidence
        ),
        arms=frame.arms,
        recipes=recipes_of(study, frame.tuned),
        external=study.external,
        protocols=frame.protocols,
        analyses=analyse(
            frame, contrasts, by_contrast, on, protocol=protocol, printed=_printed(study)
        )
        if deep
        else None,
        laboratory=_laboratory(study, frame, protocol) if deep else None,
        open_pairs=open_pairs(frame, missing),
        unopened=frame.unopened,
        came=frame.came,
    )


def _laboratory(study: Study, frame: StudyFrame, protocol: Protocol) -> Laboratory | None:
    """Figure 16 as the laboratory's page opens: M1, the study's own k, seeded by the protocol."""
    if frame.branches is None:
        return None
    branches = branches_of(frame, frame.branches, title=study.name, protocol=protocol)
    if not branches.decided:
        return None
    settings = Settings(
        percentile=own_percentile(branches), confidence=protocol.confidence, seed=protocol.seed
    )
    return investigate(branches, settings)


def _printed(study: Study) -> tuple[PublishedBar, ...]:
    """What a paper printed of the study's own comparisons; imported pictures repeat none."""
    if not any(m.get("kind", "imported") != "imported" for m in study.spec.get("methods", ())):
        return ()
    return published_for(study.read_spec())
