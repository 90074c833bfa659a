"""Every analysis of a report beyond its counts, in one frozen object of plain values.

It must not write words for people or draw, nor read rows or clocks: one frame, one object. Seeds
come from the study's protocol, so that a bundle computes the same numbers again.
"""

import bisect
import platform
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from annotate.analysis.agreement import agreement_of_votes
from annotate.analysis.annotator_models import has_glad
from annotate.analysis.columns import numbered
from annotate.analysis.estimators import HumanCeiling
from annotate.analysis.published import PublishedBars, published_bars
from annotate.analysis.significance import holm
from annotate.reports.arm_analyses import (
    ComputePoint,
    PairedFamily,
    Rankings,
    compute_points,
    paired_families,
    rankings,
)
from annotate.reports.contrast_analyses import (
    ContrastAnalysis,
    SideTests,
    analyse_contrast,
    side_tests,
)
from annotate.reports.contrast_report import ContrastReport
from annotate.reports.frames import ItemRow, StudyFrame, VoteRow
from annotate.reports.prompt_analyses import (
    ContrastSlices,
    EstimatorAgreement,
    EstimatorDifference,
    ceiling_of,
    estimator_agreements,
    estimator_differences,
    slices_of,
)
from annotate.studies.protocol import Protocol
from annotate.studies.recipes import PublishedBar

# Upper ends of the bins of seconds in view; the last bin is open.
SECONDS = (1, 2, 3, 5, 8, 13, 20, 30, 60, 120)
# As in pyproject.toml, which an installed copy does not have; a test holds the two together.
VERSION = "0.1.0"
_PACKAGES = ("django", "numpy", "scipy", "statsmodels", "pandas", "evalica")
# Streams of random numbers: adding an analysis moves no other one's draws.
_GROUPS, _RANKING, _SCORES, _SCORE_PAIRS = 1, 2, 3, 4


@dataclass(frozen=True)
class Matrix:
    """Annotator by annotator: the share of common pairs with one answer (None: none in common)."""

    annotators: tuple[str, ...]
    share: tuple[tuple[float | None, ...], ...]
    common: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Printed:
    """A bar that a paper printed of one of the study's contrasts, read as counts."""

    a: str
    b: str
    figure: str
    prompts_from: str
    bars: PublishedBars


@dataclass(frozen=True)
class Analyses:
    """What a report holds beyond counts, Wilson intervals and sign tests.

    `family` contrasts were written before launch: Holm's correction is over these. `seconds`
    counts votes by time in view, bins ending at `SECONDS`. `sides` go with `contrasts`; contrasts
    without slices have none in `slices`. `software` made the numbers.
    """

    family: int
    contrasts: tuple[ContrastAnalysis, ...]
    paired: tuple[PairedFamily, ...]
    rankings: Rankings
    sides: tuple[SideTests, ...]
    slices: tuple[ContrastSlices, ...]
    matrix: Matrix
    seconds: tuple[int, ...]
    compute: tuple[ComputePoint, ...]
    estimators: tuple[EstimatorAgreement, ...]
    estimator_pairs: tuple[EstimatorDifference, ...]
    ceiling: HumanCeiling | None
    published: tuple[Printed, ...]
    software: tuple[tuple[str, str], ...]


def analyse(
    frame: StudyFrame,
    reports: Sequence[ContrastReport],
    items: Mapping[int, Sequence[ItemRow]],
    on: Mapping[int, Sequence[VoteRow]],
    *,
    protocol: Protocol,
    printed: Sequence[PublishedBar] = (),
) -> Analyses:
    """Everything, from rows that were read before.

    Args:
        reports: of the frame's contrasts, in their order.
        items: by contrast.
        on: the current votes by comparison, without those that are compared with no other.
        printed: what a paper printed of these contrasts.
    """
    seed, confidence = protocol.seed, protocol.confidence
    tested = [r.p_value for r in reports]
    # A comparison without a test yet counts with p = 1, so that no correction grows later.
    corrected = holm([1.0 if p is None else p for p in tested])
    adjusted = [None if p is None else c for p, c in zip(tested, corrected, strict=True)]
    lead = items[frame.contrasts[0].pk] if frame.contrasts else ()
    voters: dict[int, list[str]] = defaultdict(list)
    for vote in frame.votes:
        voters[vote.comparison].append(vote.annotator)
    scored = estimator_agreements(
        frame.contrasts, items, frame.scores, confidence=confidence, seeds=[seed, _SCORES]
    )
    contrasts = tuple(
        analyse_contrast(
            report,
            items[row.pk],
            on,
            voters=voters,
            protocol=protocol,
            holm=adjusted[place],
            seeds=[_GROUPS, place],
        )
        for place, (row, report) in enumerate(zip(frame.contrasts, reports, strict=True))
    )
    return Analyses(
        family=len(reports),
        contrasts=contrasts,
        sides=side_tests(contrasts),
        paired=paired_families(frame.contrasts, items),
        rankings=rankings(frame.contrasts, items, confidence=confidence, seeds=[seed, _RANKING]),
        slices=slices_of(frame.contrasts, items, frame.prompts, confidence=confidence),
        matrix=_matrix([vote for votes in on.values() for vote in votes]),
        seconds=_seconds(frame.votes),
        compute=compute_points(frame.contrasts, items, frame.arms, confidence=confidence),
        estimators=scored,
        estimator_pairs=estimator_differences(
            frame.contrasts,
            items,
            frame.scores,
            confidence=confidence,
            seeds=[seed, _SCORE_PAIRS],
        ),
        ceiling=ceiling_of(lead, on, confidence=confidence) if scored else None,
        published=tuple(_printed(bar, reports, confidence=confidence) for bar in printed),
        software=software(),
    )


def software() -> tuple[tuple[str, str], ...]:
    """What computed the numbers, with versions."""
    packages = (*_PACKAGES, "crowd-kit") if has_glad() else _PACKAGES
    found = [(name, version(name)) for name in packages]
    return (("Triptych", VERSION), ("Python", platform.python_version()), *found)


def _matrix(votes: Sequence[VoteRow]) -> Matrix:
    names = sorted({vote.annotator for vote in votes})
    row = {name: i for i, name in enumerate(names)}
    found = agreement_of_votes(
        numbered([vote.comparison for vote in votes]),
        np.array([row[vote.annotator] for vote in votes], dtype=np.int64),
        [vote.choice for vote in votes],
        n_raters=len(names),
    )
    return Matrix(
        annotators=tuple(names),
        share=tuple(
            tuple(None if np.isnan(cell) else float(cell) for cell in line) for line in found.share
        ),
        common=tuple(tuple(int(cell) for cell in line) for line in found.common),
    )


def _seconds(votes: Sequence[VoteRow]) -> tuple[int, ...]:
    places = Counter(bisect.bisect_right(SECONDS, vote.active_ms / 1000) for vote in votes)
    return tuple(places[place] for place in range(len(SECONDS) + 1))


def _printed(bar: PublishedBar, reports: Sequence[ContrastReport], *, confidence: float) -> Printed:
    label = {r.a: r.a_label for r in reports} | {r.b: r.b_label for r in reports}
    return Printed(
        a=bar.a,
        b=bar.b,
        figure=bar.figure,
        prompts_from=bar.prompts_from,
        bars=published_bars(
            bar.win,
            bar.lose,
            tie=bar.tie,
            prompts=bar.prompts,
            challenger=label.get(bar.a, bar.a),
            opponent=label.get(bar.b, bar.b),
            confidence=confidence,
        ),
    )
