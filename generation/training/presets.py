"""Named distillations: the paper's own run, and the reference world's.

Must not know torch, so that `--help` and a dry run are quick.
"""

from typing import NamedTuple

from generation.spec import Weights
from generation.training.course import Course
from generation.training.distillation import Distillation


class Preset(NamedTuple):
    course: Course
    settings: Distillation
    # Processes that the run is planned for; the batch is the same with any number that divides it.
    processes: int
    # What the source leaves open and we chose.
    our_choice: tuple[str, ...]
    source: str


NAMES = ("cd-sd15", "cd-s1")


def preset(name: str, *, teacher: str, revision: str = "", data: str = "", seed: int = 0) -> Preset:
    """A distillation by name.

    Args:
        name: `cd-sd15`, the paper's run (200 K iterations of 512 on 8 devices); `cd-s1`, the
            reference world's student.
        teacher: folder or hub id of the pipeline to distil.
        revision: commit of a hub id.
        data: folder of pictures and texts or tar shards; the reference world needs none.
        seed: of everything random.

    Raises:
        ValueError: an unknown name.
    """
    if name == "cd-sd15":
        return Preset(
            Course(
                seed=seed,
                steps=200_000,
                batch=512,
                micro=16,
                optimiser="radam",
                rate=1e-5,
                precision="fp16",
            ),
            Distillation(
                teacher=Weights(path=teacher, revision=revision, dtype="float16"),
                data=data,
                size=512,
            ),
            processes=8,
            our_choice=("micro", "seed", "data", "averages of young networks"),
            source="supplement A; averages, optimiser and precision from the released code",
        )
    if name == "cd-s1":
        return Preset(
            Course(
                seed=seed,
                steps=1408,
                batch=32,
                micro=32,
                rate=4e-4,
                warmup=100,
                hold=0.5,
                precision="bf16",
            ),
            Distillation(
                teacher=Weights(path=teacher, revision=revision),
                points=25,
                guidance=(2.0, 2.0),
                baked=True,
                averages=(0.99,),
                distance="pseudo-huber",
                huber=0.03,
            ),
            processes=1,
            our_choice=("all",),
            source="measured on the reference world",
        )
    raise ValueError(f"preset {name!r} is not known; choose one of {', '.join(NAMES)}")
