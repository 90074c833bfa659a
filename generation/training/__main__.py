"""`python -m generation.training WHAT FOLDER`: train from the command line; repeat to go on.

Must not know losses or networks; each training says itself what it is.
"""

import argparse
import os
from pathlib import Path

import torch

from generation.training import loop, teacher


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m generation.training", description=__doc__)
    what = parser.add_subparsers(dest="what", required=True)
    one = what.add_parser("teacher", help="world S1's teacher")
    one.add_argument("folder", type=Path, help="where checkpoints, curve and weights go")
    one.add_argument("--images", type=int, default=224_000, help="pictures seen (%(default)s)")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--stop-after", type=int, help="stop after so many steps in all")
    given = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    pace = loop.Pace(checkpoint_every=100, preview_every=500, stop_after=given.stop_after)
    course = teacher.course(given.images, seed=given.seed)
    task = teacher.TeacherTask(course)
    loop.train(task, course, given.folder, pace=pace, cpu=True)


if __name__ == "__main__":
    main()
