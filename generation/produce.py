"""Make the samples that are wanted: every arm's, each image once, by full batches on one device.

Must not know jobs, databases or where images are kept: it is given rows and a sink.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from generation.adaptive import StudentKey
from generation.delivery import Desk, Order
from generation.engine import Models
from generation.errors import SamplingError
from generation.line import Line
from generation.samples import Arm, BatchRun, Known, Made, Spent, Wanted
from generation.spec import Estimator

__all__ = ["Arm", "BatchRun", "Known", "Made", "Models", "Spent", "StudentKey", "Wanted", "produce"]


def produce(
    arms: Mapping[str, Arm],
    wanted: Sequence[Wanted],
    *,
    models: Models,
    known: Mapping[StudentKey, Known],
    sink: Callable[[Made], None],
    progress: Callable[[int, int], None],
    stop: Callable[[], None],
    score_with: Sequence[Estimator] = (),
    about: Mapping[str, Mapping[str, Any]] | None = None,
) -> Spent:
    """Make every wanted sample and hand it over; returns when the last one was taken.

    Args:
        arms: recipes by digest, every arm that `wanted` names.
        wanted: one image each. Samples with equal recipes and seeds are made once.
        models: the device and what is loaded on it.
        known: students' samples from before.
        sink: takes each sample, in a thread of its own, one at a time, in order of completion.
        progress: told (handed over or failed, wanted) in the caller's thread.
        stop: called at every denoising step in the caller's thread; what it raises ends the run.
        score_with: score every sample by these, beside what decides.
        about: by arm digest, what its records shall also say (e.g. the calibration).

    Raises:
        SamplingError: an unknown arm.

    An arm that cannot run costs its own samples alone: its weights are missing or refused, one
    image exceeds the device's memory, student and teacher do not fit together. They are in
    `Spent.failed` with the reason, and the other arms' samples are handed over.
    """
    unknown = sorted({each.arm for each in wanted} - set(arms))
    if unknown:
        raise SamplingError(
            f"{len(unknown)} wanted arms are not among the {len(arms)} given, the first is "
            f"{unknown[0]!r}. Give every arm under its digest."
        )
    desk = Desk(sink, progress, total=len(wanted), host=models.host(), about=about or {})
    line = Line(models, known, desk=desk, score_with=tuple(score_with), stop=stop)
    try:
        for each in wanted:
            line.want(Order(each, arms[each.arm]))
        line.work()
        desk.wait()
    finally:
        line.close()
        desk.close()
    line.spent.failed = desk.failed
    return line.spent
