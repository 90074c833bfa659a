"""`manage.py demo_light`: the demo without torch, of scenes drawn with planted defects.

It must not know how pictures are drawn or votes are cast.
"""

import socket
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from tqdm import tqdm

from annotate.cli import demo
from annotate.cli.demo_run import DemoCommand
from annotate.cli.simulated_annotator import SimulatedAnnotator
from annotate.cli.site import web_child
from annotate.cli.supervisor import Child
from annotate.people.models import User
from annotate.studies.models import Study


class Command(DemoCommand):
    help = (
        "Draw captioned scenes, let simulated annotators judge them through the running site, "
        "print the report, and leave the site up with a second study for you."
    )
    target = "make demo-light"

    @property
    def folder(self) -> Path:
        return Path(settings.DATA_DIR) / "samples"

    def before(self, owner: User) -> None:
        """Both studies are there before the first page is."""
        self.found = tuple(self._study(one, owner=owner) for one in demo.plan())

    def children(self, listening: socket.socket) -> list[Child]:
        """No worker: nothing is sampled here, and torch takes seconds to load."""
        return [web_child(listening)]

    def studies(self, owner: User) -> tuple[Study, Study]:  # noqa: ARG002 - they are there
        judged, yours = self.found
        return judged, yours

    def crowd(self, study: Study, *, url: str) -> Sequence[SimulatedAnnotator]:
        return demo.make_crowd(study, folder=self.folder, url=url)

    def _study(self, planned: demo.DemoStudy, *, owner: User) -> Study:
        if made := demo.find_launched(planned, owner=owner):
            return made
        with tqdm(desc="drawing scenes", total=planned.pictures, unit="picture") as bar:
            demo.draw(planned, folder=self.folder, step=bar.update)
        with tqdm(desc="importing them", unit="step") as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            study = demo.open_study(planned, owner=owner, folder=self.folder, progress=progress)
        self.say(f"launched “{study.name}”")
        return study
