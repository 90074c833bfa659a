"""Wrong weights are refused by dry run, page and launch, and the study stays a draft."""

import html
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from annotate.sampling.calibration import CalibrationRefused, plan_tuning, tuning_set
from annotate.sampling.models import Job, Sample
from annotate.studies.models import Study
from tests import stand_ins
from tests.factories import ADAPTIVE, STUDENT, TEACHER, make_generated, make_image
from tests.web.arrange_sampling import make_waiting
from tests.web.test_pictures import client_of, page

pytestmark = [pytest.mark.django_db, pytest.mark.whole]


@pytest.fixture(autouse=True)
def models(tmp_path: Path, settings: Any) -> Path:
    settings.MODELS_DIR = tmp_path / "models"
    return stand_ins.of_the_factories(tmp_path / "models")


def pickled(models: Path) -> None:
    file = models / "scorer" / "model.safetensors"
    file.rename(file.with_suffix(".pt"))


def of_another_vae(models: Path) -> None:
    stand_ins.pipeline(models / "student", vae=b"else")


def without_the_unet(models: Path) -> None:
    (models / "teacher" / "unet" / "diffusion_pytorch_model.safetensors").unlink()


def nothing(models: Path) -> None:
    assert models.is_dir()


@pytest.mark.parametrize(
    ("harm", "student", "said"),
    [
        (pickled, {}, "model.pt is a pickle, which can run code when it is opened"),
        (of_another_vae, {}, "have different VAEs, so one's latents are not the other's."),
        (without_the_unet, {}, "unet has no weights: looked for model.safetensors"),
        (nothing, {"path": "gone"}, "no weights at 'gone': looked at "),
        (nothing, {"lora": "gone"}, "no weights at 'gone': looked at "),
        (nothing, {"path": "owner/name"}, "--pin owner/name=COMMIT"),
        (nothing, {"sha256": "0" * 64}, f"the arm asks for {'0' * 64}."),
    ],
)
def test_wrong_weights_stand_in_a_launchs_way(
    models: Path, harm: Callable[[Path], None], student: dict[str, str], said: str
) -> None:
    harm(models)
    model = {"path": "student"} | student
    arm = ADAPTIVE["arm"] | {"student": STUDENT["arm"] | {"model": model}}
    study = make_generated(
        methods={
            "teacher": ("teacher", TEACHER),
            "adaptive": ("adaptive-refine", ADAPTIVE | {"arm": arm}),
        }
    )
    who = study.owner.username
    out = io.StringIO()
    call_command("launch_study", str(study.uid), actor=who, dry_run=True, stdout=out)
    [line] = [line for line in out.getvalue().splitlines() if line.startswith("refused as it is:")]
    assert said in line
    assert said in html.unescape(page(study, "study-launch"))
    answer = client_of(study.owner).post(reverse("study-launch", args=[study.uid]))
    assert answer.status_code == 422
    with pytest.raises(CommandError, match="Nothing was launched"):
        call_command("launch_study", str(study.uid), actor=who, stdout=out)
    assert Study.objects.get().state == "draft"
    assert not Sample.objects.exists()
    assert not Job.objects.exists()


def test_nothing_is_tuned_with_wrong_weights_either(models: Path) -> None:
    study = make_waiting()
    pickled(models)
    with pytest.raises(CalibrationRefused, match=r"Method 'adaptive': .* is a pickle"):
        plan_tuning(study, tuning_set(study))
    assert not Sample.objects.exists()


def test_pictures_that_are_all_there_need_no_weights(models: Path, settings: Any) -> None:
    study = make_generated(prompts=1)
    call_command(
        "launch_study",
        str(study.uid),
        actor=study.owner.username,
        no_wait=True,
        stdout=io.StringIO(),
    )
    Sample.objects.update(state="done", image=make_image())
    Study.objects.update(state="draft", protocol_hash="")
    settings.MODELS_DIR = models / "empty"
    assert "In the way" not in page(study, "study-launch")
