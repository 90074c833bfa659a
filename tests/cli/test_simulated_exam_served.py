"""A running site examines simulated annotators: the good ones judge, spammers do not get in."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SET_UP = """
import itertools
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from PIL import Image as Pixels
from annotate.judging.controls import KnownItem, add_item
from annotate.judging.launch import launch
from annotate.sampling.models import Sample
from annotate.sampling.storage import put
from tests.factories import make_study
shades = itertools.count()
picture = lambda: put(Pixels.new("RGB", (16, 16), divmod(next(shades), 256) + (7,)))
study = make_study(pairs=4, protocol=dict(
    overlap=2, min_votes=2, qualification=True, training_pairs=3, training_pass=2,
    exam_items=8, exam_pass=7, exam_attempts=1))
for sample in Sample.objects.all():
    sample.image = picture()
    sample.save()
for kind, count in (("training", 3), ("exam", 8)):
    for number in range(count):
        a, b = picture(), picture()
        add_item(study, KnownItem(kind, f"{kind} {number}", a.digest, b.digest,
                 {"alignment": "a"}, "Count comes before looks."), actor=None)
print(launch(study, actor=study.owner).uid)
"""
POOL = """
[[people]]
count = 2
accuracy = 1.0
[[people]]
habit = "random"
[[people]]
habit = "left"
"""


@pytest.mark.server
def test_good_ones_pass_the_exam_of_a_running_site_and_spammers_do_not(tmp_path: Path) -> None:
    data, pool = tmp_path / "data", tmp_path / "pool.toml"
    pool.write_text(POOL)
    env = {**os.environ, "TRIPTYCH_DATA_DIR": str(data)}
    env["DJANGO_SETTINGS_MODULE"] = "annotate.config.settings"
    env.pop("DATABASE_URL", None)

    def python(*arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            env=env,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    study = python("-c", SET_UP).strip()
    with subprocess.Popen(
        [sys.executable, "manage.py", "up", "--port", "0"],
        env=env,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as site:
        assert site.stdout is not None
        url = next(line.split()[3] for line in site.stdout if line.startswith("Triptych is at"))
        said = python("manage.py", "simulate_annotators", study, "--url", url, "--people", pool)
        site.terminate()
        assert site.wait(timeout=40) == 0
    assert said.splitlines() == [
        "8 simulated votes by 4 annotators (2 honest, 1 random, 1 left).",
        "Training and exam: 2 of 4 passed and judged live pairs. Not passed: 2 (1 random, 1 left).",
    ]
    with sqlite3.connect(data / "triptych.sqlite3") as database:
        votes = database.execute(
            "select count(*), count(distinct annotator_id), min(simulated) from judging_vote"
        ).fetchone()
    assert votes == (8, 2, 1)
