"""Whether a screen is fit for judging: how large pictures stand on it, and two faint bars.

It must not store anything.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import BaseModel, ConfigDict, Field, ValidationError

# As on the judging screen (judge/look.js, bench.css), in CSS pixels: two pictures side by side need
# this width, and below it or this height the answers stand beside the pictures.
SIDE_BY_SIDE, LOW = 900, 480
# No pair is shown at all in a window this narrow, or in one that is narrow and upright.
NOTHING = 620
# A picture's longer side at 100 % zoom: smaller, the faults people are asked for are not seen.
SMALLEST = 256
# What bar, prompt and answers take of the height, and margins of the width, around the pictures:
# measured in Chromium, with one line of prompt and the question with an undo.
_ABOVE_AND_BELOW, _ABOVE_LOW, _BESIDE_LOW = 275, 85, 209
PLACES = (
    ("left", gettext_lazy("Left")),
    ("middle", gettext_lazy("Middle")),
    ("right", gettext_lazy("Right")),
)
# Outer by inner width is a little above 100 without any zoom: a window has a frame.
ZOOMED = 110
_X = {"left": 14, "middle": 68, "right": 122}


class Measured(BaseModel):
    """What the page measured, in CSS pixels; kept with the consent."""

    model_config = ConfigDict(extra="ignore")

    viewport: tuple[int, int]
    dpr: float = Field(gt=0, lt=20)
    # Outer by inner width of the window: about 100 where the browser does not zoom.
    zoom_percent: int | None = None


@dataclass(frozen=True)
class Shown:
    """What a study shows: the largest box of its pairs in pixels, and whether a source picture
    stands beside them."""

    box: tuple[int, int] = (1024, 1024)
    context: bool = False

    @property
    def least(self) -> int:
        """How long the longer side must be shown; small pictures need no more than they have."""
        return min(SMALLEST, max(self.box))

    def side(self, viewport: tuple[int, int]) -> float:
        """The longer side of each picture in a window of this size, in CSS pixels; 0 for none."""
        width, height = viewport
        if width <= NOTHING or (width < SIDE_BY_SIDE and width <= height):
            return 0
        low = width < SIDE_BY_SIDE or height <= LOW
        beside, between = (
            (_BESIDE_LOW, 46 + 8 * self.context) if low else (16, 104 + 24 * self.context)
        )
        room = (width - beside - between) / (2.6 if self.context else 2)
        ratio = self.box[0] / self.box[1]
        across = min(room, (height - (_ABOVE_LOW if low else _ABOVE_AND_BELOW)) * ratio)
        return max(0, across, across / ratio)


def bars(place: int) -> dict[str, tuple[str, int]]:
    """Where the faint bar stands in each square, and its x; drawn once for each annotator."""
    rng = random.Random(f"screen check|{place}")  # noqa: S311 (not a secret)
    drawn = {square: rng.choice([name for name, _ in PLACES]) for square in ("dark", "light")}
    return {square: (name, _X[name]) for square, name in drawn.items()}


class ScreenForm(forms.Form):
    """Consent, the measured screen, and where the two bars are seen. `device` holds the result."""

    agree = forms.BooleanField(
        label=gettext_lazy("I have read this and want to take part"),
        error_messages={
            "required": gettext_lazy("Tick this box to take part, or choose “Not now”.")
        },
    )
    dark = forms.ChoiceField(choices=PLACES)
    light = forms.ChoiceField(choices=PLACES)
    measured = forms.CharField(
        max_length=500,
        error_messages={
            "required": gettext_lazy("The screen was not measured: this page needs JavaScript.")
        },
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        bars: Mapping[str, tuple[str, int]],
        shown: Shown | None,
    ) -> None:
        """`shown` is None where the study allows phones: then any window will do."""
        super().__init__(data)
        self._bars, self._shown = bars, shown
        self.device: dict[str, Any] = {}
        for square in ("dark", "light"):
            self.fields[square].error_messages["required"] = _("Say where the bar is.")

    def clean_dark(self) -> str:
        return self._seen("dark")

    def clean_light(self) -> str:
        return self._seen("light")

    def _seen(self, square: str) -> str:
        said = str(self.cleaned_data[square])
        if said != self._bars[square][0]:
            raise forms.ValidationError(
                _(
                    "The bar stands elsewhere. Make the screen brighter, turn night light and dark "
                    "filters off, look at it straight, and try again."
                )
            )
        return said

    def clean_measured(self) -> str:
        try:
            found = Measured.model_validate(json.loads(self.cleaned_data["measured"]))
        except (ValidationError, ValueError) as error:
            raise forms.ValidationError(
                _("The screen was not measured. Reload the page and try again.")
            ) from error
        if self._shown is not None:
            self._check_size(found, self._shown)
        self.device = {**found.model_dump(mode="json"), "contrast": True}
        return str(self.cleaned_data["measured"])

    def _check_size(self, found: Measured, shown: Shown) -> None:
        """Zoom leaves pictures fewer pixels of a page; what counts is their real size."""
        zoom = found.zoom_percent or 100
        zoom = 100 if 100 <= zoom <= ZOOMED else zoom
        side = shown.side(found.viewport) * zoom / 100
        if side >= shown.least:
            return
        said = _(
            "This window is %(width)d × %(height)d px: side by side, the two pictures would be "
            "%(side)d px large, and %(least)d px are needed to see what is in them."
        )
        if side == 0:
            said = _(
                "This window is %(width)d × %(height)d px: two pictures do not fit in it side by "
                "side."
            )
        help_ = _("Please make the window larger, or come back on a larger screen.")
        # Zoom is named only where the window would do without it.
        width, height = (int(length * zoom / 100) for length in found.viewport)
        if zoom > ZOOMED and shown.side((width, height)) >= shown.least:
            help_ = _(
                "The browser's zoom is about %(zoom)d %%: please set it nearer to 100 %% (Ctrl and "
                "0), or make the window larger."
            )
        raise forms.ValidationError(
            f"{said} {help_}"
            % {
                "width": found.viewport[0],
                "height": found.viewport[1],
                "side": side,
                "least": shown.least,
                "zoom": zoom,
            }
        )
