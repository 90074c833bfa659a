"""Parquet without pyarrow: byte for byte a file that pyarrow has read (docs/results/exports.md)."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from annotate.reports.export import write_file
from annotate.reports.parquet import write_parquet
from tests.factories import NOW
from tests.reports.arrange import voted

GOLDEN = Path(__file__).parent / "golden" / "rows.parquet"
COLUMNS = {"text": "text", "yes": "bool", "n": "int", "names": "list", "more": "text"}
# More than one batch; empty, long and non-Latin texts; empty lists.
ROWS = [
    {
        "text": "é" * (i % 7) + str(i),
        "yes": i % 3 == 0,
        "n": i - 40,
        "names": [f"m{j}" for j in range(i % 3)],
        "more": {"i": i},
    }
    for i in range(223)
]


def test_the_bytes_are_those_that_pyarrow_has_read() -> None:
    file = io.BytesIO()
    assert write_parquet(ROWS, COLUMNS, file=file, compress=False, batch=100) == len(ROWS)
    assert file.getvalue() == GOLDEN.read_bytes()


@pytest.mark.django_db
def test_a_dataset_holds_card_and_tables_and_says_what_is_simulated(tmp_path: Path) -> None:
    study, _ = voted(["aab", "abt"], simulated=True, name='Q: "x"\n---')
    made = [io.BytesIO(), io.BytesIO()]
    for file in made:
        write_file(study, "dataset.zip", file, now=NOW, folder=tmp_path)
    assert made[0].getvalue() == made[1].getvalue()
    alone = io.BytesIO()
    write_file(study, "votes.parquet", alone, now=NOW, folder=tmp_path)
    with zipfile.ZipFile(made[0]) as archive:
        assert archive.read("data/votes.parquet") == alone.getvalue()
        front, _, body = archive.read("README.md").decode()[4:].partition("\n---\n")
    assert "- simulated-votes" in front
    assert r'pretty_name: "Q: \"x\"\n---"' in front
    assert "simulated annotators" in body
