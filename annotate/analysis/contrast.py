"""What one prompt says about a contrast of two methods: the challenger won, tied or lost.
Must not know images, sides or votes; `votes.Choice` names images, this names methods."""

from __future__ import annotations

from enum import StrEnum


class Result(StrEnum):
    """The verdict of one prompt, read from the challenger's side."""

    WIN = "win"
    TIE = "tie"
    LOSS = "loss"

    def mirrored(self) -> Result:
        """The same verdict read from the other method's side."""
        return _MIRROR[self]


_MIRROR = {Result.WIN: Result.LOSS, Result.TIE: Result.TIE, Result.LOSS: Result.WIN}
