"""`create_study` and `launch_study`: the same verbs from the command line."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from annotate.judging.launch import launch
from annotate.people.models import Role
from annotate.sampling.models import Image as StoredImage
from annotate.studies.models import Prompt, Study
from annotate.studies.spec import parse_spec, to_toml
from tests.factories import make_study, make_user
from tests.sampling.test_calibration import draft as make_untuned

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]

ROLES = ("test", "tune")
SPEC = {"name": "Cats", "methods": [{"name": "a"}, {"name": "b"}]}


def run(*args: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command(*args, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "cats.toml"
    path.write_text(to_toml(parse_spec(SPEC)), encoding="utf-8")
    return path


def test_a_study_is_made_from_a_file_and_its_id_printed(toml: Path) -> None:
    owner = make_user(Role.RESEARCHER)
    printed = run("create_study", str(toml), owner=owner.username)
    study = Study.objects.get(uid=printed.strip())
    assert (study.name, study.owner) == ("Cats", owner)


@pytest.mark.parametrize("role", [Role.ANNOTATOR, None])
def test_the_owner_is_a_researcher_who_exists(toml: Path, role: Role | None) -> None:
    name = make_user(role).username if role else "nobody"
    with pytest.raises(CommandError, match="no researcher or admin has this name"):
        run("create_study", str(toml), owner=name)


def test_a_wrong_file_is_told_line_by_line_and_creates_nothing(toml: Path) -> None:
    toml.write_text('name = ""\n[protocol]\noverlap = 12\n', encoding="utf-8")
    with pytest.raises(CommandError) as caught:
        run("create_study", str(toml), owner=make_user(Role.RESEARCHER).username)
    said = str(caught.value)
    assert "name: nothing was given" in said
    assert "protocol.overlap: 12 was given" in said
    assert "Nothing was created." in said
    assert not Study.objects.exists()


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is not a file"):
        run("create_study", str(tmp_path / "x.toml"), owner=make_user(Role.ADMIN).username)


def test_a_check_shows_the_plan_and_launches_nothing() -> None:
    study = make_study(pairs=3)
    printed = run("launch_study", str(study.uid), actor=study.owner.username, check=True)
    study.refresh_from_db()
    assert "3 prompts, 3 items, 3 pairs, 0 of them identical, 0 reused" in printed
    assert "0 annotators so far" in printed
    assert study.state == "draft"


def test_a_study_is_launched() -> None:
    study = make_study(pairs=3)
    run("launch_study", str(study.uid), actor=study.owner.username)
    study.refresh_from_db()
    assert study.state == "open"


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("state", ["open", "paused", "closed", "archived"])
def test_a_study_that_is_no_draft_is_refused_by_its_state(state: str, *, dry_run: bool) -> None:
    study = launch(make_study(pairs=1), actor=None)
    Study.objects.filter(pk=study.pk).update(state=state)
    with pytest.raises(CommandError, match=f"is {state}") as caught:
        run("launch_study", str(study.uid), actor=study.owner.username, dry_run=dry_run)
    assert "stays" not in str(caught.value)
    assert "draft" in str(caught.value)


def test_nothing_is_tuned_for_a_study_that_is_no_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Study] = []
    tune = "annotate.cli.management.commands.launch_study.tune"
    monkeypatch.setattr(tune, lambda study, **_: asked.append(study))
    study = make_untuned()
    Study.objects.filter(pk=study.pk).update(state="paused", protocol_hash="f" * 64)
    with pytest.raises(CommandError, match="is paused"):
        run("launch_study", str(study.uid), actor=study.owner.username, calibrate=True)
    assert asked == []


def test_a_refusal_is_an_error() -> None:
    study = make_study()
    study.contrasts.all().delete()
    with pytest.raises(CommandError, match="no contrast"):
        run("launch_study", str(study.uid), actor=study.owner.username)


def test_somebody_elses_study_is_not_found() -> None:
    study = make_study()
    with pytest.raises(CommandError, match="manages no study"):
        run("launch_study", str(study.uid), actor=make_user(Role.RESEARCHER).username)


def test_a_launch_names_who_launches(toml: Path) -> None:
    for what in (str(toml), str(make_study().uid)):
        with pytest.raises(CommandError, match="--actor NAME is needed"):
            run("launch_study", what)
    assert not Study.objects.filter(name=SPEC["name"]).exists()


def with_context(toml: Path, context: str) -> None:
    prompt = {"id": "1", "text": "a cat", "context": context, "context_role": "mask"}
    text = toml.read_text(encoding="utf-8").replace("prompt_sets = []\n", "")
    said = "\n".join(f"{key} = {json.dumps(value)}" for key, value in prompt.items())
    toml.write_text(f'{text}\n[[prompt_sets]]\nname = "s"\n[[prompt_sets.prompts]]\n{said}\n')


def test_a_context_named_by_its_file_is_stored_with_the_study(toml: Path) -> None:
    picture = toml.parent / "mask.png"
    Image.new("RGB", (8, 6), (1, 2, 3)).save(picture)
    with_context(toml, "mask.png")
    run("create_study", str(toml), owner=make_user(Role.RESEARCHER).username)
    prompt = Prompt.objects.get()
    stored = StoredImage.objects.get(digest=prompt.context)
    assert (stored.width, stored.height, prompt.context_role) == (8, 6, "mask")


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), (b"GIF89a", "is not a PNG, JPEG or WebP")]
)
def test_a_context_that_is_no_picture_creates_nothing(
    toml: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (toml.parent / "mask.png").write_bytes(content)
    with_context(toml, "mask.png")
    with pytest.raises(CommandError, match=said):
        run("create_study", str(toml), owner=make_user(Role.RESEARCHER).username)
    assert not Study.objects.exists()
    assert not StoredImage.objects.exists()


def test_a_file_of_prompts_takes_the_place_of_the_one_set_that_contrasts_name(toml: Path) -> None:
    Image.new("RGB", (8, 6), (1, 2, 3)).save(toml.parent / "mask.png")
    data = SPEC | {
        "contrasts": [{"a": "a", "b": "b", "prompt_set": "old"}],
        "prompt_sets": [{"name": "old", "prompts": [{"id": "1", "text": "a dog"}]}],
    }
    toml.write_text(to_toml(parse_spec(data)), encoding="utf-8")
    prompts = toml.parent / "prompts.csv"
    prompts.write_text("text,context,context_role\na cat,mask.png,mask\na cow,,\n")
    said = run("launch_study", str(toml), prompts=prompts, dry_run=True)
    assert "prompts: 2 to judge" in said
    assert not StoredImage.objects.exists()
    prompts.write_text("text,context\na cat,other.png\n")
    with pytest.raises(CommandError, match=r"prompts.csv, prompt 1: context .* cannot be read"):
        run("launch_study", str(toml), prompts=prompts, dry_run=True)


def test_two_prompt_sets_of_one_name_are_refused(toml: Path) -> None:
    sets = [{"name": "s", "role": role, "prompts": [{"id": "1", "text": role}]} for role in ROLES]
    toml.write_text(to_toml(parse_spec(SPEC | {"prompt_sets": sets})), encoding="utf-8")
    with pytest.raises(CommandError, match=r"\['s'\] named twice"):
        run("create_study", str(toml), owner=make_user(Role.RESEARCHER).username)


def test_a_context_that_is_not_stored_is_refused_at_launch() -> None:
    study = make_study(pairs=2)
    Prompt.objects.filter(prompt_set__studies=study).update(context="ab" * 32)
    with pytest.raises(CommandError, match=r"as its context, which is not stored \(.*: 2\)"):
        run("launch_study", str(study.uid), actor=study.owner.username)
    study.refresh_from_db()
    assert study.state == "draft"
