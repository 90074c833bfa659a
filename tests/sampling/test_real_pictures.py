"""The importer on pictures that real text-to-image models made."""

import json
from pathlib import Path

import pytest

from annotate.sampling.images import content_digest, decode
from annotate.sampling.importing import import_samples
from annotate.sampling.models import Image
from annotate.sampling.samples import finished
from annotate.sampling.storage import path_of
from tests.sampling.packages import as_csv, make_draft

pytestmark = [pytest.mark.django_db, pytest.mark.realdata]


@pytest.mark.bothdb
def test_two_prompts_of_four_models_become_eight_samples(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "t2i_images_genaibench_sample"
    prompts = json.loads((folder / "prompts.json").read_text())
    files = sorted(p for p in folder.iterdir() if p.suffix in {".png", ".jpg"})
    rows = [
        (number, prompts[number], model, path.name)
        for path in files
        for number, model in [path.stem.split("_")]
    ]
    (tmp_path / "genaibench.csv").write_bytes(as_csv(rows))
    study = make_draft(name="GenAI-Bench sample")
    result = import_samples(study, tmp_path / "genaibench.csv", folder, actor=study.owner)
    assert (result.rows, result.new_samples, result.images) == (8, 8, 8)
    assert sorted(m["name"] for m in study.spec["methods"]) == [
        "DALLE3",
        "DeepFloyd",
        "Midjourney",
        "SDXL",
    ]
    sizes = sorted({(i.width, i.height) for i in Image.objects.all()})
    assert sizes == [(256, 256), (1024, 1024)]
    by_digest = {content_digest(decode(path.read_bytes())) for path in files}
    for by_replica in finished(study.methods.all()).values():
        image = by_replica[0]
        stored = path_of(image.digest).read_bytes()
        assert content_digest(decode(stored)) == image.digest
        assert image.digest in by_digest
    again = import_samples(study, tmp_path / "genaibench.csv", folder, actor=study.owner)
    assert again.unchanged


def test_captions_and_pictures_of_one_model_as_jsonl(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "t2i_images_tifa_sample"
    files = json.loads((folder / "sample_imgs.json").read_text())
    lines = [
        {
            "prompt_id": text["id"],
            "prompt": text["caption"],
            "method": "tifa",
            "file": files[text["id"]],
            "group": text.get("coco_val_id", ""),
        }
        for text in json.loads((folder / "sample_text_inputs.json").read_text())
    ]
    (tmp_path / "tifa.jsonl").write_text("\n".join(map(json.dumps, lines)))
    study = make_draft()
    assert import_samples(study, tmp_path / "tifa.jsonl", folder, actor=None).new_samples == 2
    groups = study.prompt_sets.get().prompts.order_by("order").values_list("group", flat=True)
    assert list(groups) == ["380711", ""]


def test_lossless_webp_of_a_real_model_is_taken_as_it_is(real_data: Path) -> None:
    for path in sorted((real_data / "t2i_images_imagereward_example").glob("*.webp")):
        assert decode(path.read_bytes()).size == (512, 512)
