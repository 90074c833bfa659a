"""Bring a manifest and its pictures into a draft study: all of it, or nothing and the reasons why.
It must know no pairs and no votes; `sampling.extending` writes the rows."""

import hashlib
import logging
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from annotate.people.models import User
from annotate.sampling import images, storage
from annotate.sampling.archive import Source, open_source
from annotate.sampling.delivery import Delivery, ImportResult, PromptMark, Survey
from annotate.sampling.extending import check_draft, extend
from annotate.sampling.manifest import Row, read_rows
from annotate.sampling.models import ImportRun
from annotate.sampling.refusals import ImportRefused, LineError, Refusals, Refused, quoted
from annotate.sampling.storage import Stored
from annotate.studies.models import Study

__all__ = ["ImportRefused", "ImportResult", "LineError", "import_samples"]

MAX_MANIFEST = 256 * 1024 * 1024
INSIDE = ("manifest.csv", "manifest.jsonl")
# Pillow and SHA-256 let go of the interpreter while they work, so threads are enough; few of
# them, since each holds one picture of up to 4096 x 4096 in memory.
WORKERS = min(4, os.cpu_count() or 1)

logger = logging.getLogger(__name__)
Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]


def import_samples(
    study: Study,
    manifest: Path | None,
    source: Path,
    *,
    actor: User | None,
    progress: Progress | None = None,
) -> ImportResult:
    """Read the whole manifest and every picture, then write all rows in one transaction.

    The same files again change nothing; more rows later extend the draft. Pictures are stored by
    content before the rows are written: those of a refused import lie unused and harmless.

    Args:
        study: a draft; its `spec` names the new methods afterwards.
        manifest: CSV or JSONL; None takes manifest.csv or manifest.jsonl inside `source`.
        source: the folder or zip with the pictures.
        progress: called with (done, total) in steps of work, from the calling thread.

    Raises:
        ImportRefused: with the first hundred errors by line; nothing was imported.
    """
    started = time.monotonic()
    check_draft(study)
    refusals = Refusals()
    with tempfile.TemporaryDirectory(prefix="triptych-import-") as folder:
        try:
            with open_source(source) as pictures:
                copy = _own_copy(manifest, pictures, Path(folder))
                survey = _survey(copy, refusals)
                report = _Report(progress, 2 * len(survey.files) + survey.rows)
                contents = _hash_files(survey, pictures, refusals, report)
                digest = _import_digest(copy, contents)
                if (
                    not refusals.total
                    and ImportRun.objects.filter(study=study, digest=digest).exists()
                ):
                    report.finish()
                    distinct = len(set(contents.values()))
                    return ImportResult(survey.rows, 0, distinct, unchanged=True)
                stored = _store_pictures(survey, contents, pictures, refusals, report)
        except Refused as error:
            raise ImportRefused.whole(error.problem, error.remedy) from error
        refusals.raise_if_any()
        delivery = Delivery(
            manifest=copy,
            name=(manifest or source).name[:200],
            digest=digest,
            survey=survey,
            pictures={file: stored[content] for file, content in contents.items()},
        )
        result = extend(study, delivery, actor=actor, step=report.step)
    report.finish()
    logger.info(
        "import study=%s rows=%d new_samples=%d images=%d %.1fs",
        study.uid,
        result.rows,
        result.new_samples,
        result.images,
        time.monotonic() - started,
    )
    return result


class _Report:
    """Counts steps of work for whoever draws the bar."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def step(self, by: int = 1) -> None:
        self._done = min(self._total, self._done + by)
        if self._progress:
            self._progress(self._done, self._total)

    def finish(self) -> None:
        self.step(self._total - self._done)


def _own_copy(manifest: Path | None, source: Source, folder: Path) -> Path:
    """The manifest is read twice; a copy of our own is the same both times."""
    if manifest is None:
        inside = [name for name in INSIDE if source.has(name)]
        if len(inside) != 1:
            found = "both manifest.csv and manifest.jsonl" if inside else "no manifest.csv"
            raise Refused(
                f"The {source.kind} has {found} at its root.",
                "Put one manifest.csv or manifest.jsonl there, beside the pictures.",
            )
        copy = folder / inside[0]
        with copy.open("wb") as target:
            source.copy(inside[0], target, limit=MAX_MANIFEST)
        return copy
    # Only the kind of file is told by the name, which may be anything else.
    copy = folder / f"manifest{manifest.suffix}"
    try:
        size = manifest.stat().st_size
        if size > MAX_MANIFEST:
            raise Refused(
                f"The manifest is larger than {MAX_MANIFEST // 2**20} MB.", "Split the manifest."
            )
        copy.write_bytes(manifest.read_bytes())
    except OSError as error:
        raise Refused(
            f"The manifest {quoted(manifest.name)} cannot be read ({error.strerror}).",
            "Check its path.",
        ) from error
    return copy


def _survey(manifest: Path, refusals: Refusals) -> Survey:
    """All rows checked against each other. Texts are not kept: 100,000 may be ten thousand long."""
    survey = Survey()
    seen: dict[tuple[int, int, int], int] = {}
    for row in read_rows(manifest, refusals):
        survey.rows += 1
        mark = PromptMark.of(row, number=len(survey.prompts))
        known = survey.prompts.setdefault(row.prompt_id, mark)
        if known is not mark and (problem := _disagreement(row, known, mark)):
            refusals.add(row.line, problem, "Give it one, or use another prompt id.")
            continue
        method = survey.methods.setdefault(row.method, (len(survey.methods), row.line))[0]
        key = (known.number, method, row.replica)
        if (first := seen.setdefault(key, row.line)) != row.line:
            refusals.add(
                row.line,
                f"prompt {quoted(row.prompt_id)}, method {quoted(row.method)}, replica "
                f"{row.replica} is on line {first} already.",
                "Remove one, or give it another replica.",
            )
        for file in (row.file, row.context):
            if file:
                survey.files.setdefault(file, row.line)
    return survey


def _disagreement(row: Row, known: PromptMark, mark: PromptMark) -> str:
    for what, one, other in (
        ("text", known.text_digest, mark.text_digest),
        ("group", known.group, mark.group),
        ("context", (known.context, known.context_role), (mark.context, mark.context_role)),
    ):
        if one != other:
            return f"prompt {quoted(row.prompt_id)} has another {what} than on line {known.line}."
    return ""


def _hash_files(
    survey: Survey, source: Source, refusals: Refusals, report: _Report
) -> dict[str, bytes]:
    """SHA-256 of every file named, so that equal ones are decoded once; missing ones are told."""

    def digest(file: str) -> bytes | Refused:
        try:
            return hashlib.sha256(source.read(file, limit=images.MAX_BYTES)).digest()
        except Refused as error:
            return error

    contents: dict[str, bytes] = {}
    for file, found in _in_threads(digest, survey.files):
        report.step()
        if isinstance(found, Refused):
            _add(refusals, survey.files[file], file, found)
        else:
            contents[file] = found
    return contents


def _store_pictures(
    survey: Survey,
    contents: dict[str, bytes],
    source: Source,
    refusals: Refusals,
    report: _Report,
) -> dict[bytes, Stored]:
    """Decode and keep each distinct file once; a bad one is told for the first line naming it."""
    first = {content: file for file, content in reversed(contents.items())}

    def store(file: str) -> Stored | Refused:
        try:
            data = source.read(file, limit=images.MAX_BYTES)
            if hashlib.sha256(data).digest() != contents[file]:
                raise Refused("was changed while it was read.", "Import again.")
            pixels = images.decode(data)
        except Refused as error:
            return error
        return storage.write(pixels)

    stored: dict[bytes, Stored] = {}
    try:
        for file, result in _in_threads(store, first.values()):
            if isinstance(result, Refused):
                _add(refusals, survey.files[file], file, result)
            else:
                stored[contents[file]] = result
            report.step()
    except OSError as error:
        raise Refused(
            f"The pictures cannot be kept ({error.strerror}).", "Free some space and import again."
        ) from error
    report.step(len(contents) - len(first))
    return stored


def _add(refusals: Refusals, line: int, file: str, refused: Refused) -> None:
    refusals.add(line, f"file {quoted(file)} {refused.problem}", refused.remedy)


def _import_digest(manifest: Path, contents: dict[str, bytes]) -> str:
    with manifest.open("rb") as file:
        seen = hashlib.sha256(hashlib.file_digest(file, "sha256").digest())
    for name in sorted(contents):
        seen.update(f"{name}\0".encode() + contents[name])
    return seen.hexdigest()


def _in_threads(
    call: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[tuple[Item, Result]]:
    """`map` in threads, in order, with a short queue: memory does not grow with the number."""
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting: deque[tuple[Item, Future[Result]]] = deque()
        for item in items:
            waiting.append((item, pool.submit(call, item)))
            if len(waiting) > 8 * WORKERS:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()
