"""How each annotator works, in numbers with intervals, for the researcher of a running study.

By pseudonym only. It must not act, nor enter any published number: the report does not read it.
"""

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from annotate.analysis.annotator_models import dawid_skene, one_coin
from annotate.analysis.annotators import median_seconds
from annotate.analysis.votes import Choice
from annotate.analysis.watching import Flag, Judged
from annotate.analysis.winrate import WinRate
from annotate.judging.models import Vote
from annotate.judging.verdicts import protocol_of
from annotate.judging.watching import Watched, watch
from annotate.reports.progress import live_votes
from annotate.reports.rated_quality import COLUMNS as RATED_COLUMNS
from annotate.reports.rated_quality import RatedQuality, cells, counts, rated_quality, share
from annotate.studies.models import Study

# Robust z of log seconds over the whole study beyond which a vote is an outlier.
OUTLIER = 3.0
# Rounds of EM: labels settle long before the likelihood does.
ROUNDS = 200


@dataclass(frozen=True)
class QualityRow:
    """One annotator. Every share is of the votes it can be said of, with Wilson's interval."""

    member: int
    pseudonym: str
    active: bool
    simulated: bool
    votes: int
    live: int
    median_seconds: float | None
    controls: WinRate
    repeats: WinRate
    others: WinRate
    left: WinRate
    ties: WinRate
    outliers: int
    # As two models see their accuracy; None below the votes they need.
    one_coin: float | None
    dawid_skene: float | None
    flags: tuple[Flag, ...]
    kept: bool
    # In a study of diversity, which has neither sides nor ties nor those models.
    rated: RatedQuality | None = None


def quality_rows(study: Study) -> list[QualityRow]:
    """Everybody who has voted, by pseudonym."""
    people = watch(study)
    level = protocol_of(study).confidence
    middle, spread = _log_seconds(v.seconds for one in people for v in one.work)
    coin, skene = _skills(study)
    return [_row(one, level, middle, spread, coin, skene) for one in people]


def _row(
    one: Watched,
    level: float,
    middle: float,
    spread: float,
    coin: dict[int, float],
    skene: dict[int, float],
) -> QualityRow:
    place, work = one.membership, one.work
    live = [v for v in work if v.control is None and v.repeat is None]
    rated = [v.rated for v in work if v.rated is not None]
    pressed = [] if rated else [v.pressed for v in work]
    return QualityRow(
        member=place.pk,
        pseudonym=place.pseudonym,
        active=place.active,
        simulated=place.user.simulated,
        votes=len(work),
        live=len(live),
        median_seconds=median_seconds(v.seconds for v in work),
        controls=share([v.control for v in work], level),
        repeats=share([v.repeat for v in work], level),
        others=share([v.others for v in work], level),
        left=share([p == "left" for p in pressed if p != "equal"], level),
        ties=share([p == "equal" for p in pressed], level),
        outliers=sum(_is_outlier(v, middle, spread) for v in work),
        one_coin=coin.get(place.user_id),
        dawid_skene=skene.get(place.user_id),
        flags=one.flags,
        kept=one.kept,
        rated=rated_quality(rated, level=level) if rated else None,
    )


def _log_seconds(seconds: Iterable[float]) -> tuple[float, float]:
    """Median and robust deviation of log seconds over all votes of the study."""
    logs = [math.log(max(s, 0.05)) for s in seconds]
    if not logs:
        return 0.0, 1.0
    middle = median(logs)
    return middle, max(1.4826 * median(abs(x - middle) for x in logs), 0.1)


def _is_outlier(vote: Judged, middle: float, spread: float) -> bool:
    return abs(math.log(max(vote.seconds, 0.05)) - middle) > OUTLIER * spread


def _skills(study: Study) -> tuple[dict[int, float], dict[int, float]]:
    """Accuracies by one-coin and by Dawid-Skene, by user id; for those with enough votes."""
    from annotate.analysis.aggregation import Answer

    if protocol_of(study).asks_diversity:
        return {}, {}  # both model who wins
    rows = live_votes(study).order_by("pk").values_list("comparison", "annotator", "choice")
    answers = [Answer(*row) for row in rows]
    if not answers:
        return {}, {}
    labels = [str(choice) for choice in Choice]
    found = (
        one_coin(answers, labels=labels, max_iterations=ROUNDS),
        dawid_skene(answers, labels=labels, max_iterations=ROUNDS),
    )
    coin, skene = (
        {int(str(s.annotator)): s.accuracy for s in model.annotators if s.enough} for model in found
    )
    return coin, skene


_FIRST = (
    *("annotator", "active", "simulated", "votes", "live_votes", "median_seconds"),
    *("controls_right", "controls", "controls_low", "controls_high"),
    *("repeats_equal", "repeats", "repeats_low", "repeats_high"),
    *("agrees", "compared", "agrees_low", "agrees_high"),
)
_OF_SIDES = ("left", "decided", "left_low", "left_high", "ties")
_OF_MODELS = ("one_coin", "dawid_skene")
COLUMNS = (*_FIRST, *_OF_SIDES, "speed_outliers", *_OF_MODELS, "flags")


def quality_csv(rows: Iterable[QualityRow]) -> str:
    """The table of the page as CSV, by pseudonym; shares as counts with their interval.

    In a study of diversity attributes stand where others have sides, ties and models.
    """
    rows = list(rows)
    diverse = any(row.rated for row in rows)
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write((*_FIRST, *RATED_COLUMNS, "speed_outliers", "flags") if diverse else COLUMNS)
    for row in rows:
        said = [
            *(row.pseudonym, row.active, row.simulated, row.votes, row.live, row.median_seconds),
            *counts(row.controls, row.repeats, row.others),
        ]
        flags = " ".join(flag.rule for flag in row.flags)
        if row.rated:
            write([*said, *cells(row.rated), row.outliers, flags])
        else:
            said += [*counts(row.left), row.ties.wins, row.outliers]
            write([*said, row.one_coin, row.dawid_skene, flags])
    return out.getvalue()


def votes_of(study: Study, member: int) -> int:
    """How many current votes somebody has, controls and repeats included."""
    return Vote.objects.filter(study=study, annotator__memberships=member).count()
