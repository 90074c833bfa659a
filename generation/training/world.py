"""The reference world's models from nothing to the repository: each stage resumable, in order.

Must not know losses; a stage trains, measures or writes, and the next reads what it left.
"""

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from generation.estimators.folders import open_folder
from generation.pipelines import load_bundle
from generation.reference.packaged import PACKAGED
from generation.reference.s1 import kept, models, scorer, trial, words
from generation.spec import Estimator, Student, Teacher, Weights
from generation.training import estimator, judged, loop, teacher, tune
from generation.training.distill import DistillTask
from generation.training.pairs import WorldSource
from generation.training.presets import preset
from generation.weights import weights_digest

IMAGES = 72_000
_KEPT_FILES = (loop.CURVE, loop.RECORD)
# Samples that the estimator learns from, in two sets: prompts (None: all of training), and whose
# samples. What it will be asked about, and the teacher in fewer steps than its baseline's, which
# draws alike and costs less. The cheap ones come for every prompt: with 700 the estimator learned
# them by heart. Each is drawn from noise of its own.
_LEARNED_FROM: tuple[tuple[int | None, tuple[tuple[str, dict[str, Any]], ...]], ...] = (
    (
        700,
        (
            ("student", {"steps": 1, "guidance": 1.0}),
            ("student", {"steps": 2, "guidance": 1.0}),
            ("student", {"steps": 2, "guidance": 1.0}),
            ("student", {"steps": 4, "guidance": 1.0}),
            ("student", {"steps": 5, "guidance": 1.0}),
            ("teacher", {"steps": 20, "guidance": 2.0}),
            ("teacher", {"scheduler": "unipc", "steps": 10, "guidance": 2.0}),
        ),
    ),
    (
        None,
        (
            ("student", {"steps": 1, "guidance": 1.0}),
            ("student", {"steps": 2, "guidance": 1.0}),
            ("student", {"steps": 4, "guidance": 1.0}),
            ("student", {"steps": 5, "guidance": 1.0}),
            ("teacher", {"steps": 5, "guidance": 2.0}),
        ),
    ),
)
Say = Callable[[str], object]


def train_teacher(folder: Path, *, images: int, seed: int, pace: loop.Pace) -> Path:
    """Stage 1; returns the pipeline's folder, written when the course is done."""
    course = teacher.course(images, seed=seed)
    task = teacher.TeacherTask(course)
    done = loop.train(task, course, folder, pace=pace, cpu=True)
    pipeline = folder / "pipeline"
    if done == course.steps:
        averaged = copy.deepcopy(task.average.network)
        assert isinstance(averaged, models.TextToImage)
        models.save(averaged, pipeline)
    return pipeline


def tune_guidance(pipeline: Path, out: Path, *, say: Say) -> Path:
    """Stage 2; every setting tried with its share, and the best."""
    if not out.is_file():
        weights = Weights(path=str(pipeline))
        table = tune.tune(load_bundle(weights, device="cpu"), weights, say=say)
        out.write_text(json.dumps({"tried": table, "chosen": tune.chosen(table)}, indent=1) + "\n")
    return out


def train_student(folder: Path, *, pipeline: Path, seed: int, pace: loop.Pace) -> Path:
    """Stage 3; returns the folder of the distilled UNet."""
    course, settings, *_ = preset("cd-s1", teacher=str(pipeline), seed=seed)
    bundle = load_bundle(settings.teacher, device="cpu")
    task = DistillTask(
        course,
        settings,
        teacher=bundle,
        source=WorldSource(bundle),
        preview_prompts=tuple(words.prompts("validation", 16, seed=seed)),
    )
    if loop.train(task, course, folder, pace=pace, cpu=True) == course.steps:
        task.save(folder / "unet")
    return folder / "unet"


def samples_to_judge(folder: Path, *, pipeline: Path, unet: Path, seed: int) -> list[Path]:
    """Samples of training prompts by student and teacher, for the estimator to learn from."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"samples-{number}.npz" for number in range(len(_LEARNED_FROM))]
    if all(file.is_file() for file in files):
        return files
    weights = {
        "teacher": Weights(path=str(pipeline)),
        "student": Weights(path=str(pipeline), unet=str(unet)),
    }
    bundles = {name: load_bundle(each, device="cpu") for name, each in weights.items()}
    replica = 0
    for out, (count, sources) in zip(files, _LEARNED_FROM, strict=True):
        texts = words.prompts("train", count or len(words.said_in_training()[0]), seed=seed)
        made = []
        for who, settings in sources:
            kind = Student if who == "student" else Teacher
            spec = kind.model_validate({"model": weights[who], **settings})
            if not out.is_file():
                made.append(trial.sampled(bundles[who], spec, texts, seed=seed, replica=replica))
            replica += 1
        if made:
            np.savez_compressed(out, prompts=np.array(texts), pictures=np.stack(made, axis=1))
    return files


def train_estimator(folder: Path, *, samples: list[Path], seed: int, pace: loop.Pace) -> Path:
    """Stage 4; returns the estimator's folder."""
    sets = []
    for file in samples:
        with np.load(file) as read:
            sets.append(([str(text) for text in read["prompts"]], read["pictures"]))
    course = estimator.course(seed=seed)
    task = estimator.EstimatorTask(course, judged.JudgedPairs(sets, seed=seed))
    out = folder / "estimator"
    if loop.train(task, course, folder, pace=pace, cpu=True) == course.steps:
        scorer.save(task.scorer, out)
    return out


def keep(run: Path, *, into: Path = PACKAGED / "triptych-s1") -> Path:
    """Stage 5: copy what is sampled into the repository and pin it by its hashes.

    Records and loss curves go along; checkpoints stay behind.
    """
    parts = {
        "teacher": run / "teacher" / "pipeline",
        "student": run / "student" / "unet",
        "estimator": run / "estimator" / "estimator",
    }
    into.mkdir(parents=True, exist_ok=True)
    for name, source in parts.items():
        shutil.rmtree(into / name, ignore_errors=True)
        shutil.copytree(source, into / name)
        for config in (into / name).rglob("config.json"):
            said = json.loads(config.read_text(encoding="utf-8"))
            said.pop("_name_or_path", None)  # where it was loaded from on the machine that trained
            config.write_text(json.dumps(said, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        # safetensors of transformers and diffusers come readable by their owner alone.
        for file in (into / name).rglob("*"):
            file.chmod(0o755 if file.is_dir() else 0o644)
        for log in _KEPT_FILES:
            (into / "training").mkdir(exist_ok=True)
            # Where the run lay on its machine is nobody's business.
            text = (run / name / log).read_text().replace(str(run), run.name)
            (into / "training" / f"{name}-{log}").write_text(text)
    unet = into / "student"
    found = open_folder(Estimator(name="reference", path=str(into / "estimator")))
    pinned = {
        "sha256": {
            "teacher": weights_digest(into / "teacher"),
            "student": weights_digest(into / "teacher", unet=unet),
            "estimator": found.sha256,
        },
        "guidance": tune.chosen(json.loads((run / "guidance.json").read_text())["tried"]),
    }
    shutil.copyfile(run / "guidance.json", into / "training" / "guidance.json")
    target = into / kept.PINNED
    target.write_text(json.dumps(pinned, indent=1) + "\n")
    return target


def make(run: Path, *, images: int = IMAGES, seed: int = 0, pace: loop.Pace, say: Say) -> None:
    """All stages; called again it goes on where it was."""
    say("1 of 4: teacher")
    pipeline = train_teacher(run / "teacher", images=images, seed=seed, pace=pace)
    say("2 of 4: guidance, on validation prompts")
    tune_guidance(pipeline, run / "guidance.json", say=say)
    say("3 of 4: student, by consistency distillation")
    unet = train_student(run / "student", pipeline=pipeline, seed=seed, pace=pace)
    say("4 of 4: estimator")
    samples = samples_to_judge(run / "estimator", pipeline=pipeline, unet=unet, seed=seed)
    train_estimator(run / "estimator", samples=samples, seed=seed, pace=pace)
    say(f"done; `python -m generation.training keep {run}` puts the weights into the repository")


def threads(count: int) -> None:
    """How many threads one process may use; results depend on it in the last bits."""
    torch.set_num_threads(count)
