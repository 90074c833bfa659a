"""Tuning a draft's thresholds in a terminal: pictures first, then tau with what it rests on.

It must not choose: `sampling.calibration` does.
"""

import time
from collections.abc import Callable, Iterator

from django.utils import timezone

from annotate.cli import sampling_bar
from annotate.people.models import User
from annotate.sampling.calibration import (
    calibrate,
    plan_tuning,
    scoring,
    to_tune,
    tuning_families,
    tuning_set,
)
from annotate.sampling.calibration_figures import CalibrationFigures
from annotate.sampling.models import Threshold
from annotate.sampling.progress import progress_of
from annotate.studies.models import Study

WIDTH = 40
Say = Callable[[str], None]


def tune(
    study: Study,
    *,
    actor: User,
    say: Say,
    replicas: int = 1,
    pause: Callable[[float], None] = time.sleep,
) -> list[Threshold]:
    """Make and score the tuning samples, wait for them, and write every tau into the draft.

    `pause` is called between two looks at how far they are.

    Raises:
        CalibrationRefused: nothing to tune, wrong prompts, or samples that failed.
    """
    prompts = tuning_set(study)
    made = plan_tuning(study, prompts, replicas=replicas, most_read=None)
    say(
        f"tuning on {prompts}: {made.wanted} samples, {made.reused} there already, {made.jobs} jobs"
    )
    families = tuning_families(study, prompts, replicas=replicas)
    seed = study.read_protocol().seed
    seen = sampling_bar.wait(
        lambda: progress_of(study, families, seed=seed, now=timezone.now()),
        what="tuning samples",
        say=say,
        pause=pause,
    )
    for line in sampling_bar.summary(seen) if seen.failed else []:
        say(line)
    sampling_bar.wait_for_none(lambda: scoring(study), what="jobs that score", say=say, pause=pause)
    tasks = to_tune(study)
    found = calibrate(study, prompts, actor=actor)
    for task, row in zip(tasks, found, strict=True):
        say(
            f"{task.method}: tau {row.tau:.4f} at the {row.percentile:g}th percentile of "
            f"{len(row.calibration.scores)} scores ({task.rule})"
        )
    return found


def drawn(figures: CalibrationFigures) -> Iterator[str]:
    """A threshold's figures as lines: histogram with tau, budget over k, convergence."""
    yield f"{figures.method}: {figures.samples} scores, tau {figures.tau:.4f}"
    most = max(bar.scores for bar in figures.histogram)
    marked = False
    for bar in figures.histogram:
        under = round(WIDTH * bar.below / most)
        over = round(WIDTH * bar.scores / most) - under
        tau = ""
        if not marked and figures.tau < bar.high:
            tau, marked = "  <- tau", True
        yield f"  {bar.low:8.3f} {'░' * under}{'█' * over} {bar.scores}{tau}"
    yield "  (░ is improved, █ is kept)"
    yield "  k      tau      mean steps   forwards"
    for point in figures.curve:
        chosen = "  <- chosen" if point.chosen else ""
        yield (
            f"  {point.percentile:5g}  {point.tau:7.3f}  {point.steps:10.2f}   "
            f"{point.forwards:8.2f}{chosen}"
        )
    yield "  how much tau would move (resampled from these scores):"
    for row in figures.convergence:
        yield f"  {row}"
