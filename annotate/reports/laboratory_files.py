"""The laboratory in a terminal and as files: a table, JSON, CSV with every setting, SVG figures.

It must not compute or read the database.
"""

from __future__ import annotations

import csv
import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from annotate.analysis.oracle_bands import Over
from annotate.reports.branches import Settings
from annotate.reports.canvas import Figure
from annotate.reports.laboratory import Laboratory
from annotate.reports.laboratory_page import LabPage
from annotate.reports.laboratory_tables import tables
from annotate.reports.laboratory_words import RULE_WORDS
from annotate.reports.peeking import NO_TESTS
from annotate.reports.standalone import standalone
from annotate.reports.tables import Table
from annotate.reports.withheld import blanked, without_tests
from annotate.reports.zipped import zipped

Row = dict[str, Any]


def lab_text(lab: Laboratory) -> str:
    """Every table in plain columns; says SIMULATED where votes come from programs."""
    b, c = lab.branches, lab.curve
    lines = []
    if b.simulated:
        lines.append(f"SIMULATED: {b.simulated:,} of {b.votes:,} votes were cast by programs.")
    lines += [
        f"{b.title}: {b.student_label} and {b.refined_label} against {b.teacher_label}",
        f"{c.n:,} prompts with both verdicts, {c.excluded:,} left out; rule {c.rule} "
        f"({RULE_WORDS[c.rule]}), ideal label keeps {100 * c.label_share:.1f} %",
    ]
    found = tuple(tables(lab))
    for table in without_tests(found) if b.tests_withheld else found:
        lines += ["", *plain_table(table)]
    if b.tests_withheld:
        lines += ["", f"{NO_TESTS}."]
    return "\n".join(lines)


def plain_table(table: Table) -> Iterator[str]:
    """A table in columns of a terminal, its label first."""
    rows = [[c.title for c in table.columns], *([c.text for c in row] for row in table.rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    yield table.label
    for place, row in enumerate(rows):
        first, *rest = row
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        yield "  ".join(cells).rstrip()
        if place == 0:
            yield "  ".join("-" * width for width in widths)


def lab_data(lab: Laboratory) -> dict[str, Any]:
    """The same for machines: shares in [0, 1], None where there is no number or it is withheld."""
    b, c, s = lab.branches, lab.curve, lab.settings
    data = plain(
        {
            "title": b.title,
            "arms": {
                "student": b.student_label,
                "refined": b.refined_label,
                "teacher": b.teacher_label,
            },
            "simulated_votes": b.simulated,
            "votes": b.votes,
            "settings": _told(s),
            "model": c.model,
            "n": c.n,
            "units": c.units,
            "excluded": c.excluded,
            "label_share": c.label_share,
            "cost": asdict(b.cost) if b.cost else None,
            "budget": asdict(lab.budget),
            "curve": list(curve_rows(lab)),
            "policy": list(policy_rows(lab)),
            "estimators": [
                {
                    "name": r.name,
                    "n": r.n,
                    "unscored": r.unscored,
                    "tuned_elsewhere": r.tuned_elsewhere,
                    "state": asdict(r.state),
                    "chosen": asdict(r.chosen) if r.chosen else None,
                    "pair_agreement": asdict(r.agreement) if r.agreement else None,
                    "decisions": [asdict(a) for a in r.accuracies],
                    "best_k": r.best[1] if r.best else None,
                    "best_k_accuracy": r.best[0] if r.best else None,
                    "ranking": asdict(r.ranking),
                    "reliability": [asdict(found) for found in r.bins],
                    "arms": [
                        {"label": m.arm.label, "judged": m.judged, "differ": m.differ}
                        | asdict(m.state)
                        for m in r.made
                    ],
                }
                for r in lab.estimators
            ],
            "comparisons": [asdict(found) for found in lab.comparisons],
            "human_ceiling": asdict(lab.ceiling) if lab.ceiling else None,
        }
    )
    assert isinstance(data, dict)
    return blanked(data) if b.tests_withheld else data


def _told(settings: Settings) -> dict[str, Any]:
    """The settings; what bands draw only where it is not prompts, as files were before."""
    told = asdict(settings)
    if settings.over is Over.PROMPTS:
        del told["over"]
    return told


def curve_rows(lab: Laboratory) -> Iterator[Row]:
    """One row for each setting of the oracle, with the band and the cross-fitted score."""
    rates, band = lab.curve.rates, lab.curve.band
    for i, x in enumerate(lab.x):
        row: Row = {"setting": x, "feasible": bool(lab.curve.feasible[i])}
        for name in ("accuracy", "win", "tie", "lose", "score", "kept", "steps"):
            row[name] = float(getattr(rates, name)[i])
            if band is not None and name in ("win", "tie", "lose", "score"):
                known = row["feasible"]
                row[f"{name}_low"] = float(getattr(band.low, name)[i]) if known else math.nan
                row[f"{name}_high"] = float(getattr(band.high, name)[i]) if known else math.nan
        row["score_cross_fitted"] = float(lab.fair.rates.score[i]) if lab.fair else math.nan
        yield row


def policy_rows(lab: Laboratory) -> Iterator[Row]:
    """One row for each estimator and k."""
    for report in lab.estimators:
        p = report.policy
        for i, k in enumerate(p.percentiles):
            row: Row = {"estimator": p.estimator, "k": k, "threshold": float(p.thresholds[i])}
            for name in ("win", "tie", "lose", "score", "low", "high", "kept", "steps"):
                row[name] = float(getattr(p, name)[i])
            for name in ("over_student", "over_refined"):
                for end in ("", "_low", "_high"):
                    row[name + end] = float(getattr(p, name + end)[i])
            accuracy = report.accuracies[i]
            assert accuracy.percentile == k
            row |= {
                "accuracy": accuracy.accuracy,
                "true_keep": accuracy.true_keep,
                "false_keep": accuracy.false_keep,
                "pareto": bool(p.pareto[i]),
                "tuned_elsewhere": p.tuned_elsewhere,
            }
            yield row


def write_laboratory(lab: Laboratory, page: LabPage, folder: Path) -> list[Path]:
    """SVG figures that stand alone, CSV of every setting, JSON; equal input gives equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    plates = {
        "figure-16": page.curve,
        "score": page.score,
        "policy": page.policy,
        "accuracy": page.accuracy,
        "roc": page.roc,
        "reliability": page.reliability,
    }
    for name, plate in plates.items():
        if plate is not None:
            simulated = "Simulated votes" if lab.branches.simulated else ""
            written.append(folder / f"{name}.svg")
            written[-1].write_text(_wide(plate.figure, simulated), encoding="utf-8")
    for name, rows in (("curve", curve_rows(lab)), ("policy", policy_rows(lab))):
        if found := list(rows):
            written.append(folder / f"{name}.csv")
            write_csv(written[-1], found)
    written.append(folder / "laboratory.json")
    text = json.dumps(lab_data(lab), indent=2, ensure_ascii=False, allow_nan=False)
    written[-1].write_text(text + "\n", encoding="utf-8")
    return written


def laboratory_zip(lab: Laboratory, page: LabPage) -> bytes:
    """The files of `write_laboratory` as one archive."""
    with tempfile.TemporaryDirectory(prefix="triptych-laboratory-") as folder:
        written = write_laboratory(lab, page, Path(folder))
        return zipped({path.name: path.read_bytes() for path in written})


def _wide(figure: Figure, note: str) -> str:
    return standalone(figure.wide, note=note)


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Rows with one header, safe in a spreadsheet: no formulas, nothing where no number is."""
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, fieldnames=list(rows[0]))
        out.writeheader()
        out.writerows({k: _cell(v) for k, v in row.items()} for row in rows)


def _cell(value: object) -> object:
    """Cells of a spreadsheet: nothing where there is no number, text that is no formula."""
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    if isinstance(value, str) and value[:1] in "=+-@\t\r":
        return f"'{value}"
    return "" if value is None else value


def plain(value: Any) -> Any:
    """As JSON can hold it: numbers that are none as None."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
