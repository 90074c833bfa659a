"""The report's LaTeX through a real TeX: run by `make test-latex`, as few machines have one."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from annotate.reports.report_files import tex_file
from tests.reports.test_analyses import frame, made


@pytest.mark.parametrize("engine", ["pdflatex"])
def test_the_document_compiles_whatever_methods_are_called(engine: str, tmp_path: Path) -> None:
    assert shutil.which(engine), f"{engine} is not on PATH; install texlive-latex-recommended"
    base = frame()
    nasty = tuple(
        c._replace(a_label=r"50 % of \LaTeX{} & $x_1$ #é中^~", b_label='[b] <α> "q"')
        for c in base.contrasts
    )
    (tmp_path / "report.tex").write_text(
        tex_file(made(replace(base, contrasts=nasty))), encoding="utf-8"
    )
    command = [engine, "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    ran = subprocess.run(  # (our own document, our own engine)
        command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False
    )
    assert ran.returncode == 0, ran.stdout[-2000:]
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
