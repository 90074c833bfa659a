"""Holds our majority and Dawid-Skene against crowd-kit's, on two published crowds.

    make parity-aggregation [WRITE=1]

The crowds lie in TRIPTYCH_DATA (crowd_barzan, crowd_weather_sentiment). WRITE puts what crowd-kit
answered into tests/golden/aggregation.json. Ends with an error where a label differs.
"""

# ruff: noqa: T201, S603
import argparse
import csv
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from annotate.analysis.aggregation import Aggregation, Answer, known_accuracy, majority_labels
from annotate.analysis.annotator_models import dawid_skene

ROOT = Path(__file__).resolve().parents[2]
PEER = ROOT / "build" / "crowd-kit" / "bin" / "python"
ORIGINAL = Path(__file__).with_name("original.py")
GOLDEN = ROOT / "tests" / "golden" / "aggregation.json"

Crowd = tuple[list[Answer], dict[str, str]]


def crowds(folder: Path) -> dict[str, Crowd]:
    """Answers and truth by the name of the set."""
    barzan = folder / "crowd_barzan"
    with (barzan / "barzan_labels.txt").open() as file:
        said = [Answer(t, worker, label) for worker, t, label in csv.reader(file, "excel-tab")]
    with (barzan / "barzan_gold.txt").open() as file:
        truth = dict(csv.reader(file, "excel-tab"))
    with (folder / "crowd_weather_sentiment" / "CF.csv").open() as file:
        rows = list(csv.reader(file))
    weather = [Answer(row[1], row[0], row[2]) for row in rows], {row[1]: row[3] for row in rows}
    return {"barzan": (said, truth), "CF": weather}


def labels_of(found: Aggregation) -> dict[str, str]:
    return {str(task): str(label) for task, label in zip(found.tasks, found.chosen, strict=True)}


def digest_of(labels: Mapping[str, str]) -> str:
    """SHA-256 of the lines "task label", sorted: the fixture tells labels without holding them."""
    lines = "\n".join(f"{task} {label}" for task, label in sorted(labels.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def equal_share(ours: Mapping[str, str], theirs: Mapping[str, str]) -> float:
    if ours.keys() != theirs.keys():
        raise SystemExit("the two programs labelled different tasks; compare the same answers")
    return sum(label == theirs[task] for task, label in ours.items()) / len(ours)


def asked(said: list[Answer]) -> dict[str, Any]:
    rows = [(str(a.task), str(a.annotator), str(a.label)) for a in said]
    done = subprocess.run(
        [PEER, ORIGINAL], input=json.dumps(rows), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"crowd-kit failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def compare(name: str, said: list[Answer], truth: dict[str, str]) -> tuple[dict[str, Any], bool]:
    """Print both programs' results on one set; what the fixture keeps, and whether all agree."""
    usual = known_accuracy(majority_labels(said), truth)
    print(f"{name}: {len(said):,} answers of {len({a.annotator for a in said})} people")
    print(f"  majority, a tie counted by its chance: {usual.estimate:.4f} ({usual.tied} ties)")
    answer = asked(said)
    theirs, on = answer["found"]["published"], answer["found"]["on"]
    stop, last = len(theirs["losses"]), len(on["losses"])
    here, there = dawid_skene(said, max_iterations=stop), dawid_skene(said, max_iterations=last)
    whole = dawid_skene(said)
    rows = (
        (f"where crowd-kit stops, {stop} iterations", here, theirs["labels"]),
        (f"crowd-kit told to go on, {last} iterations", there, on["labels"]),
        ("the same, without its floor of 1e-10", there, answer["found"]["bare"]["labels"]),
        (f"ours converged, {len(whole.objective)} iterations", whole, theirs["labels"]),
    )
    for what, ours, labels in rows:
        accuracy = known_accuracy(ours, truth).estimate
        equal = equal_share(labels_of(ours), labels)
        print(f"  Dawid-Skene, {what}: ours right {accuracy:.4f}, equal labels {equal:.4f}")
    before, after = theirs["losses"][-2:]
    print(
        f"  why it stops: its loss per answer, which adds a task's prior once for each answer, "
        f"goes {before:.6f} -> {after:.6f} (gain {after - before:+.2g}, it asks for 1e-5); the "
        f"log-likelihood goes {here.objective[-2]:.4f} -> {here.objective[-1]:.4f}, and on to "
        f"{whole.objective[-1]:.4f}"
    )
    same = equal_share(labels_of(here), theirs["labels"]) == 1.0
    kept = {
        "iterations": stop,
        "right": equal_share(truth, theirs["labels"]),
        "labels_sha256": digest_of(theirs["labels"]),
        "losses": theirs["losses"],
        "versions": answer["versions"],
    }
    return kept, same


def main() -> int:
    parser = argparse.ArgumentParser(prog="make parity-aggregation", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {GOLDEN.relative_to(ROOT)}")
    given = parser.parse_args()
    folder = os.environ.get("TRIPTYCH_DATA")
    if not folder:
        raise SystemExit("TRIPTYCH_DATA is not set: name the folder of the published crowds")
    found = {
        name: compare(name, said, truth) for name, (said, truth) in crowds(Path(folder)).items()
    }
    if given.write:
        kept = {name: each for name, (each, _) in found.items()}
        GOLDEN.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        print(f"written: {GOLDEN.relative_to(ROOT)}")
    differ = [name for name, (_, same) in found.items() if not same]
    print(f"labels differ: {', '.join(differ)}" if differ else "all labels are equal")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
