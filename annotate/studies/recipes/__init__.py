"""The paper's human studies as specifications to launch: arms, opponents, prompts, votes.

They are TOML files beside this one, in the words of StudySpec. It must know no database.
"""

import json
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from annotate.studies.spec import MethodSpec, StudySpec, parse_spec

NAMES = ("fig9a", "fig9b", "fig9c", "fig11", "fig16", "fig17")
# The paper says nothing of it: what a vote takes, to turn votes into hours. Our assumption.
SECONDS_PER_VOTE = 15
# Which copy of the weights is used, not which method they make.
_WHERE = ("path", "revision", "sha256", "pins")


class PublishedBar(NamedTuple):
    """A printed preference bar: labels in percent of `prompts`, which need not sum to 100."""

    a: str
    b: str
    win: float
    lose: float
    tie: float
    prompts: int
    prompts_from: str
    figure: str


@dataclass(frozen=True)
class Recipe:
    """A published study. Its specification has every field but the prompts."""

    name: str
    title: str
    source: str
    # Test prompts, and prompts to tune thresholds on (0: none is tuned).
    prompts: int
    tune: int
    published: tuple[PublishedBar, ...]
    # What the paper says where it prints no number.
    published_note: str
    # Judged are methods against each other, or the replicas of each method (diversity, D.5).
    pairs: Literal["methods", "replicas"]
    spec: StudySpec


def recipe(name: str, *, controls: bool = False, **changes: Any) -> Recipe:
    """A recipe by name.

    Args:
        controls: add the null and control arms of honest work: the baseline from another seed,
            UniPC at the adaptive budget for every prompt, and refinement of as many by lot.
        changes: fields of the specification that are set otherwise (name, protocol, …).

    Raises:
        ValueError: there is no such recipe.
    """
    if name not in NAMES:
        raise ValueError(f"there is no recipe {name!r}; there are {', '.join(NAMES)}. Take one.")
    text = files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    study = data["study"]
    if controls:
        for part in ("methods", "contrasts"):
            study[part] = [*study.get(part, ()), *data["controls"][part]]
    return Recipe(
        name=name,
        title=data["title"],
        source=data["source"],
        prompts=data["prompts"],
        tune=data["tune"],
        published=tuple(
            PublishedBar(**({"prompts": data["prompts"]} | bar)) for bar in data["published"]
        ),
        published_note=data.get("published_note", ""),
        pairs=data.get("pairs", "methods"),
        spec=parse_spec(study | changes),
    )


def published_for(spec: StudySpec) -> tuple[PublishedBar, ...]:
    """The printed bars of the comparisons that a study repeats, in its own methods' names.

    A comparison is the same where both arms are set as in a recipe: kind and settings, whatever
    they are called. Imported pictures have no settings, so that nothing is claimed of them.
    """
    arms = {m.name: _arm(m) for m in spec.methods if m.kind != "imported"}
    bars = []
    for found in (recipe(name) for name in NAMES):
        named = {m.name: _arm(m) for m in found.spec.methods}
        for bar in found.published:
            for contrast in spec.contrasts:
                ours = (arms.get(contrast.a), arms.get(contrast.b))
                if ours == (named[bar.a], named[bar.b]):
                    bars.append(bar._replace(a=contrast.a, b=contrast.b))
                elif ours == (named[bar.b], named[bar.a]):
                    turned = bar._replace(win=bar.lose, lose=bar.win)
                    bars.append(turned._replace(a=contrast.a, b=contrast.b))
    return tuple(dict.fromkeys(bars))


def _arm(method: MethodSpec) -> str:
    """Kind and settings in one canonical line; where the files lie is no part of a method."""
    return json.dumps([method.kind, _settings(method.settings)], sort_keys=True)


def _settings(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {key: _settings(inner) for key, inner in value.items() if key not in _WHERE}
    return {key: inner for key, inner in kept.items() if inner != {}}
