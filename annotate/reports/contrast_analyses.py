"""What a report says of one contrast beyond its counts: clusters, sides, models of annotators.

It must not write words for people or draw, nor read rows from the database.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from annotate.analysis.aggregation import Aggregation, Answer
from annotate.analysis.agreement import fleiss_kappa
from annotate.analysis.annotator_models import dawid_skene, glad, has_glad, one_coin
from annotate.analysis.clustered import CrossedShare, crossed_share
from annotate.analysis.contrast import Result
from annotate.analysis.crossed import CrossedBootstrap, crossed_bootstrap
from annotate.analysis.crossed_verdicts import CrossedRate, crossed_win_rate
from annotate.analysis.effects import VoteEffects, vote_effects
from annotate.analysis.grouped import GroupedRate, grouped_rate
from annotate.analysis.joint import JointShares, joint_shares
from annotate.analysis.sides import AdjustedShare, SideBias, SidedVote, adjusted_share, side_bias
from annotate.analysis.significance import benjamini_hochberg
from annotate.analysis.winrate import WinRate, win_rate
from annotate.reports.contrast_report import ContrastReport
from annotate.reports.frames import ItemRow, Side, VoteRow, as_side
from annotate.studies.protocol import Protocol

RESULTS: Mapping[Side | None, Result | None] = {
    "a": Result.WIN,
    "tie": Result.TIE,
    "b": Result.LOSS,
    None: None,
}
_LABELS = ("a", "tie", "b")
# A column beside the majority: what 100 rounds have not settled, more would not make readable.
_ROUNDS = {"max_iterations": 100, "tolerance": 1e-7}
# They give the shape alone, hence fewer than where they give the spread too.
_CROSSED_RESAMPLES = 1000


@dataclass(frozen=True)
class ModelRate:
    """The win rate if a model of annotators chose the labels; `changed` differ from the verdicts.

    It stands beside the majority, never instead of it.
    """

    model: str
    rate: WinRate
    changed: int
    warning: str


@dataclass(frozen=True)
class ContrastAnalysis:
    """One contrast's analyses.

    `p_value` is of the sign test, or the anytime one where early stopping was declared; `holm`
    corrects it over all contrasts of the study. `renewed` is the win rate's interval for new
    annotators. `redrawn` is the bootstrap beside `crossed`.
    """

    a: str
    b: str
    p_value: float | None
    holm: float | None
    grouped: GroupedRate
    renewed: CrossedRate
    joint: JointShares | None
    crossed: CrossedShare
    redrawn: CrossedBootstrap
    models: tuple[ModelRate, ...]
    side: SideBias
    adjusted: AdjustedShare
    effects: VoteEffects | None
    fleiss: float | None


@dataclass(frozen=True)
class SideTests:
    """What is tested of sides and annotators in one contrast, after Benjamini and Hochberg.

    Each kind of test is a family over all contrasts: were the challengers' wins in one family with
    sides, they would make sides look surer. `side_p`: picks follow the side. Of the GEE:
    `challenger_p`, `left_p` that its effect is 0, `annotators_p` that annotators do not differ.
    None where nothing was tested.
    """

    side_p: float | None
    challenger_p: float | None
    left_p: float | None
    annotators_p: float | None


def side_tests(found: Sequence[ContrastAnalysis]) -> tuple[SideTests, ...]:
    """The exploratory tests of sides and annotators, corrected over all contrasts."""
    raw: list[tuple[float | None, ...]] = []
    for deep in found:
        effects = deep.effects
        challenger = effects.challenger if effects else None
        left = effects.side if effects else None
        raw.append(
            (
                deep.side.p_value,
                challenger.p_value if challenger else None,
                left.p_value if left else None,
                effects.annotators_p if effects else None,
            )
        )
    columns = [_corrected(column) for column in zip(*raw, strict=True)]
    return tuple(SideTests(*row) for row in zip(*columns, strict=True))


def _corrected(raw: Sequence[float | None]) -> list[float | None]:
    adjusted = iter(benjamini_hochberg([p for p in raw if p is not None]))
    return [None if p is None else next(adjusted) for p in raw]


def cluster_of(item: ItemRow) -> str:
    """Prompts of one group are not independent; a name of its own for every other prompt."""
    return f"g {item.group}" if item.group else f"p {item.prompt}"


def analyse_contrast(
    report: ContrastReport,
    items: Sequence[ItemRow],
    on: Mapping[int, Sequence[VoteRow]],
    *,
    voters: Mapping[int, Collection[str]],
    protocol: Protocol,
    holm: float | None,
    seeds: Sequence[int],
) -> ContrastAnalysis:
    """Everything of one contrast.

    Args:
        on: the current votes by comparison, on demand the first two of each.
        voters: by comparison, everybody whose vote its verdict counts.
        holm: the adjusted p-value, which needs the other contrasts.
        seeds: of the bootstrap.
    """
    confidence = protocol.confidence
    # One order whatever the rows' own: sums of floats and draws depend on it.
    items = sorted(items, key=lambda i: (i.prompt, i.replica, i.comparison))
    cast = [
        (item, vote, as_side(vote.choice, a_is_first=item.a_is_first))
        for item in items
        for vote in sorted(on.get(item.comparison, ()), key=lambda v: v.annotator)
    ]
    verdicts = [RESULTS[item.outcome] for item in items]
    groups = [cluster_of(item) for item in items]
    clusters = [cluster_of(item) for item, _, _ in cast]
    results = [_result(side) for _, _, side in cast]
    people = [vote.annotator for _, vote, _ in cast]
    sided = [
        SidedVote(cluster, vote.annotator, result, (vote.side == "left") == (side == "a"))
        for cluster, result, (_, vote, side) in zip(clusters, results, cast, strict=True)
        # Votes from elsewhere may not say where the pictures stood.
        if side != "tie" and vote.side
    ]
    return ContrastAnalysis(
        a=report.a,
        b=report.b,
        p_value=report.p_value,
        holm=holm,
        grouped=grouped_rate(
            verdicts,
            groups,
            rng=np.random.default_rng([protocol.seed, *seeds]),
            confidence=confidence,
        ),
        renewed=crossed_win_rate(
            verdicts,
            groups,
            [voters.get(item.comparison, ()) for item in items],
            confidence=confidence,
        ),
        joint=joint_shares(
            report.wins,
            report.ties,
            report.losses,
            undecided=report.undecided,
            confidence=confidence,
        )
        if report.decided
        else None,
        crossed=crossed_share(results, clusters, people, confidence=confidence),
        redrawn=crossed_bootstrap(
            results,
            clusters,
            people,
            rng=np.random.default_rng([protocol.seed, *seeds]),
            resamples=_CROSSED_RESAMPLES,
            confidence=confidence,
        ),
        models=tuple(_models(items, cast, protocol)),
        side=side_bias(sided, confidence=confidence),
        adjusted=adjusted_share(sided, confidence=confidence),
        effects=vote_effects(sided, confidence=confidence) if sided else None,
        fleiss=_fleiss(items, on, protocol),
    )


def _result(side: Side) -> Result:
    result = RESULTS[side]
    assert result is not None
    return result


def _models(
    items: Sequence[ItemRow],
    cast: Sequence[tuple[ItemRow, VoteRow, Side]],
    protocol: Protocol,
) -> list[ModelRate]:
    """One coin, Dawid-Skene and, where crowd-kit is installed, GLAD.

    On the votes of decided pairs; identical pictures stay ties.
    """
    decided = [item for item in items if item.outcome is not None]
    asked = {item.comparison for item in decided}
    answers = [
        Answer(item.comparison, vote.annotator, side)
        for item, vote, side in cast
        if item.comparison in asked
    ]
    if not answers:
        return []
    labels = _LABELS if protocol.ties != "forbid" else ("a", "b")
    if any(side == "tie" for _, _, side in cast):
        labels = _LABELS
    found: list[tuple[str, Aggregation]] = [
        ("one-coin", one_coin(answers, labels=labels, **_ROUNDS)),  # type: ignore[arg-type]
        ("Dawid-Skene", dawid_skene(answers, labels=labels, **_ROUNDS)),  # type: ignore[arg-type]
    ]
    if has_glad():
        found.append(("GLAD", glad(answers, labels=labels)))
    rates = []
    for name, aggregation in found:
        chosen = dict(zip(aggregation.tasks, aggregation.chosen, strict=True))
        # Without a single best label there is no winner: a tie, as of a split.
        said = [(item, chosen.get(item.comparison, "tie") or "tie") for item in decided]
        wins, ties, losses = (sum(label == kind for _, label in said) for kind in _LABELS)
        rates.append(
            ModelRate(
                model=name,
                rate=win_rate(wins, ties, losses, confidence=protocol.confidence),
                changed=sum(label != item.outcome for item, label in said),
                warning=aggregation.warning,
            )
        )
    return rates


def _fleiss(
    items: Sequence[ItemRow], on: Mapping[int, Sequence[VoteRow]], protocol: Protocol
) -> float | None:
    """Over the pairs with just the protocol's number of votes, as Fleiss needs equally many."""
    rows = []
    for item in items:
        votes = on.get(item.comparison, ())
        if len(votes) == protocol.votes_compared:
            sides = [as_side(vote.choice, a_is_first=item.a_is_first) for vote in votes]
            rows.append([sides.count("a"), sides.count("tie"), sides.count("b")])
    return fleiss_kappa(rows).estimate if rows else None
