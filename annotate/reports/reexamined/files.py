"""The re-examination as files: one HTML page that stands alone, JSON, CSV, figures, plain text.

It must not compute.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string

from annotate.analysis.winrate import WinRate
from annotate.reports.laboratory_files import Row, lab_data, plain, write_csv, write_laboratory
from annotate.reports.reexamined.claims import claims_text
from annotate.reports.reexamined.evidence import Evidence
from annotate.reports.reexamined.findings import Findings, Preference
from annotate.reports.reexamined.names import label
from annotate.reports.reexamined.page import ReexaminedPage, lay_out
from annotate.reports.reexamined.tables import tables_text
from annotate.reports.sheets import stylesheets
from generation.reference.s1.arms import BASELINE
from generation.reference.s1.pictures import save_grid

PAGE, NUMBERS, CLAIMS, GRID = "report.html", "report.json", "claims.txt", "pictures.png"
TABLES = "tables.md"
# Prompts whose pictures are shown.
SHOWN = 24


def tried(evidence: Evidence) -> tuple[str, ...]:
    """What was set and what was chosen among which alternatives, before the test prompts."""
    design = evidence.design
    guidance = "; ".join(
        f"{label(name)}: {arm.guidance:g}"
        for name, arm in evidence.recipes.items()
        if arm.kind != "adaptive" and not name.startswith("teacher-")
    )
    lines = [
        f"{design.prompts} test prompts; tau from {design.tuning} other prompts at k = "
        f"{design.percentile}: {evidence.tau:.4f}. Seed {design.seed}.",
        f"Guidance of each sampler, tuned on prompts that no test uses: {guidance}.",
        f"The student that decides runs {design.student_steps} steps (--student-steps chooses); "
        f"rollback sigma {design.rollback:g} by variance; improvement by UniPC with "
        + ", ".join(f"{design.improvement_steps(b)} steps for {b}" for b in design.budgets)
        + ".",
        "Controls: another seed of the teacher; the undistilled network in the student's sampler; "
        "as many steps of UniPC for all; all samples refined at the equal mean budget; as many "
        "samples refined by lot.",
    ]
    if len(evidence.codes) > 1:
        lines.append(
            f"The pictures were made by {len(evidence.codes)} versions of the program, one after "
            "the other; empty the folder and run again for one version."
        )
    return tuple(lines)


def write(evidence: Evidence, found: Findings, folder: Path) -> list[Path]:
    """Write everything; equal findings give equal bytes. Returns the files, the page first."""
    folder.mkdir(parents=True, exist_ok=True)
    page = lay_out(found, tried=tried(evidence))
    grid = folder / GRID
    write_grid(evidence, grid)
    (folder / PAGE).write_text(html(page, grid=grid), encoding="utf-8")
    text = json.dumps(data(evidence, found, page), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / NUMBERS).write_text(text + "\n", encoding="utf-8")
    (folder / CLAIMS).write_text(claims_text(page.claims, page.tried), encoding="utf-8")
    (folder / TABLES).write_text(tables_text(page.tables), encoding="utf-8")
    written = [folder / name for name in (PAGE, NUMBERS, CLAIMS, TABLES, GRID)]
    for name, rows in _sheets(found):
        if rows:
            written.append(folder / f"{name}.csv")
            write_csv(written[-1], rows)
    return [*written, *write_laboratory(found.laboratory, page.laboratory, folder / "figure-16")]


def html(page: ReexaminedPage, *, grid: Path) -> str:
    """The page with its style and pictures inside."""
    picture = base64.b64encode(grid.read_bytes()).decode()
    return render_to_string(
        "reports/reexamined.html", {"page": page, "styles": stylesheets(), "picture": picture}
    )


def data(evidence: Evidence, found: Findings, page: ReexaminedPage) -> dict[str, Any]:
    """Everything for machines: shares in [0, 1], recipes with digests, claims."""
    # The laboratory holds arrays, which asdict cannot copy into JSON; it has a form of its own.
    own = {name: value for name, value in vars(found).items() if name != "laboratory"}
    told = {
        "simulated": page.simulated,
        "design": asdict(evidence.design),
        "prompts": list(evidence.prompts),
        "recipes": {
            name: {"digest": arm.digest(), "arm": arm.model_dump(mode="json")}
            for name, arm in evidence.recipes.items()
        },
        "codes": sorted(evidence.codes),
        "findings": {name: _plainly(value) for name, value in own.items()},
        "laboratory": lab_data(found.laboratory),
        "claims": [asdict(claim) for claim in page.claims],
        "tried": list(page.tried),
    }
    read = plain(told)
    assert isinstance(read, dict)
    return read


def write_grid(evidence: Evidence, path: Path) -> None:
    """Teacher, student, refined and regenerated of the same prompts, a row each."""
    import numpy as np

    design = evidence.design
    least = min(design.budgets)
    rows = (
        BASELINE,
        f"student-{design.student_steps}",
        f"control-{design.student_steps}",
        f"refined-{least}",
        f"regenerated-{least}",
    )
    shown = min(SHOWN, len(evidence.prompts))
    pictures = [evidence.arms[name].shelved.pictures[:shown] for name in rows]
    save_grid(np.concatenate(pictures), path, columns=shown, factor=3)


def _plainly(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plainly(each) for each in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value


def _sheets(found: Findings) -> Iterator[tuple[str, list[Row]]]:
    families = (("teacher", found.against_teacher), ("direct", found.direct))
    yield "preferences", [_preference(f, each) for f, found_ in families for each in found_]
    yield "arms", [asdict(each) for each in found.arms]
    yield "chosen", [_flat(asdict(each)) for each in found.chosen]
    yield "ceilings", [_flat(asdict(e)) for e in (*found.ceilings, *found.degradation)]
    yield "diversity", [asdict(each) for each in found.diversity]
    yield "diversity-differences", [asdict(each) for each in found.diversity_differences]
    yield "convergence", [asdict(each) for each in found.convergence]
    yield (
        "distances",
        [{"arm": each.name} | asdict(row) for each in found.distances for row in each.bins],
    )


def _preference(family: str, each: Preference) -> Row:
    def rate(found: WinRate, prefix: str = "") -> Row:
        names = ("wins", "ties", "losses", "estimate", "low", "high", "p_value")
        return {prefix + name: getattr(found, name) for name in names}

    row: Row = {"family": family, "arm": each.arm, "opponent": each.opponent}
    row |= rate(each.rate) | {"adjusted_p": each.adjusted_p, "score_half": each.half.estimate}
    return row | rate(each.annotators, "simulated_majority_")


def _flat(row: Row) -> Row:
    """Estimates spread over three columns."""
    flat: Row = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {
                name: value["value"],
                f"{name}_low": value["low"],
                f"{name}_high": value["high"],
            }
        else:
            flat[name] = value
    return flat
