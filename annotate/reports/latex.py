"""The report's tables and methods as LaTeX: booktabs, every word escaped.

It must not compute. The document compiles with pdfTeX, XeTeX and LuaTeX.
"""

from collections.abc import Iterable, Iterator, Sequence

from annotate.reports.plates import Section
from annotate.reports.tables import Table

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}",
    '"': r"\textquotedbl{}",
    # Brackets after a row's end would be read as a length.
    "[": "{[}",
    "]": "{]}",
    "−": r"\ensuremath{-}",
    "≤": r"\ensuremath{\leq}",
    "≥": r"\ensuremath{\geq}",
    "∞": r"\ensuremath{\infty}",
    "±": r"\ensuremath{\pm}",
    "×": r"\ensuremath{\times}",
    "·": r"\textperiodcentered{}",
    "–": "--",
    "—": "---",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "…": r"\ldots{}",
    "\u00a0": "~",
    "\u202f": r"\,",
    "²": r"\ensuremath{^2}",
    "α": r"\ensuremath{\alpha}",
    "β": r"\ensuremath{\beta}",
    "κ": r"\ensuremath{\kappa}",
    "χ": r"\ensuremath{\chi}",
    "ν": r"\ensuremath{\nu}",
    "ρ": r"\ensuremath{\rho}",
    "σ": r"\ensuremath{\sigma}",
    "τ": r"\ensuremath{\tau}",
}
PREAMBLE = r"""\documentclass[10pt]{article}
\usepackage[a4paper,margin=20mm]{geometry}
\usepackage{iftex}
\ifPDFTeX
  \usepackage[T1]{fontenc}
  \usepackage[utf8]{inputenc}
  \usepackage{textcomp}
\else
  \usepackage{fontspec}
\fi
\usepackage{booktabs}
\usepackage{graphicx}
"""


def escape(words: str) -> str:
    """Words as LaTeX text.

    Signs that pdfTeX's fonts do not have (Chinese, emoji) are written as their code point, so that
    nothing is lost silently and every engine compiles.
    """
    return "".join(_ESCAPES.get(c, c) if c in _ESCAPES or _known(c) else _code(c) for c in words)


def _known(c: str) -> bool:
    # T1 covers Latin-1 and Latin Extended-A.
    return " " <= c <= "~" or "\u00a1" <= c <= "\u017f"


def _code(c: str) -> str:
    return " " if c in "\t\r\n" else f"{{[}}U+{ord(c):04X}{{]}}"


def tabular(table: Table) -> str:
    """One table as a float with a caption; figures in its cells are left out, their numbers stay.

    Too wide a table is shrunk to the line: the tables of a report are made for a page.
    """
    kinds = "".join("r" if column.numeric else "l" for column in table.columns)
    widest = [max(len(row[i].text) for row in table.rows) for i in range(len(kinds))]
    wordy = {place for place, kind in enumerate(kinds) if kind == "l" and place}
    wordy = {place for place in wordy if widest[place] > 40}
    # Several columns share what one column of answers beside its questions takes.
    share = 0.58 if len(kinds) < 4 else 0.6 / max(2, len(wordy))
    columns = "".join(
        f"p{{{share:.2g}\\linewidth}}" if place in wordy else kind
        for place, kind in enumerate(kinds)
    )
    head = " & ".join(rf"\textbf{{{escape(column.title)}}}" for column in table.columns)
    body = "\n".join(_row(row) for row in ([cell.text for cell in row] for row in table.rows))
    long = len(table.rows) > 30
    inner = (
        f"\\begin{{tabular}}{{@{{}}{columns}@{{}}}}\n\\toprule\n{head} \\\\\n\\midrule\n"
        f"{body}\n\\bottomrule\n\\end{{tabular}}"
    )
    # A box is measured first: only what is wider than the line is made smaller.
    fitted = (
        "\\sbox0{" + inner + "}%\n"
        "\\ifdim\\wd0>\\linewidth\\resizebox{\\linewidth}{!}{\\usebox0}\\else\\usebox0\\fi"
    )
    if wordy and len(kinds) < 4:
        fitted = inner
    size = "\\tiny" if long else "\\small"
    return (
        f"\\begin{{table}}[htbp]\n\\centering{size}\n\\caption{{{escape(table.label)}}}\n"
        f"{fitted}\n\\end{{table}}\n"
    )


def _row(cells: Iterable[str]) -> str:
    return " & ".join(escape(cell) for cell in cells) + r" \\"


def latex_document(
    title: str, opening: Sequence[str], sections: Sequence[Section], bibtex: str
) -> str:
    """All tables with their sections' words, ready to compile or to copy from."""
    return "\n".join(_document(title, opening, sections, bibtex))


def _document(
    title: str, opening: Sequence[str], sections: Sequence[Section], bibtex: str
) -> Iterator[str]:
    yield PREAMBLE + r"\begin{document}"
    yield rf"\section*{{{escape(title)}}}"
    for paragraph in opening:
        yield escape(paragraph) + "\n"
    for section in sections:
        yield rf"\subsection*{{{escape(section.title)}}}"
        for words in (*section.paragraphs, *section.notes):
            yield escape(words) + "\n"
        for table in section.tables:
            if table.rows:
                yield tabular(table)
        yield r"\clearpage" if len(section.tables) > 2 else ""
    yield r"\subsection*{BibTeX}"
    yield "{\\footnotesize\\begin{verbatim}\n" + _ascii(bibtex) + "\n\\end{verbatim}}"
    yield r"\end{document}" + "\n"


def _ascii(words: str) -> str:
    """Verbatim takes no escapes: what pdfTeX cannot set becomes a question mark."""
    return "".join(c if c == "\n" or _known(c) else "?" for c in words)
