"""What an import reads from files: columns, formats, pictures, and any text at all."""

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
from annotate.sampling.storage import path_of
from annotate.studies.models import Event, Prompt, PromptSet, Study
from annotate.studies.spec import parse_spec
from tests.examples import examples
from tests.sampling import pictures
from tests.sampling.packages import FILES, HEADER, ROWS, as_csv, bring, make_draft
from tests.sampling.test_importing import CONTRAST, METHODS

pytestmark = [pytest.mark.django_db, pytest.mark.whole]


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
