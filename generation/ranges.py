"""Whole numbers on a command line, refused outside their range before anything is begun.

Must not know what they count; for `type=` of argparse, in commands of both packages.
"""

from argparse import ArgumentTypeError
from collections.abc import Callable

# As a protocol's.
LARGEST_SEED = 2**63 - 1


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers from `low` to `high`, both allowed; without `high` no bound.

    Raises (when it reads):
        ArgumentTypeError: another text or number; says what was given and what is allowed.
    """
    allowed = f"of {low} or more" if high is None else f"from {low} to {high}"

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if number < low or (high is not None and number > high):
            raise ArgumentTypeError(f"{text!r}; give a whole number {allowed}.")
        return number

    return read


seed = whole(0, LARGEST_SEED)
port = whole(0, 65_535)
