"""`manage.py convert_checkpoint`: a published pickle into safetensors, once, with a record.
It must not open the file: `generation.convert` does, in a child process that can do little."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation.errors import WeightsMissingError, WeightsRefusedError


class Command(BaseCommand):
    help = (
        "Convert a published checkpoint (.pt, .ckpt, .bin) to safetensors. The pickle is opened in "
        "a sandbox, as weights only; a file that holds code is refused. Writes TARGET and "
        "TARGET.json, which says what it was made of."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", metavar="SOURCE", type=Path)
        parser.add_argument("target", metavar="TARGET", type=Path, help="ends in .safetensors")
        parser.add_argument(
            "--sha256", default="", help="what the publisher says of SOURCE; else it is recorded"
        )
        parser.add_argument(
            "--key", default="", help="where the weights are inside, such as state_dict"
        )
        parser.add_argument(
            "--prefix", default="", help="keep only keys with it, such as model.diffusion_model."
        )
        parser.add_argument(
            "--like",
            type=Path,
            metavar="FOLDER",
            help="a component's folder, such as sd15/unet: every key and shape has to fit it",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        from generation.convert import convert

        names = ("sha256", "key", "prefix", "like")
        try:
            done = convert(
                options["source"], options["target"], **{name: options[name] for name in names}
            )
        except (WeightsMissingError, WeightsRefusedError) as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(
            f"{done.tensors:,} tensors, {done.parameters:,} parameters "
            f"({', '.join(done.dtypes)}) written to {options['target']}.\n"
            f"source sha256 {done.source_sha256}\n       sha256 {done.sha256}"
        )
