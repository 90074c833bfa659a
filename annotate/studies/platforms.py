"""How platforms call a person's parameters, and the addresses made of them. It must know no rows.

Names and placeholders are the platforms' own: Prolific fills `{{%NAME%}}`; on Mechanical Turk and
Toloka the task's page fills `${name}`; another platform has whatever names the researcher writes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

# What an id may look like. Placeholders that nobody filled in have braces and do not pass.
ID = re.compile(r"[\w.@+:=-]{1,128}", re.ASCII)
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}", re.ASCII)
# Mechanical Turk shows a task to people who have not taken it, with this in the place of an id.
NOT_TAKEN = "ASSIGNMENT_ID_NOT_AVAILABLE"
CODE = "{code}"


@dataclass(frozen=True)
class Platform:
    """Parameters of an address, how their places are written, and where finished people return."""

    person_key: str
    other_keys: tuple[str, ...] = ()
    placeholder: str = "${%s}"
    return_url: str = ""


PLATFORMS = {
    "prolific": Platform(
        "PROLIFIC_PID",
        ("STUDY_ID", "SESSION_ID"),
        "{{%%%s%%}}",
        "https://app.prolific.com/submissions/complete?cc={code}",
    ),
    "mturk": Platform("workerId", ("assignmentId", "hitId")),
    "toloka": Platform("workerId", ("assignmentId", "poolId")),
    "other": Platform("participant"),
    "named": Platform("participant"),
}


def template(source: str, address: str, keys: Sequence[str]) -> str:
    """The address to paste into the platform, with a placeholder for each parameter."""
    placeholder = PLATFORMS[source].placeholder
    return f"{address}?{'&'.join(f'{key}={placeholder % key}' for key in keys)}"


def check_return_url(given: str) -> str:
    """Where finished people go: an https address, with at most {code} in it.

    Raises:
        ValueError: another scheme, no host, or other braces.
    """
    parts = urlsplit(given)
    if parts.scheme != "https" or not parts.netloc or "{" in parts.netloc:
        raise ValueError(
            f"{given!r} is no https address. Write one as the platform shows it, such as "
            f"{PLATFORMS['prolific'].return_url}."
        )
    if re.search(r"[{}\s]", given.replace(CODE, "")):
        raise ValueError(
            f"{given!r} has braces or spaces besides {CODE}. Only {CODE} is filled in; remove the "
            "others."
        )
    return given
