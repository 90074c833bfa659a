"""How an import says no: what is wrong, on which line, and what to do about it.
It must know neither files nor rows of the database."""

from dataclasses import dataclass

SHOWN = 100


def quoted(value: str, *, limit: int = 80) -> str:
    """A value from somebody's file in backticks: short, and without control characters."""
    shown = value if len(value) <= limit else value[: limit - 1] + "…"
    return "`" + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in shown) + "`"


class Refused(ValueError):
    """One file or archive that cannot be used; `problem` and `remedy` are whole sentences."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong on one physical line of a manifest; line 0 is the file as a whole."""

    line: int
    problem: str
    remedy: str

    @property
    def message(self) -> str:
        return f"{self.problem} Nothing was imported. {self.remedy}"

    @property
    def short(self) -> str:
        """For lists whose heading has already said that nothing was imported."""
        return f"{self._where}{self.problem} {self.remedy}"

    @property
    def _where(self) -> str:
        return f"Line {self.line}: " if self.line else ""

    def __str__(self) -> str:
        return f"{self._where}{self.message}"


class ImportRefused(ValueError):
    """Nothing was imported. `errors` are the first hundred by line, `total` counts them all."""

    def __init__(self, errors: list[LineError], total: int) -> None:
        more = "" if total == 1 else f" And {total - 1} more."
        super().__init__(f"{errors[0]}{more}")
        self.errors = errors
        self.total = total

    @classmethod
    def whole(cls, problem: str, remedy: str) -> "ImportRefused":
        """A refusal that no single line is to blame for."""
        return cls([LineError(0, problem, remedy)], 1)


class Refusals:
    """Collects errors in any order and keeps the hundred with the smallest line numbers."""

    def __init__(self) -> None:
        self.total = 0
        self._kept: list[LineError] = []

    def add(self, line: int, problem: str, remedy: str) -> None:
        self.total += 1
        self._kept.append(LineError(line, problem, remedy))
        if len(self._kept) >= 10 * SHOWN:
            self._kept = self.first()

    def first(self) -> list[LineError]:
        return sorted(self._kept, key=lambda error: error.line)[:SHOWN]

    def raise_if_any(self) -> None:
        if self.total:
            raise ImportRefused(self.first(), self.total)
