"""Known answers by attribute: items of training and exams in a study of diversity.

An answer is right when every attribute the item knows is within its tolerance; "cannot judge" is
right only where it is the known answer. It must not store items (judging.controls does).
"""

from collections.abc import Mapping

from annotate.analysis.diversity import Attribute
from annotate.judging.answers import CANNOT
from annotate.studies.protocol import Protocol

# The key beside the attributes that says how many levels an answer may be off.
TOLERANCE = "tolerance"
MOST_TOLERANCE = 1


class BadLevels(ValueError):
    """Known levels that nobody could be right or wrong about."""


def is_rated(expected: Mapping[str, str]) -> bool:
    """Whether a known answer is of levels by attribute, and not of a better picture."""
    return any(str(attribute) in expected for attribute in Attribute)


def top_level(expected: Mapping[str, str]) -> str:
    """The greatest level that is known of any attribute; "cannot" where that is all."""
    known = {expected[attribute] for attribute in Attribute if attribute in expected}
    return max(known - {CANNOT}, default=CANNOT)


def fits(expected: Mapping[str, str], protocol: Protocol) -> bool:
    """Whether the study has all of the known levels."""
    allowed = {*map(str, range(protocol.attribute_levels)), CANNOT}
    return all(expected[a] in allowed for a in Attribute if a in expected)


def levels_right(expected: Mapping[str, str], given: Mapping[str, str]) -> bool:
    """Whether every known attribute is answered within the tolerance."""
    tolerance = int(expected.get(TOLERANCE, 0))
    return all(
        _near(expected[attribute], given[attribute], tolerance)
        for attribute in Attribute
        if attribute in expected
    )


def wrong_attributes(expected: Mapping[str, str], given: Mapping[str, str]) -> list[Attribute]:
    """The known attributes that were answered otherwise, in the order of the screen."""
    tolerance = int(expected.get(TOLERANCE, 0))
    known = [attribute for attribute in Attribute if attribute in expected]
    return [a for a in known if not _near(expected[a], given[a], tolerance)]


def _near(known: str, given: str, tolerance: int) -> bool:
    if CANNOT in {known, given}:
        return known == given
    return abs(int(known) - int(given)) <= tolerance


def expected_levels(
    answers: Mapping[str, str], protocol: Protocol, *, identical: bool
) -> dict[str, str]:
    """Known levels as they are stored, checked to leave something to be wrong about.

    Args:
        answers: attribute -> level from "0", or "cannot"; `tolerance` where it is not 0.
        identical: both pictures are one: nothing but "0" is right of it.

    Raises:
        BadLevels: says what was given and what is allowed.
    """
    tolerance = str(answers.get(TOLERANCE, "0"))
    if tolerance not in {str(n) for n in range(MOST_TOLERANCE + 1)}:
        raise BadLevels(f"tolerance {tolerance!r}; allowed are 0 and {MOST_TOLERANCE}. Correct it.")
    top = protocol.attribute_levels - 1
    allowed = [*map(str, range(top + 1)), CANNOT]
    expected = {}
    for name, level in answers.items():
        if name == TOLERANCE:
            continue
        if name not in set(Attribute) or str(level) not in allowed:
            raise BadLevels(
                f"answer {name}={level!r}; attributes are {', '.join(Attribute)} and levels "
                f"{', '.join(allowed)} in this study. Correct it."
            )
        expected[str(name)] = str(level)
    if not expected:
        raise BadLevels(
            f"no level is stated. Say at least one of {', '.join(Attribute)}, so that one answer "
            "is right."
        )
    if identical and set(expected.values()) != {"0"}:
        raise BadLevels(
            "both pictures are the same, so nothing but level 0 is right of any attribute. "
            "Correct it."
        )
    if tolerance != "0":
        if top == 1 and set(expected.values()) != {CANNOT}:
            raise BadLevels(
                "tolerance 1 on a scale of two levels: every answer would be right. Set it to 0."
            )
        expected[TOLERANCE] = tolerance
    return expected
