"""What a report is laid out in: figures with their words, and sections of figures and tables.

It must not know what they say.
"""

from dataclasses import dataclass

from annotate.reports.canvas import Figure
from annotate.reports.tables import Table


@dataclass(frozen=True)
class Plate:
    """A figure with its words: the finding, what is measured, and how."""

    title: str
    subtitle: str
    figure: Figure
    note: str


@dataclass(frozen=True)
class Section:
    """A heading with its figures, tables and notes: the same on screen, in print and in files.

    `name` is its anchor and the beginning of its files' names. Plates drawn for `half` a column
    stand side by side.
    """

    name: str
    title: str
    plates: tuple[Plate, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    paragraphs: tuple[str, ...] = ()
    half: bool = False
