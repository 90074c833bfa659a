"""Items from a TOML file with pictures beside it: all of them, or none and why."""

import io

import pytest
from django.core.management import CommandError, call_command
from PIL import Image as Pixels

from annotate.sampling.images import content_digest
from tests.factories import make_study

pytestmark = pytest.mark.django_db

ITEM = """
[[items]]
kind = "exam"
prompt = "three red cubes"
a = "right.png"
b = "{b}"
explanation = "Count comes before looks. The other shows two."
[items.answers]
{answers}
"""


def run(study, folder, text: str) -> str:
    for n, name in enumerate(("right.png", "wrong.png")):
        Pixels.new("RGB", (16, 16), (40 * n, 0, 90)).save(folder / name)
    (folder / "items.toml").write_text(text)
    said = io.StringIO()
    call_command("add_exam_items", str(study.uid), str(folder / "items.toml"), stdout=said)
    return said.getvalue()


def test_items_come_with_their_pictures_or_not_at_all(tmp_path, settings):
    settings.STORE_DIR = tmp_path / "store"
    study = make_study()
    good = ITEM.format(b="wrong.png", answers='alignment = "a"')
    open_ = ITEM.format(b="wrong.png", answers='alignment = "equal"')
    gone = ITEM.format(b="gone.png", answers='alignment = "a"')
    with pytest.raises(CommandError, match=r"item 2: .*quality is missing[\s\S]*item 3: .*gone"):
        run(study, tmp_path, good + open_ + gone)
    assert not study.comparisons.exists()
    assert "1 item added" in run(study, tmp_path, good)
    item = study.comparisons.get()
    assert (item.kind, item.prompt.text, item.order) == ("exam", "three red cubes", -1)
    right = item.first if item.expected == {"alignment": "first"} else item.second
    assert right.digest == content_digest(Pixels.open(tmp_path / "right.png").convert("RGB"))
