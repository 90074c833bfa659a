"""How an annotator of a diversity study uses attributes and levels, beside the others.

By pseudonym only, and never in the report. It must not read votes: `watching` gives them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from annotate.analysis.annotators import longest_run
from annotate.analysis.diversity import Attribute
from annotate.analysis.raters import Rated
from annotate.analysis.winrate import WinRate, win_rate
from annotate.judging.answers import CANNOT


@dataclass(frozen=True)
class RatedQuality:
    """What levels tell beside controls, repeats and times; shares with Wilson's interval."""

    # In the order of `Attribute`: own level against the one that most others gave.
    agreed: tuple[WinRate, ...]
    # Pairs of different pictures with one level on every line.
    straight: WinRate
    # Lines answered with "cannot judge".
    cannot: WinRate
    # Longest row of pairs with the same four levels.
    run: int
    # Mean of own score minus the others' mean, in [-1, 1]; None where nobody else judged.
    lean: float | None


def share(said: Iterable[bool | None], level: float) -> WinRate:
    """The share of yes among those that say yes or no, with Wilson's interval."""
    known = [one for one in said if one is not None]
    return win_rate(sum(known), 0, len(known) - sum(known), confidence=level)


def rated_quality(votes: Sequence[Rated], *, level: float) -> RatedQuality:
    """One annotator's, from all their votes in the order given."""
    leans = [vote.lean for vote in votes if vote.lean is not None]
    return RatedQuality(
        agreed=tuple(
            share([vote.agreed[place] for vote in votes if vote.agreed], level)
            for place in range(len(Attribute))
        ),
        straight=share([vote.straight for vote in votes], level),
        cannot=share([one == CANNOT for vote in votes for one in vote.levels], level),
        run=longest_run([vote.levels for vote in votes]),
        lean=fmean(leans) if leans else None,
    )


COLUMNS = (
    *(
        f"{attribute}_{what}"
        for attribute in Attribute
        for what in ("agrees", "compared", "low", "high")
    ),
    *("one_level", "one_level_of", "one_level_low", "one_level_high"),
    *("cannot_judge", "lines", "longest_run", "minus_others"),
)


def counts(*rates: WinRate) -> list[float | None]:
    """Shares as four columns each: yes, asked, and the ends of the interval."""
    return [value for rate in rates for value in (rate.wins, rate.n, rate.low, rate.high)]


def cells(rated: RatedQuality) -> list[float | None]:
    """The values under `COLUMNS`."""
    shares = counts(*rated.agreed, rated.straight)
    return [*shares, rated.cannot.wins, rated.cannot.n, rated.run, rated.lean]
