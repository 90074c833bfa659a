"""`python -m generation.training WHAT …`: train from the command line; repeat to go on.

Must not know losses or networks; each training says itself what it is.
"""

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from generation.errors import TrainingError, WeightsMissingError, WeightsRefusedError
from generation.ranges import seed, whole
from generation.training.loop import Pace
from generation.training.options import add_settings, changed, processes_told
from generation.training.presets import NAMES, preset

# Prompts in a row of a sample grid where no file names them.
PREVIEWED = 8
REFUSED = (TrainingError, WeightsMissingError, WeightsRefusedError)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m generation.training", description=__doc__)
    parser.add_argument("--threads", type=whole(1), default=1, help="per process (%(default)s)")
    what = parser.add_subparsers(dest="what", required=True)

    one = what.add_parser("world", help="the reference world's models, all stages in order")
    one.add_argument("folder", type=Path, help="where checkpoints, curves and weights go")
    one.add_argument("--images", type=whole(1), help="pictures the teacher sees")
    one.add_argument("--seed", type=seed, default=0)
    one.add_argument("--until", choices=("teacher", "estimator"), default="estimator")

    one = what.add_parser("keep", help="put a finished world into the repository")
    one.add_argument("folder", type=Path)
    one.add_argument("--into", type=Path, help="another folder, to report on")

    one = what.add_parser("distil", help="consistency distillation of a pipeline on disk")
    one.add_argument("folder", type=Path, help="where checkpoints, curve and the UNet go")
    one.add_argument("--preset", choices=NAMES, default="cd-sd15")
    one.add_argument("--teacher", required=True, help="pipeline folder, or a hub id in the cache")
    one.add_argument("--revision", default="", help="commit of a hub id")
    one.add_argument("--data", default="", help="folder of pictures and texts, or tar shards")
    one.add_argument("--seed", type=seed, default=0)
    one.add_argument("--cpu", action="store_true")
    one.add_argument("--dry-run", action="store_true", help="load everything, take no step")
    one.add_argument(
        "--preview", type=Path, help="prompts of the sample grids, a line each (else the data's)"
    )
    one.add_argument(
        "--preview-every", type=int, default=1000, help="steps between grids; 0: none (%(default)s)"
    )
    add_settings(one)

    one = what.add_parser("fit", help="an estimator on the votes of your own annotators")
    one.add_argument("folder", type=Path, help="where checkpoints, curve and the estimator go")
    one.add_argument("--votes", type=Path, required=True, help="CSV: prompt, first, second, share")
    one.add_argument("--start", type=Path, required=True, help="a CLIP in PickScore's format")
    one.add_argument("--steps", type=whole(1), default=4000)
    one.add_argument("--batch", type=whole(1), default=128)
    one.add_argument("--micro", type=whole(1), default=16)
    one.add_argument("--rate", type=float, default=3e-6)
    one.add_argument("--seed", type=seed, default=0)
    one.add_argument("--cpu", action="store_true")

    given = parser.parse_args()
    if given.what in ("distil", "fit"):
        (_distil if given.what == "distil" else _fit)(given)
        return
    from generation.training import world

    world.threads(given.threads)
    pace = Pace(checkpoint_every=100, preview_every=500)
    if given.what == "keep":
        into = {"into": given.into} if given.into else {}
        _say(f"pinned in {world.keep(given.folder, **into)}")
    elif given.until == "teacher":
        world.train_teacher(
            given.folder / "teacher",
            images=given.images or world.IMAGES,
            seed=given.seed,
            pace=pace,
        )
    else:
        world.make(
            given.folder, images=given.images or world.IMAGES, seed=given.seed, pace=pace, say=_say
        )


def _distil(given: argparse.Namespace) -> None:
    chosen = preset(
        given.preset,
        teacher=given.teacher,
        revision=given.revision,
        data=given.data,
        seed=given.seed,
    )
    chosen = changed(
        chosen, vars(given) | ({"precision": given.precision or "no"} if given.cpu else {})
    )
    course = chosen.course
    prompts = _preview_prompts(given.preview, every=given.preview_every)

    from generation.pipelines import load_bundle
    from generation.training import loop
    from generation.training.distill import DistillTask
    from generation.training.pairs import ImageTextSource, Source, WorldSource

    run = loop.accelerator(course, cpu=given.cpu)
    leads = run.is_main_process
    say = _say if leads else _nothing
    device = "cpu" if given.cpu else str(run.device)
    told = processes_told(chosen, running=run.num_processes)
    weights = chosen.settings.teacher
    if given.cpu:
        weights = weights.model_copy(update={"dtype": "float32"})
    bundle = load_bundle(weights, device=device)
    source: Source
    if chosen.settings.data:
        folder, size = Path(chosen.settings.data), chosen.settings.size
        # A small pipeline is distilled at its own size.
        size = min(size, bundle.native_size) if size else None
        source = ImageTextSource(folder, bundle, size=size, seed=course.seed)
        say(f"{len(source)} pictures with texts in {folder}")
    else:
        source = WorldSource(bundle)
    prompts = prompts or source.texts(PREVIEWED)
    task = DistillTask(
        course, chosen.settings, teacher=bundle, source=source, preview_prompts=prompts
    )
    say(f"{course.steps} steps of {course.batch} on {device}; our choice: {chosen.our_choice}")
    say(told)
    if given.dry_run:
        say("every file was read and fits; nothing was trained")
        return
    pace = Pace(checkpoint_every=min(500, course.steps), preview_every=given.preview_every or None)
    done = loop.train(task, course, given.folder, pace=pace, cpu=given.cpu)
    if done == course.steps and leads:
        say(f"the student's UNet is in {task.save(given.folder / 'unet')}")


def _preview_prompts(file: Path | None, *, every: int) -> tuple[str, ...]:
    """The file's lines; none without a file.

    Raises:
        TrainingError: it cannot be read or holds no line, or the interval is negative.
    """
    if every < 0:
        raise TrainingError(f"--preview-every {every}: give steps between grids, 0 for no grids")
    if file is None:
        return ()
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"--preview {file}: {error}; give a text, a prompt a line") from error
    if not any(lines):
        raise TrainingError(f"--preview {file} holds no prompt; give one a line, or leave it out")
    return tuple(line for line in lines if line)


def _fit(given: argparse.Namespace) -> None:
    from generation.estimators import load_scorer
    from generation.estimators.clip import ClipScorer
    from generation.spec import Estimator
    from generation.training import loop
    from generation.training.course import Course
    from generation.training.preference import PreferenceTask, read_votes

    scorer = load_scorer(Estimator(name="pickscore", path=str(given.start)), device="cpu")
    assert isinstance(scorer, ClipScorer)
    try:
        course = Course(
            seed=given.seed,
            steps=given.steps,
            batch=given.batch,
            micro=given.micro,
            rate=given.rate,
            warmup=min(500, given.steps // 10),
        )
    except ValidationError as error:
        raise TrainingError("; ".join(str(each["msg"]) for each in error.errors())) from error
    pairs = read_votes(given.votes)
    _say(f"{len(pairs)} pairs in {given.votes}, {course.steps} steps of {course.batch}")
    task = PreferenceTask(course, pairs, scorer)
    if loop.train(task, course, given.folder, cpu=given.cpu) == course.steps:
        _say(f"the estimator is in {task.save(given.folder / 'estimator', start=given.start)}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _nothing(_: str) -> None:
    """What all but the first of several processes say."""


if __name__ == "__main__":
    try:
        main()
    except REFUSED as refused:
        sys.exit(f"error: {refused}")
