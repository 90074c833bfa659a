"""One-line arrangements for imports: a draft, a manifest, a folder or zip of pictures."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from annotate.sampling.importing import ImportResult, import_samples
from annotate.sampling.models import Image, ImportRun, Sample
from annotate.studies.create import create_study
from annotate.studies.models import Method, Prompt, PromptSet, Study
from annotate.studies.spec import parse_spec
from tests.factories import make_user
from tests.sampling import pictures

HEADER = ("prompt_id", "prompt", "method", "file")
ROWS = (
    ("p1", "A red cube", "teacher", "teacher/1.png"),
    ("p1", "A red cube", "student", "student/1.png"),
    ("p2", "Two cats", "teacher", "teacher/2.png"),
    ("p2", "Two cats", "student", "student/2.png"),
)
FILES = {
    "teacher/1.png": pictures.png(1),
    "student/1.png": pictures.png(2),
    "teacher/2.png": pictures.png(3),
    "student/2.png": pictures.png(4),
}


def make_draft(**spec: object) -> Study:
    return create_study(parse_spec({"name": "Cubes", **spec}), owner=make_user("researcher"))


def as_csv(rows: Iterable[Sequence[object]] = ROWS, header: Sequence[str] = HEADER) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows])
    return out.getvalue().encode()


def bring(
    study: Study,
    root: Path,
    manifest: bytes | None = None,
    *,
    files: dict[str, bytes] | None = None,
    name: str = "manifest.csv",
    zipped: bool = False,
) -> ImportResult:
    """Write manifest and pictures below `root` and import them."""
    root.mkdir(parents=True, exist_ok=True)
    path = root / name
    path.write_bytes(as_csv() if manifest is None else manifest)
    files = FILES if files is None else files
    source = (
        pictures.write_zip(root / "pictures.zip", files)
        if zipped
        else pictures.write_folder(root / "pictures", files)
    )
    source.mkdir(exist_ok=True) if not zipped else None
    return import_samples(study, path, source, actor=study.owner)


GOOD = as_csv()


def row(**changed: object) -> bytes:
    """One good row with something changed; unknown names become columns of their own."""
    cells = dict(zip(HEADER, ROWS[0], strict=True)) | changed
    return as_csv([list(cells.values())], list(cells))


def line(**changed: object) -> bytes:
    """The same as JSONL; None takes the key away."""
    cells = dict(zip(HEADER, ROWS[0], strict=True)) | changed
    return json.dumps({k: v for k, v in cells.items() if v is not None}).encode() + b"\n"


def nothing_was_imported() -> bool:
    return not any(
        table.objects.exists() for table in (Prompt, PromptSet, Method, Sample, Image, ImportRun)
    )
