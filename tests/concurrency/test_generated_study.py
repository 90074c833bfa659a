"""From a specification to open pairs: thresholds, pictures and pairs by a real worker process."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from generation.tiny import save_tiny, save_tiny_unet
from generation.tiny_scorers import save_tiny_scorer
from tests.concurrency.site import ROOT, Database

pytestmark = [pytest.mark.server, pytest.mark.torch]

PROMPTS = [
    f"a {colour} {thing} on a {table} table"
    for colour in ("red", "blue", "green")
    for thing in ("cup", "cat", "book", "bird")
    for table in ("round", "square")
]
WEIGHTS = """
student = { model = { path = "teacher", dtype = "float32", unet = "student" } }
teacher = { model = { path = "teacher", dtype = "float32" } }
estimator = { path = "scorer", dtype = "float32" }
"""
STUDY = f"""
name = "Four arms"
[[methods]]
name = "teacher"
kind = "teacher"
settings = {{ preset = "ddim-50", arm = {{ model = {{ path = "teacher", dtype = "float32" }} }} }}
[[methods]]
name = "student"
kind = "student"
[methods.settings]
preset = "cd-5"
arm = {{ model = {{ path = "teacher", dtype = "float32", unet = "student" }} }}
[[methods]]
name = "refine"
kind = "adaptive-refine"
[methods.settings]
preset = "table4/adaptive-15"
threshold = {{ budget = 15 }}
[methods.settings.arm]
{WEIGHTS}
[[methods]]
name = "regenerate"
kind = "adaptive-regenerate"
[methods.settings]
preset = "table4/adaptive-15-regenerate"
threshold = {{ budget = 15 }}
[methods.settings.arm]
{WEIGHTS}
[[contrasts]]
a = "refine"
b = "teacher"
primary = true
[[contrasts]]
a = "regenerate"
b = "teacher"
[[contrasts]]
a = "student"
b = "teacher"
[[contrasts]]
a = "refine"
b = "student"
"""
PERSON = """
import django; django.setup()
from annotate.people.models import User
anna = User(username="anna", role="researcher"); anna.set_unusable_password(); anna.save()
"""


class Site:
    """A data directory with tiny models, and one worker on it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        models = database.folder / "models"
        models.mkdir()
        save_tiny(models / "teacher", "sd", seed=1)
        save_tiny_unet(models / "student", "sd", seed=2)
        save_tiny_scorer(models / "scorer", "imagereward", seed=3)
        (database.folder / "prompts.txt").write_text("\n".join(PROMPTS))
        (database.folder / "study.toml").write_text(STUDY)
        self.environment = database.environment | {"OMP_NUM_THREADS": "1", "TRIPTYCH_SWEEP": "1"}
        database.python("-c", PERSON)
        self.worker = subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            cwd=ROOT,
            env=self.environment,
            stdout=(database.folder / "worker.log").open("wb"),
            stderr=subprocess.STDOUT,
        )

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=280,
        )
        log = (self.database.folder / "worker.log").read_text()
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{log[-3000:]}"
        return done.stdout

    def stop(self) -> None:
        self.worker.send_signal(signal.SIGTERM)
        self.worker.wait(60)


@pytest.fixture(scope="module")
def site(migrated: Database) -> Iterator[Site]:
    number = len(list(migrated.folder.parent.iterdir()))
    database = Database(migrated.folder.parent / f"study{number}", template=migrated)
    site = Site(database)
    yield site
    site.stop()
    database.drop()


def count(site: Site, sql: str) -> int:
    [[found]] = site.database.rows(sql)
    return int(found)


def file(site: Site, name: str) -> Path:
    return site.database.folder / name


def test_a_study_goes_from_its_file_to_open_pairs_in_one_command(site: Site) -> None:
    said = site.manage(
        "launch_study",
        str(file(site, "study.toml")),
        "--actor=anna",
        f"--prompts={file(site, 'prompts.txt')}",
        "--limit=8",
        "--tune-limit=12",
        "--calibrate",
    )
    # Thresholds, from samples of their own prompts.
    assert "12 samples, 0 there already" in said
    assert "at the 50th percentile of 12 scores (budget 15)" in said
    # Progress, and what the pictures took, as executed.
    assert "pictures: 0 of 32 pictures" in said
    assert "50.00 steps (50 planned), 100.00 forwards (100)" in said
    assert "5.00 steps (5 planned), 10.00 forwards (10)" in said
    refined = count(site, "SELECT COUNT(*) FROM sampling_sample WHERE decision = 'refined'")
    mean = 5 + 20 * refined / 8
    assert f"{mean:.2f} steps (15 planned), {2 * mean:.2f} forwards (30)" in said
    # Every item is open, and what is equal is judged once or not at all.
    kept = 8 - refined
    pairs = count(site, "SELECT COUNT(*) FROM judging_comparison")
    assert f"{pairs} pairs are open, for 32 of 32 items" in said
    assert count(site, "SELECT COUNT(*) FROM judging_contrastitem") == 32
    tied = count(site, "SELECT COUNT(*) FROM judging_verdict WHERE reason = 'identical'")
    assert tied == kept
    # A kept sample against the teacher is one pair for refine, regenerate and student.
    assert pairs == kept * (1 + 1) + refined * (3 + 1)
    slots = count(site, "SELECT COUNT(*) FROM judging_assignment")
    assert slots == 3 * (pairs - tied)
    # A kept image is the student's very file.
    strangers = """
        SELECT COUNT(*) FROM sampling_sample a JOIN sampling_sample s ON s.id = a.parent_id
        WHERE a.decision = 'kept' AND a.image_id <> s.image_id
    """
    assert count(site, strangers) == 0
    assert kept > 0
    assert refined > 0
    [[uid]] = site.database.rows("SELECT uid FROM studies_study")
    report = site.manage("report_study", str(uid))
    assert f"refine: {mean:.2f} steps and {2 * mean:.2f} UNet forwards an image" in report


def test_a_study_whose_weights_are_missing_stays_a_draft_and_says_which(site: Site) -> None:
    broken = STUDY.replace('path = "teacher", dtype = "float32", unet = "student"', 'path = "gone"')
    only = broken.split('[[methods]]\nname = "refine"')[0]
    before = count(site, "SELECT COUNT(*) FROM sampling_sample")
    file(site, "study.toml").write_text(
        only + '[[contrasts]]\na = "student"\nb = "teacher"\nprimary = true\n'
    )
    with pytest.raises(AssertionError, match="Nothing was launched; the draft") as refused:
        site.manage(
            "launch_study",
            str(file(site, "study.toml")),
            "--actor=anna",
            f"--prompts={file(site, 'prompts.txt')}",
            "--limit=2",
            "--seed=5",
        )
    assert "Method 'student': no weights at 'gone': looked at " in str(refused.value)
    assert count(site, "SELECT COUNT(*) FROM studies_study WHERE state = 'draft'") == 1
    assert count(site, "SELECT COUNT(*) FROM sampling_sample") == before
