"""Rules of bringing pictures into a draft: all or nothing, once, and every row accounted for."""

from pathlib import Path

import pytest

from annotate.sampling import importing
from annotate.sampling.importing import ImportRefused
from annotate.sampling.models import Image, ImportRun, Sample
from annotate.sampling.samples import finished
from annotate.sampling.storage import path_of
from annotate.studies.create import clone_study, update_draft
from annotate.studies.models import Event, Method, Prompt, PromptSet, Study
from tests.factories import TEACHER
from tests.sampling import pictures
from tests.sampling.packages import FILES, HEADER, ROWS, as_csv, bring, make_draft

pytestmark = pytest.mark.django_db
METHODS = {"methods": [{"name": "teacher"}, {"name": "student"}]}
CONTRAST = {"contrasts": [{"a": "student", "b": "teacher", "primary": True}]}


def counts() -> tuple[int, ...]:
    tables = (PromptSet, Prompt, Method, Sample, Image, ImportRun, Event)
    return tuple(table.objects.count() for table in tables)


@pytest.mark.bothdb
@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_every_row_becomes_a_sample_with_its_picture(tmp_path: Path, zipped: bool) -> None:
    study = make_draft()
    result = bring(study, tmp_path, zipped=zipped)
    assert (result.rows, result.new_samples, result.images) == (4, 4, 4)
    assert not result.unchanged
    images = [by_replica[0] for by_replica in finished(study.methods.all()).values()]
    assert len(images) == 4
    for image in images:
        assert path_of(image.digest).stat().st_size == image.bytes
    prompts = Prompt.objects.order_by("order").values_list("key", "text")
    assert list(prompts) == [("p1", "A red cube"), ("p2", "Two cats")]
    run = ImportRun.objects.get()
    assert (run.study, run.actor, run.name, run.rows) == (study, study.owner, "manifest.csv", 4)


@pytest.mark.bothdb
def test_the_same_files_again_change_nothing(tmp_path: Path) -> None:
    study = make_draft()
    bring(study, tmp_path)
    before = counts()
    again = bring(study, tmp_path)
    assert again.unchanged
    assert (again.rows, again.new_samples, again.images) == (4, 0, 4)
    assert counts() == before


def test_the_same_rows_in_another_spelling_change_nothing(tmp_path: Path) -> None:
    study = make_draft()
    bring(study, tmp_path)
    before = counts()
    again = bring(study, tmp_path, as_csv().replace(b"\r\n", b"\n"))
    assert again.unchanged
    assert counts() == before


@pytest.mark.bothdb
def test_more_rows_later_extend_the_draft(tmp_path: Path) -> None:
    study = make_draft(**METHODS, **CONTRAST)
    bring(study, tmp_path / "1", as_csv(ROWS[:2]))
    first = study.prompt_sets.get()
    assert study.contrasts.get().prompt_set == first
    result = bring(study, tmp_path / "2")
    assert (result.new_samples, result.unchanged) == (2, False)
    second = study.prompt_sets.get()
    assert (first.version, second.version, second.name) == (1, 2, first.name)
    assert list(second.prompts.order_by("order").values_list("key", flat=True)) == ["p1", "p2"]
    assert study.contrasts.get().prompt_set == second
    assert ImportRun.objects.count() == 2


def test_a_new_method_for_known_prompts_keeps_the_prompt_set(tmp_path: Path) -> None:
    study = make_draft()
    bring(study, tmp_path / "1")
    before = study.prompt_sets.get()
    rows = [("p1", "A red cube", "adaptive", "student/1.png")]
    assert bring(study, tmp_path / "2", as_csv(rows)).new_samples == 1
    assert study.prompt_sets.get() == before
    assert [m["name"] for m in study.spec["methods"]] == ["teacher", "student", "adaptive"]


@pytest.mark.bothdb
def test_a_known_sample_with_another_picture_is_refused_by_line(tmp_path: Path) -> None:
    study = make_draft()
    bring(study, tmp_path / "1")
    before = counts()
    rows = [("p3", "A dog", "teacher", "teacher/1.png"), (*ROWS[1][:3], "teacher/2.png")]
    with pytest.raises(ImportRefused) as refused:
        bring(study, tmp_path / "2", as_csv(rows))
    assert refused.value.total == 1
    assert str(refused.value).startswith(
        "Line 3: prompt `p1`, method `student`, replica 0 has other picture in this study already."
    )
    assert counts() == before


@pytest.mark.parametrize(
    ("header", "cells", "says"),
    [
        ((), (), "another text"),
        (("group",), ("photo 9",), "another group"),
        (("context",), ("teacher/2.png",), "another context"),
        (("context_role",), ("mask",), "another context role"),
        (("seed",), ("9",), "other metadata"),
    ],
)
def test_a_known_prompt_id_must_mean_the_same(
    tmp_path: Path, header: tuple[str, ...], cells: tuple[str, ...], says: str
) -> None:
    study = make_draft()
    bring(study, tmp_path / "1")
    text = "A red cube" if cells else "A green cube"
    row = ("p1", text, "teacher", "teacher/1.png", *cells)
    with pytest.raises(ImportRefused, match=says) as refused:
        bring(study, tmp_path / "2", as_csv([row], (*HEADER, *header)))
    assert refused.value.errors[0].line == 2


def test_only_a_draft_takes_pictures(tmp_path: Path) -> None:
    study = make_draft()
    Study.objects.filter(pk=study.pk).update(state="open", protocol_hash="x")
    study.refresh_from_db()
    with pytest.raises(ImportRefused, match=r"The study is open.*Clone it"):
        bring(study, tmp_path)


def test_a_launch_while_the_pictures_were_read_refuses_the_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_draft()
    extend = importing.extend

    def launched_meanwhile(*args: object, **kwargs: object) -> object:
        Study.objects.filter(pk=study.pk).update(state="open", protocol_hash="x")
        return extend(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(importing, "extend", launched_meanwhile)
    with pytest.raises(ImportRefused, match="The study is open"):
        bring(study, tmp_path)
    assert Sample.objects.count() == 0


def test_spec_methods_and_rows_stay_in_step(tmp_path: Path) -> None:
    study = make_draft(methods=[{"name": "teacher", "label": "SDXL, 50 steps"}])
    bring(study, tmp_path)
    study.refresh_from_db()
    spec = study.read_spec()
    assert [(m.name, m.label) for m in spec.methods] == [
        ("teacher", "SDXL, 50 steps"),
        ("student", ""),
    ]
    assert [m.name for m in study.methods.order_by("order")] == ["teacher", "student"]
    update_draft(study, spec, actor=study.owner)
    assert len(finished(study.methods.all())) == 4


def test_a_method_that_makes_its_own_pictures_takes_none(tmp_path: Path) -> None:
    study = make_draft(methods=[{"name": "teacher", "kind": "teacher", "settings": TEACHER}])
    with pytest.raises(ImportRefused, match=r"Line 2: method `teacher` makes its own pictures"):
        bring(study, tmp_path)


def test_prompts_written_in_the_spec_are_extended_and_survive_an_edit(tmp_path: Path) -> None:
    study = make_draft(
        prompt_sets=[{"name": "Mine", "prompts": [{"id": "p1", "text": "A red cube"}]}]
    )
    bring(study, tmp_path)
    grown = study.prompt_sets.get()
    assert (grown.name, grown.version, grown.prompts.count()) == ("Mine", 2, 2)
    update_draft(study, study.read_spec(), actor=study.owner)
    assert study.prompt_sets.get() == grown


def test_two_test_sets_leave_no_place_to_import_into(tmp_path: Path) -> None:
    sets = [{"name": n, "prompts": [{"id": n, "text": n}]} for n in ("One", "Two")]
    with pytest.raises(ImportRefused, match="2 test prompt sets"):
        bring(make_draft(prompt_sets=sets), tmp_path)


def test_equal_prompts_of_studies_with_one_name_are_one_prompt_set(tmp_path: Path) -> None:
    first, second, third = make_draft(), make_draft(), make_draft()
    bring(first, tmp_path / "1")
    bring(second, tmp_path / "2")
    bring(third, tmp_path / "3", as_csv(ROWS[:2]))
    assert first.prompt_sets.get() == second.prompt_sets.get()
    assert (third.prompt_sets.get().name, third.prompt_sets.get().version) == ("Cubes", 2)
    assert Sample.objects.count() == 10
    assert Image.objects.count() == 4


def test_a_clone_has_the_pictures_and_can_take_more(tmp_path: Path) -> None:
    study = make_draft()
    bring(study, tmp_path / "1")
    clone = clone_study(study, owner=study.owner, name="Again")
    result = bring(clone, tmp_path / "2", as_csv([*ROWS, ("p3", "A dog", "teacher", "x.png")]),
                   files=FILES | {"x.png": pictures.png(9)})  # fmt: skip
    assert result.new_samples == 1
    assert study.prompt_sets.get().prompts.count() == 2
    assert clone.prompt_sets.get().prompts.count() == 3
