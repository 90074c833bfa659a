"""What the training of a diversity study says of an answer: which lines were otherwise, and why.

It must not decide what is right.
"""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from annotate.analysis.diversity import Attribute
from annotate.judging.rated import TOLERANCE, wrong_attributes
from annotate.studies.protocol import Protocol
from annotate.web import rating


def known_levels(expected: Mapping[str, str], protocol: Protocol) -> str:
    """The known answers in one line, in the words of the screen."""
    lines, words = _lines(), _levels(protocol)
    told = [f"{lines[a]}: {words[expected[a]]}" for a in Attribute if a in expected]
    near = _("a level next to it is right too") if expected.get(TOLERANCE, "0") != "0" else ""
    return "; ".join(told) + (f" ({near})" if near else "")


def rated_heading(expected: Mapping[str, str], given: Mapping[str, str], protocol: Protocol) -> str:
    """Right, with what is known; or each line that was answered otherwise."""
    wrong = wrong_attributes(expected, given)
    if not wrong:
        return _("Right. %(truth)s") % {"truth": known_levels(expected, protocol)}
    lines, words = _lines(), _levels(protocol)
    return " ".join(
        _("%(line)s: you said “%(said)s”, right is “%(known)s”.")
        % {"line": lines[a], "said": words[given[a]], "known": words[expected[a]]}
        for a in wrong
    )


def _lines() -> dict[str, str]:
    return {row["key"]: row["label"] for row in rating.rows()}


def _levels(protocol: Protocol) -> dict[str, str]:
    return {level["value"]: level["label"] for level in rating.levels(protocol)}
