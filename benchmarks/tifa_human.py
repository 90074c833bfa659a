"""Writes the real ratings of `tifa_human` as the CSV file that `manage.py estimator_report` reads.

    TRIPTYCH_DATA=… python -m benchmarks.tifa_human FILE.csv

It must not compute. 160 prompts by five methods, rated by two anonymous people each (their mean is
`human`: which of the two is whose is not known), with automatic scores of every picture.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path
from typing import Any

SOURCE = Path("tifa_human", "human_annotations_with_scores.json")
# What is no score of an estimator.
_NO_SCORES = {"text_id", "image_path", "text", "human_scores", "human_avg"}


def rows(data: Path) -> list[dict[str, Any]]:
    """One row for each picture, in the file's order.

    Args:
        data: the folder that holds `tifa_human`.
    """
    found = json.loads((data / SOURCE).read_text(encoding="utf-8"))
    return [
        {
            "prompt": row["text_id"],
            "method": row["image_path"].removeprefix(f"{row['text_id']}_").removesuffix(".jpg"),
            "human": row["human_avg"],
        }
        | {name: value for name, value in row.items() if name not in _NO_SCORES}
        for row in found.values()
    ]


def write(data: Path, path: Path) -> None:
    """The rows as CSV."""
    found = rows(data)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, fieldnames=list(found[0]))
        out.writeheader()
        out.writerows(found)


if __name__ == "__main__":
    if len(sys.argv) != 2 or "TRIPTYCH_DATA" not in os.environ:
        sys.exit("usage: TRIPTYCH_DATA=FOLDER python -m benchmarks.tifa_human FILE.csv")
    write(Path(os.environ["TRIPTYCH_DATA"]), Path(sys.argv[1]))
