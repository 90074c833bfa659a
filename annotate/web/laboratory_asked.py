"""What is asked of the laboratory: model, rule, band and k, from an address or a form.

It must not compute. Wrong parameters fall back to the defaults, with a word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.utils.text import slugify

from annotate.analysis.oracle_bands import Over
from annotate.analysis.oracle_table import Rule
from annotate.reports.branches import MODELS, Branches, Model, Settings, own_percentile
from annotate.reports.laboratory import Laboratory
from annotate.reports.laboratory_bands import why_not
from annotate.reports.laboratory_files import laboratory_zip
from annotate.reports.laboratory_page import LabPage
from annotate.reports.laboratory_words import BAND_NAMES, MODEL_NAMES, RULE_WORDS


@dataclass(frozen=True)
class Choice:
    """An option of a select box."""

    value: str
    words: str
    chosen: bool


def asked_settings(given: Mapping[str, str], branches: Branches | None) -> tuple[Settings, str]:
    """What is asked for, and a sentence where it asks for what does not exist."""
    said = []
    k = own_percentile(branches)
    written = given.get("k", "").strip()
    if written:
        try:
            asked = float(written)
            Settings(percentile=asked)
        except ValueError:
            said.append(
                f"k is a number from 0 to 100; {written[:20]!r} was given. Shown is k = {k:g}."
            )
        else:
            k = asked
    model: Model = next((m for m in MODELS if m == given.get("model")), "M1")
    rule = next((r for r in Rule if r == given.get("rule")), Rule.NOT_WORSE)
    over = next((o for o in Over if o == given.get("band")), Over.PROMPTS)
    if branches is not None and branches.decided and (lacking := why_not(branches, over)):
        said.append(f"{lacking} Shown are bands over prompts.")
        over = Over.PROMPTS
    return Settings(model=model, rule=rule, percentile=k, over=over), " ".join(said)


def choices(settings: Settings) -> dict[str, Any]:
    """The select boxes of the form, and k."""
    return {
        "k": f"{settings.percentile:g}",
        "models": [Choice(m, MODEL_NAMES[m], m == settings.model) for m in MODELS],
        "rules": [
            Choice(r, RULE_WORDS[r].capitalize(), r == settings.rule) for r in map(str, Rule)
        ],
        "bands": [Choice(o, BAND_NAMES[o], o is settings.over) for o in Over],
    }


def download(lab: Laboratory, page: LabPage) -> HttpResponse:
    """Every figure and number as one archive."""
    title = slugify(lab.branches.title.removesuffix(".csv"))[:60]
    name = f"{title or 'outcomes'}-laboratory.zip"
    answer = HttpResponse(laboratory_zip(lab, page), content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
