"""How good estimators are on rated pictures: agreement on pairs, and decisions without a reference.

It must not know pages or files; the statistics are `annotate.analysis`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from annotate.analysis.contrast import Result
from annotate.analysis.estimator_pairs import (
    AgreementDifference,
    agreement_difference,
    differences_together,
)
from annotate.analysis.estimators import HumanCeiling, PairAgreement, human_ceiling, pair_agreement
from annotate.reports.branches import Settings
from annotate.reports.laboratory import Laboratory, investigate
from annotate.reports.ratings import RatedPair, Ratings

# Streams of random numbers, apart from the laboratory's.
_AGREEMENT, _DIFFERENCE = 1001, 1002


@dataclass(frozen=True)
class RatingsReport:
    """Estimators on all pairs of methods, and where roles were given, in a laboratory.

    `pairs` are rated on both sides, `ties` of them equally. Each agreement is on the pairs that its
    estimator scored, each difference on those that both did. `refined` says whether the laboratory
    replaces by a third method's pictures, not by the teacher's own.
    """

    ratings: Ratings
    settings: Settings
    pairs: int
    ties: int
    agreements: tuple[PairAgreement, ...]
    differences: tuple[AgreementDifference, ...]
    ceiling: HumanCeiling | None
    laboratory: Laboratory | None
    refined: bool


def report_ratings(
    ratings: Ratings,
    settings: Settings,
    *,
    student: str | None = None,
    teacher: str | None = None,
    refined: str | None = None,
) -> RatingsReport:
    """Everything of one table.

    Args:
        student: whose pictures are kept or replaced; with `teacher`, decisions are reported too.
        teacher: what both are compared with.
        refined: whose pictures replace; None for the teacher's own.

    Raises:
        ValueError: no pair has a higher rating, a method is unknown, just one role was given, or no
            prompt has the ratings that the roles need.
    """
    pairs = tuple(ratings.pairs())
    if all(pair.result is Result.TIE for pair in pairs):
        raise ValueError(
            f"of {len(pairs)} pairs of rated pictures none has a higher rating. Rate at least two "
            "methods of some prompt differently."
        )
    if (student is None) != (teacher is None) or (refined is not None and student is None):
        raise ValueError("decisions need a student and a teacher. Name both, or neither.")
    laboratory = None
    if student is not None and teacher is not None:
        branches = ratings.branches(student=student, teacher=teacher, refined=refined)
        if not branches.decided:
            raise ValueError(f"no prompt has ratings of {student} and {teacher}. Name others.")
        laboratory = investigate(branches, settings)
    agreements = (
        _agreement(ratings, place, pairs, settings) for place in range(len(ratings.estimators))
    )
    differences = (
        _difference(ratings, number, places, pairs, settings)
        for number, places in enumerate(combinations(range(len(ratings.estimators)), 2))
    )
    return RatingsReport(
        ratings=ratings,
        settings=settings,
        pairs=len(pairs),
        ties=sum(pair.result is Result.TIE for pair in pairs),
        agreements=tuple(found for found in agreements if found is not None),
        differences=differences_together([d for d in differences if d is not None]),
        ceiling=human_ceiling(list(ratings.ballots()), confidence=settings.confidence)
        if len(ratings.raters) > 1
        else None,
        laboratory=laboratory,
        refined=refined is not None,
    )


def _scored(
    pairs: tuple[RatedPair, ...], *places: int
) -> tuple[list[RatedPair], list[tuple[list[float], list[float]]]]:
    """The pairs that all these estimators scored, and each one's scores of both sides."""
    kept = [
        pair
        for pair in pairs
        if all(side.scores[place] is not None for side in (pair.a, pair.b) for place in places)
    ]
    scores = [
        (
            [value for pair in kept if (value := pair.a.scores[place]) is not None],
            [value for pair in kept if (value := pair.b.scores[place]) is not None],
        )
        for place in places
    ]
    return kept, scores


def _agreement(
    ratings: Ratings, place: int, pairs: tuple[RatedPair, ...], settings: Settings
) -> PairAgreement | None:
    kept, (scores,) = _scored(pairs, place)
    if all(pair.result is Result.TIE for pair in kept):
        return None
    return pair_agreement(
        *scores,
        [pair.result for pair in kept],
        estimator=ratings.estimators[place],
        prompts=[ratings.unit(pair.prompt) for pair in kept],
        rng=settings.rng(_AGREEMENT, place),
        resamples=settings.resamples,
        confidence=settings.confidence,
    )


def _difference(
    ratings: Ratings,
    number: int,
    places: tuple[int, int],
    pairs: tuple[RatedPair, ...],
    settings: Settings,
) -> AgreementDifference | None:
    kept, (first, second) = _scored(pairs, *places)
    if all(pair.result is Result.TIE for pair in kept):
        return None
    one, two = places
    return agreement_difference(
        first,
        second,
        [pair.result for pair in kept],
        estimators=(ratings.estimators[one], ratings.estimators[two]),
        rng=settings.rng(_DIFFERENCE, number),
        prompts=[ratings.unit(pair.prompt) for pair in kept],
        resamples=settings.resamples,
        confidence=settings.confidence,
    )
