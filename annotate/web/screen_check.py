"""Whether a screen is fit for judging: its size as measured, and two faint bars seen on it.

It must not store anything.
"""

import json
import random
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import BaseModel, ConfigDict, Field, ValidationError

# As on the judging screen: two pictures side by side need this width.
SIDE_BY_SIDE = 900
PLACES = (
    ("left", gettext_lazy("Left")),
    ("middle", gettext_lazy("Middle")),
    ("right", gettext_lazy("Right")),
)
_X = {"left": 14, "middle": 68, "right": 122}


class Measured(BaseModel):
    """What the page measured, in CSS pixels; kept with the consent."""

    model_config = ConfigDict(extra="ignore")

    viewport: tuple[int, int]
    dpr: float = Field(gt=0, lt=20)
    # Outer by inner width of the window: about 100 where the browser does not zoom.
    zoom_percent: int | None = None


def bars(place: int) -> dict[str, tuple[str, int]]:
    """Where the faint bar stands in each square, and its x; drawn once for each annotator."""
    rng = random.Random(f"screen check|{place}")  # noqa: S311 (not a secret)
    drawn = {square: rng.choice([name for name, _ in PLACES]) for square in ("dark", "light")}
    return {square: (name, _X[name]) for square, name in drawn.items()}


class ScreenForm(forms.Form):
    """Consent, the measured screen, and where the two bars are seen. `device` holds the result."""

    agree = forms.BooleanField(
        label=gettext_lazy("I have read this and want to take part"),
        error_messages={"required": gettext_lazy("Tick this box to take part, or close the page.")},
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
        wide: bool,
    ) -> None:
        super().__init__(data)
        self._bars, self._wide = bars, wide
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
        if self._wide and found.viewport[0] < SIDE_BY_SIDE:
            raise forms.ValidationError(
                _(
                    "This window is %(width)d px wide; two pictures side by side need %(needed)d. "
                    "Make it wider, or use a larger screen."
                )
                % {"width": found.viewport[0], "needed": SIDE_BY_SIDE}
            )
        self.device = {**found.model_dump(mode="json"), "contrast": True}
        return str(self.cleaned_data["measured"])
