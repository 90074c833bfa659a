"""A sample's record as lines to read (`generation.provenance` writes it).

It must not look anything up: what a record does not say is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotate.reports.estimator_names import SAMPLERS, SOLVERS

Json = Mapping[str, Any]
Lines = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RunLines:
    """One network's share: a heading, what matters, and the rest."""

    heading: str
    lines: Lines
    details: Lines


def decision_line(record: Json) -> str:
    """What was decided about the student's sample and why, as a sentence."""
    decision = record.get("decision")
    if not decision:
        return ""
    outcome = str(decision["outcome"])
    score, margin = decision.get("score"), decision.get("margin")
    said = {
        "kept": "Kept as the student made it",
        "refined": "Refined by the teacher from the student's sample",
        "regenerated": "Made anew by the teacher",
    }.get(outcome, outcome.capitalize())
    if score is None:
        return f"{said}: tau is {decision['threshold']}, so no score was asked for."
    if margin is None:
        return f"{said}: the student's sample scored {score:.4g}; tau is {decision['threshold']}."
    side = "above" if margin > 0 else "below" if margin < 0 else "from"
    return (
        f"{said}: the student's sample scored {score:.4g}, {abs(margin):.4g} {side} "
        f"tau {float(decision['threshold']):.4g}."
    )


def run_lines(record: Json) -> list[RunLines]:
    """The networks that ran, in order."""
    return [_run(run) for run in record.get("runs", []) if run]


def _run(run: Json) -> RunLines:
    recipe, model, batch = (run.get(part, {}) for part in ("recipe", "model", "batch"))
    how = SAMPLERS.get(recipe.get("sampler", ""), "") or SOLVERS.get(
        recipe.get("scheduler", ""), ""
    )
    lines = [
        ("Sampler", how),
        ("Steps", _cost(run)),
        ("Guidance", _text(recipe.get("guidance"))),
        ("Negative prompt", _text(recipe.get("negative_prompt"))),
        ("Timesteps", ", ".join(map(_text, run.get("timesteps", [])))),
        ("Started from", _start(run.get("start"))),
        ("Model", _text(model.get("path") or recipe.get("model", {}).get("path"))),
        ("Revision", _text(model.get("revision"))),
        ("Precision", _text(model.get("dtype"))),
        ("Batch", _batch(batch)),
        ("Time", f"{run['seconds']:.3g} s" if run.get("seconds") else ""),
    ]
    details = [(f"Seed, {stage}", str(seed)) for stage, seed in run.get("seeds", {}).items()]
    weights = model.get("weights")
    if isinstance(weights, Mapping):
        details += [(f"Weights, {part}", str(digest)) for part, digest in weights.items()]
    details += [("Picture", _text(run.get("image_sha256")))]
    details += [("Latents", _text(run.get("latents_sha256")))]
    heading = _text(run.get("role")).capitalize()
    if run.get("stored"):
        heading += ", taken from the store"
    return RunLines(heading, _said(lines), _said(details))


def _cost(run: Json) -> str:
    return f"{run.get('steps', 0)} steps, {run.get('forwards', 0)} UNet forwards"


def _start(start: Json | None) -> str:
    if not start:
        return ""
    return ", ".join(f"{name} {_text(value)}" for name, value in start.items())


def _batch(batch: Json) -> str:
    return f"place {batch['position'] + 1} of {batch['size']}" if "size" in batch else ""


def about_lines(record: Json) -> Lines:
    """On what it was made, and what the study wanted kept with it."""
    lines = [(name, _text(value)) for name, value in record.get("host", {}).items()]
    lines += [(name, _text(value)) for name, value in record.get("versions", {}).items()]
    for name, value in record.get("about", {}).items():
        # Where a threshold is from, each of its facts on a line.
        facts = value if isinstance(value, Mapping) else {"": value}
        lines += [(f"{name} {fact}".strip(), _fact(said)) for fact, said in facts.items()]
    return _said(lines)


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(said)}" for name, said in value.items())
    return _text(value)


def _said(lines: list[tuple[str, str]]) -> Lines:
    return tuple((name.replace("_", " "), text) for name, text in lines if text)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
