"""Rules of bringing pictures into a draft: all or nothing, once, and every row accounted for."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotate.sampling import importing
from annotate.sampling.images import content_digest
from annotate.sampling.importing import ImportRefused, import_samples
from annotate.sampling.models import Image, ImportRun, Sample
from annotate.sampling.samples import finished
from annotate.sampling.storage import path_of
from annotate.studies.create import clone_study, update_draft
from annotate.studies.models import Event, Method, Prompt, PromptSet, Study
from annotate.studies.spec import parse_spec
from tests.examples import examples
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


def test_context_pictures_and_their_role_belong_to_the_prompt(tmp_path: Path) -> None:
    rows = [(*row, "source.jpg", "source picture") for row in ROWS[:2]]
    source = pictures.encoded(pictures.pixels(8), "JPEG")
    study = make_draft()
    bring(
        study,
        tmp_path,
        as_csv(rows, (*HEADER, "context", "context_role")),
        files=FILES | {"source.jpg": source},
    )
    prompt = study.prompt_sets.get().prompts.get()
    assert prompt.context == content_digest(importing.images.decode(source))
    assert prompt.context_role == "source picture"
    assert Image.objects.filter(digest=prompt.context).exists()
    assert path_of(prompt.context).exists()


def test_groups_replicas_and_further_columns_are_kept(tmp_path: Path) -> None:
    rows = [(*ROWS[0], "photo 7", replica, "0.5") for replica in (0, 1)]
    study = make_draft()
    bring(study, tmp_path, as_csv(rows, (*HEADER, "group", "replica", "guidance")))
    assert study.prompt_sets.get().prompts.get().group == "photo 7"
    samples = Sample.objects.order_by("replica")
    assert [(s.replica, s.metadata) for s in samples] == [
        (0, {"guidance": "0.5"}),
        (1, {"guidance": "0.5"}),
    ]


@pytest.mark.bothdb
def test_jsonl_says_the_same_as_csv(tmp_path: Path) -> None:
    lines = [
        {"prompt_id": i, "prompt": "Two cats 🐈‍⬛", "method": "teacher", "file": "teacher/1.png",
         "replica": i, "group": "g", "metadata": {"steps": 4}, "scorer": {"name": "x", "s": 0.25}}
        for i in (0, 1)
    ]  # fmt: skip
    manifest = "\n\n".join(json.dumps(line) for line in lines).encode()
    study = make_draft()
    bring(study, tmp_path, manifest, name="rows.JSONL")
    sample = Sample.objects.get(replica=1)
    assert sample.metadata == {"steps": 4, "scorer": {"name": "x", "s": 0.25}}
    assert list(Prompt.objects.values_list("key", "text").order_by("order")) == [
        ("0", "Two cats 🐈‍⬛"),
        ("1", "Two cats 🐈‍⬛"),
    ]


def test_the_manifest_may_lie_inside_the_zip_or_folder(tmp_path: Path) -> None:
    files = FILES | {"manifest.csv": as_csv()}
    archive = pictures.write_zip(tmp_path / "all.zip", files)
    folder = pictures.write_folder(tmp_path / "all", files)
    first, second = make_draft(), make_draft()
    assert import_samples(first, None, archive, actor=None).new_samples == 4
    assert import_samples(second, None, folder, actor=None).new_samples == 4
    assert ImportRun.objects.get(study=first).name == "all.zip"


def test_the_same_picture_in_three_encodings_is_one_image(tmp_path: Path) -> None:
    files = {
        "a.png": pictures.png(1),
        "b.webp": pictures.encoded(pictures.pixels(1), "WEBP", lossless=True),
        "c.png": pictures.encoded(pictures.pixels(1), compress_level=0),
    }
    rows = [("p", "A cube", method, file) for method, file in zip("abc", files, strict=True)]
    result = bring(make_draft(), tmp_path, as_csv(rows), files=files)
    assert (result.new_samples, result.images) == (3, 1)
    assert Image.objects.count() == 1


def test_a_picture_named_many_times_is_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    decode = importing.images.decode
    monkeypatch.setattr(
        importing.images, "decode", lambda data: (seen.append(len(data)), decode(data))[1]
    )
    files = {f"{i}.png": pictures.png(1) for i in range(5)}
    rows = [(f"p{i}", "A cube", "m", f"{i % 5}.png") for i in range(50)]
    assert bring(make_draft(), tmp_path, as_csv(rows), files=files).images == 1
    assert len(seen) == 1


def test_a_full_disk_refuses_the_import_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("annotate.sampling.storage.os.replace", full)
    with pytest.raises(ImportRefused, match=r"cannot be kept .No space left on device.*Free some"):
        bring(make_draft(), tmp_path)
    assert Sample.objects.count() == 0


def test_a_file_changed_between_two_looks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = importing.Source.read
    looks: list[str] = []

    def change(self: importing.Source, name: str, *, limit: int) -> bytes:
        looks.append(name)
        if len(looks) > 4 and name == "teacher/2.png":
            return pictures.png(99)
        return read(self, name, limit=limit)

    monkeypatch.setattr(importing.Source, "read", change)
    with pytest.raises(ImportRefused, match=r"Line 4: file `teacher/2\.png` was changed"):
        bring(make_draft(), tmp_path)


def test_progress_rises_to_its_total_in_step_with_the_work(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    archive = pictures.write_zip(tmp_path / "all.zip", FILES | {"manifest.csv": as_csv()})
    study = make_draft()
    for _ in range(2):
        import_samples(
            study,
            None,
            archive,
            actor=None,
            progress=lambda done, total: seen.append((done, total)),
        )
        done = [one for one, _ in seen]
        assert done == sorted(done)
        assert seen[-1] == (12, 12)
        seen.clear()


def test_an_import_is_noted_without_prompts(tmp_path: Path) -> None:
    study = make_draft()
    bring(study, tmp_path)
    event = Event.objects.get(study=study, kind="samples_imported")
    assert event.data == {"rows": 4, "new_samples": 4, "images": 4}


def test_a_study_whose_contrasts_waited_for_their_methods_gets_them(tmp_path: Path) -> None:
    study = make_draft(**METHODS)
    spec = study.spec | CONTRAST
    Study.objects.filter(pk=study.pk).update(spec=spec)
    bring(study, tmp_path)
    contrast = study.contrasts.get()
    assert (contrast.a.name, contrast.b.name, contrast.primary) == ("student", "teacher", True)
    assert contrast.prompt_set == study.prompt_sets.get()
    assert parse_spec(study.spec)


TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60
) | st.sampled_from(
    [
        "שלום עולם",
        "مرحبا\u200fبالعالم",
        "\U0001f469\u200d\U0001f469\u200d\U0001f467 family",
        "e\u0301 and é",
        "zero\u200bwidth",
        "ｆｕｌｌ",
        'quotes " and, commas',
        "two\nlines\r\nand more",
        "Z\u0338\u0322\u031ba\u0335l\u0336go",
        "\ufeffmark",
        "=1+1",
        "\u2028",
    ]
)


@pytest.mark.bothdb
@settings(
    max_examples=examples(20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(texts=st.lists(TEXT.filter(lambda text: text.strip()), min_size=1, max_size=6))
def test_any_unicode_text_comes_back_as_it_was_in_nfc(tmp_path: Path, texts: list[str]) -> None:
    rows = [(f"p{i}", text, "m", "teacher/1.png") for i, text in enumerate(texts)]
    lines = [json.dumps(dict(zip(HEADER, row, strict=True))) for row in rows]
    for number, (manifest, name) in enumerate(
        [(as_csv(rows), "m.csv"), ("\n".join(lines).encode(), "m.jsonl")]
    ):
        study = make_draft(name=f"S{number}")
        bring(study, tmp_path, manifest, name=name)
        stored = Prompt.objects.filter(prompt_set__studies=study).order_by("order")
        expected = [unicodedata.normalize("NFC", text).strip() for text in texts]
        assert list(stored.values_list("text", flat=True)) == expected
        study.delete()
        PromptSet.objects.all().delete()
        Sample.objects.all().delete()
