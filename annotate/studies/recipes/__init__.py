"""The paper's human studies as specifications to launch: arms, opponents, prompts, votes.

They are TOML files beside this one, in the words of StudySpec. It must know no database.
"""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from annotate.studies.spec import StudySpec, parse_spec

NAMES = ("fig9a", "fig9b", "fig9c", "fig11", "fig16", "fig17")
# The paper says nothing of it: what a vote takes, to turn votes into hours. Our assumption.
SECONDS_PER_VOTE = 15


@dataclass(frozen=True)
class Recipe:
    """A published study. Its specification has every field but the prompts."""

    name: str
    title: str
    source: str
    # Test prompts, and prompts to tune thresholds on (0: none is tuned).
    prompts: int
    tune: int
    # What the paper prints, win / lose / tie in percent.
    published: str
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
        published=data["published"],
        pairs=data.get("pairs", "methods"),
        spec=parse_spec(study | changes),
    )
