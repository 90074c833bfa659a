"""A study's votes become an estimator's lessons: what is in them and what is not."""

import csv
import io
import uuid
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image as Pixels

from annotate.judging.models import Comparison
from annotate.sampling.models import Image
from annotate.sampling.storage import path_of
from annotate.studies.models import Study
from tests.factories import join
from tests.reports.arrange import cast, voted

pytestmark = [pytest.mark.django_db, pytest.mark.torch]


def with_files(study: Study) -> None:
    """Give each of the study's pictures a file whose brightness tells it from the others."""
    images = Image.objects.filter(samples__isnull=False).order_by("digest").distinct()
    for level, image in enumerate(images):
        file = path_of(image.digest)
        file.parent.mkdir(parents=True, exist_ok=True)
        Pixels.fromarray(np.full((8, 8, 3), level, np.uint8)).save(file)
    assert study.comparisons.exists()


def export(study: Study, folder: Path) -> str:
    out = io.StringIO()
    call_command("export_preferences", str(study.uid), out=folder, stdout=out)
    return out.getvalue()


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "votes.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.torch
def test_an_estimator_is_fitted_on_the_shares_and_the_very_pictures_that_were_judged(
    tmp_path: Path,
) -> None:
    from generation.training.preference import read_votes

    study, _ = voted(["aab", "at", "ttb", "bbb"])
    with_files(study)
    said = export(study, tmp_path / "out")
    assert "4 pairs of 8 pictures, 11 votes" in said
    pairs = {pair.prompt: pair for pair in read_votes(tmp_path / "out" / "votes.csv")}
    items = study.contrasts.get().items.select_related("comparison__first", "prompt")
    wanted = dict(zip(range(4), (2 / 3, 0.75, 1 / 3, 0.0), strict=True))
    for item in items:
        pair, a_share = pairs[item.prompt.text], wanted[item.prompt.order]
        assert pair.share == pytest.approx(a_share if item.a_is_first else 1 - a_share)
        kept = Pixels.open(path_of(item.comparison.first.digest)).getpixel((0, 0))
        assert tuple(pair.first[0, 0]) == kept


def test_controls_repeats_voided_votes_and_pairs_without_votes_teach_nothing(
    tmp_path: Path,
) -> None:
    study, people = voted(["ab", "aa", ""])
    with_files(study)
    control, repeated, _ = study.comparisons.order_by("prompt__order")
    # The first pair's votes were cast on a control, one of the second's is voided.
    Comparison.objects.filter(pk=control.pk).update(kind=Comparison.Kind.CONTROL)
    repeated.votes.filter(annotator=people[0]).delete()
    export(study, tmp_path / "out")
    [row] = rows(tmp_path / "out")
    assert row["prompt"] == repeated.prompt.text
    assert row["votes"] == "1"
    assert len(list((tmp_path / "out" / "pictures").iterdir())) == 2


def test_a_pair_that_a_program_voted_on_is_marked_simulated(tmp_path: Path) -> None:
    study, _ = voted(["a", "b"])
    with_files(study)
    pair = study.comparisons.order_by("order").first()
    assert pair is not None
    cast(pair, join(study), "tie", simulated=True)
    assert "1 of the votes are simulated" in export(study, tmp_path / "out")
    assert [row["simulated"] for row in rows(tmp_path / "out")] == ["true", "false"]


def test_what_cannot_be_exported_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    study, _ = voted(["ab"])
    refused = pytest.raises(CommandError, match="no longer in the store")
    for image in Image.objects.all():
        path_of(image.digest).unlink(missing_ok=True)
    with refused:
        export(study, tmp_path / "out")
    assert not list(tmp_path.iterdir())
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").touch()
    with pytest.raises(CommandError, match="is not an empty folder"):
        export(study, tmp_path / "used")
    with pytest.raises(CommandError, match="no study has the id"):
        call_command("export_preferences", str(uuid.uuid4()), out=tmp_path / "out")
    Study.objects.filter(pk=study.pk).update(external=True, state=Study.State.CLOSED)
    study.refresh_from_db()
    with pytest.raises(CommandError, match="imported without pictures"):
        export(study, tmp_path / "out")
