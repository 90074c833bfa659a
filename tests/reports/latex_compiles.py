"""The reports' LaTeX through a real TeX: run by `make test-latex`, as few machines have one."""

from __future__ import annotations

import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from annotate.analysis.diversity import Attribute
from annotate.reports.diversity_files import made_of, paper_of
from annotate.reports.diversity_frame import DiversityFrame, ItemOf, PromptOf, VoteOf
from annotate.reports.report_files import tex_file, tex_of
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol
from tests.factories import NOW
from tests.reports.test_analyses import frame, made

NASTY = (r"50 % of \LaTeX{} & $x_1$ #é中^~", '[b] <α> "q"')


def compiled(tex: str, folder: Path, *, engine: str) -> bytes:
    """The PDF that the engine makes of it."""
    assert shutil.which(engine), f"{engine} is not on PATH; install texlive-latex-recommended"
    (folder / "report.tex").write_text(tex, encoding="utf-8")
    command = [engine, "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    ran = subprocess.run(  # (our own document, our own engine)
        command, cwd=folder, capture_output=True, text=True, errors="replace", check=False
    )
    assert ran.returncode == 0, ran.stdout[-2000:]
    return (folder / "report.pdf").read_bytes()


def diversity_tex() -> str:
    """Of two methods and twelve prompts, some in a group; every word of people's own is nasty."""
    rng = random.Random(4)
    methods, at = ("student", "teacher"), NOW.isoformat()
    prompts = tuple(
        (pk, PromptOf(NASTY[0], f"p_{pk}", NASTY[1], "a & b" if pk < 3 else "")) for pk in range(12)
    )
    items = tuple(
        ItemOf(2 * pk + arm, name, pk) for pk, _ in prompts for arm, name in enumerate(methods)
    )
    votes = tuple(
        VoteOf(
            item.comparison,
            "control" if item.prompt == 11 else "live",
            False,
            item.prompt,
            f"A_{person}",
            tuple(rng.choice(("0", "1", "2", "cannot")) for _ in Attribute),
            True,
            at,
        )
        for item in items
        for person in range(3)
    )
    labels = tuple(zip(methods, NASTY, strict=True))
    study = Study(
        name="Variety & 100 %",
        spec={"protocol": Protocol(kind="diversity").model_dump(mode="json")},
        launched_at=NOW,
    )
    rows = DiversityFrame(labels, NASTY, prompts, items, votes)
    return tex_of(paper_of(made_of(study, rows).report))


@pytest.mark.parametrize("engine", ["pdflatex"])
def test_the_document_compiles_whatever_methods_are_called(engine: str, tmp_path: Path) -> None:
    base = frame()
    a, b = NASTY
    nasty = tuple(c._replace(a_label=a, b_label=b) for c in base.contrasts)
    tex = tex_file(made(replace(base, contrasts=nasty)))
    assert compiled(tex, tmp_path, engine=engine).startswith(b"%PDF")


@pytest.mark.parametrize("engine", ["pdflatex"])
def test_a_diversity_report_compiles_too(engine: str, tmp_path: Path) -> None:
    tex = diversity_tex()
    assert tex.count(r"\toprule") == tex.count(r"\bottomrule") >= 3
    assert compiled(tex, tmp_path, engine=engine).startswith(b"%PDF")
