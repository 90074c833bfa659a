"""Holds our ImageReward and HPSv2 against the published packages, on equal random weights.

    make parity-imagereward [SMALL=1] [WRITE=1]

SMALL leaves out the published sizes (they need 12 GB of memory and 7 GB in build/); WRITE puts what
the packages answered to the small cases into tests/golden/estimators.json. With TRIPTYCH_DATA the
pictures and prompts are real ones. Ends with an error when a difference is larger than float noise.
"""

# ruff: noqa: T201, S603
import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from generation.estimators import blip, hpsv2, load_scorer
from generation.estimators.clip import cleaned, tokens
from generation.estimators.folders import open_folder
from generation.estimators.hpsv2 import pixels as hps_pixels
from generation.estimators.imagereward import TOKENS, tokenizer_of
from generation.estimators.preprocess import pixels
from generation.spec import Estimator
from generation.tiny_scorers import (
    TINY_CLIP,
    TINY_IMAGEREWARD,
    byte_tokenizer,
    random_picture,
    random_weights,
    save_imagereward,
    save_tiny_scorer,
    save_weights,
)

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "parity-imagereward"
GOLDEN = ROOT / "tests" / "golden" / "estimators.json"
SEED = 2024
PROMPTS = [
    "a",
    "a painting of an ocean with clouds and birds, day time, low depth field effect",
    "two dogs, three cats and a very long list of other animals that nobody will ever read " * 3,
    "",
    "Ünïcödé Größe, 你好: [DEC] [SEP] don't",
]
SHAPES = [(64, 64), (96, 71), (45, 120), (33, 32)]
# Largest |difference| that is float noise, not another computation.
TOLERANCE = {"scores": 1e-4, "pixels": 0.0, "hps pixels": 1e-6}


class Report:
    """Prints as it goes, remembers what was too far apart."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def difference(self, what: str, ours: np.ndarray, theirs: np.ndarray, *, kind: str) -> None:
        apart = float(np.abs(ours.astype(np.float64) - theirs).max())
        spread = f", their spread (std) {theirs.std():.3f}" if kind == "scores" else ""
        print(f"  {what}: max |d| = {apart:.3g} over {theirs.size} values{spread}")
        self.same(apart <= TOLERANCE[kind], what)

    def same(self, ok: bool, what: str) -> None:
        if not ok:
            self.wrong.append(what)


def data(*parts: str) -> Path | None:
    folder = os.environ.get("TRIPTYCH_DATA")
    return Path(folder, *parts) if folder else None


def pictures(*, real: bool) -> list[Image.Image]:
    folder = data("t2i_images_imagereward_example")
    if real and folder:
        return [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.webp"))]
    return [Image.fromarray(random_picture(*shape, seed=i)) for i, shape in enumerate(SHAPES)]


def texts() -> list[str]:
    """For the tokenizers: every prompt at hand."""
    found = list(PROMPTS)
    for path in (
        data("prompts_parti", "PartiPrompts.tsv"),
        data("prompts_coco2014_5k", "coco.csv"),
    ):
        if path:
            found += path.read_text(encoding="utf-8").splitlines()
    return found


def ask(kind: str, name: str, images: list[Image.Image], **more: object) -> tuple[dict, dict]:
    """Let the published package score the case `name`; its answer and its arrays."""
    case = BUILD / name
    names = []
    for i, image in enumerate(images):
        image.save(case / f"{i}.png")
        names.append(f"{i}.png")
    (case / "case.json").write_text(json.dumps({"images": names, "prompts": PROMPTS, **more}))
    subprocess.run(
        [BUILD / "bin" / "python", Path(__file__).with_name("original.py"), kind, case],
        check=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""},
    )
    return json.loads((case / "original.json").read_text()), dict(np.load(case / "original.npz"))


def ours(kind: str, weights: Path, images: list[np.ndarray], dtype: str) -> np.ndarray:
    """(prompts, images) scores, one picture's pairs at a time."""
    scorer = load_scorer(Estimator(name=kind, path=str(weights), dtype=dtype), device="cpu")
    return np.stack([scorer.score(PROMPTS, [image] * len(PROMPTS)) for image in images], axis=1)


def compare_scores(report: Report, kind: str, weights: Path, images: list, theirs: list) -> None:
    arrays = [np.asarray(image) for image in images]
    scores = np.asarray(theirs)
    got = ours(kind, weights, arrays, "float32")
    report.difference("scores, float32", got, scores, kind="scores")
    # One picture: processors without bfloat16 units take minutes for each.
    half = np.abs(ours(kind, weights, arrays[:1], "bfloat16") - scores[:, :1])
    print(f"  scores, body in bfloat16: max |d| = {half.max():.3g} over {half.size} values")


def table_digest(table: dict) -> str:
    """One digest for names and shapes."""
    lines = [f"{name} {'x'.join(map(str, shape))}\n" for name, shape in sorted(table.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def compare_tables(report: Report, answer: dict, ours: dict, ignored: list[str]) -> dict:
    scored = {name: shape for name, shape in answer["table"].items() if name not in ignored}
    same = scored == {name: list(shape) for name, shape in ours.items()}
    print(
        f"  names and shapes: {'equal' if same else 'DIFFERENT'} ({len(scored)} tensors, "
        f"{answer['parameters'] / 1e6:.2f} M parameters in all, left out: {ignored})"
    )
    report.same(same, "names and shapes")
    return {
        "tensors": len(scored),
        "parameters": answer["parameters"],
        "table_sha256": table_digest(scored),
        "ignored": ignored,
    }


def imagereward(report: Report, *, published: bool) -> dict:
    name = f"imagereward-{'published' if published else 'small'}"
    print(f"ImageReward, {'published' if published else 'small'} size")
    weights = BUILD / name / "weights"
    sizes = blip.Sizes() if published else TINY_IMAGEREWARD
    if published:
        weights.mkdir(parents=True, exist_ok=True)
        vocabulary = (BUILD / "imagereward-small" / "weights" / "vocab.txt").read_text().split()
        vocabulary += [f"word{i}" for i in range(sizes.vocabulary - 2 - len(vocabulary))]
        save_imagereward(weights, sizes, vocabulary=tuple(vocabulary), seed=SEED)
    else:
        save_tiny_scorer(weights, "imagereward", seed=SEED)
    images, all_texts = pictures(real=published), texts()
    answer, arrays = ask(
        "imagereward", name, images, published=published, sizes=asdict(sizes), texts=all_texts
    )
    assert not answer["not_in_package"], answer["not_in_package"]
    table = compare_tables(report, answer, blip.published_table(sizes), answer["not_in_weights"])
    report.same(all(map(blip.is_ignored, table["ignored"])), "tensors left out")
    compare_scores(report, "imagereward", weights, images, answer["scores"])
    got = pixels([np.asarray(image) for image in images], sizes.image)
    report.difference(
        f"pixels of {len(images)} pictures", got, stacked(arrays, "pixels", images), kind="pixels"
    )
    tokenizer = tokenizer_of(open_folder(Estimator(path=str(weights))), sizes)
    read = tokenizer(
        all_texts, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="np"
    )
    same = (read["input_ids"] == arrays["ids"]) & (read["attention_mask"] == arrays["mask"])
    compare_tokens(report, same)
    return {"answer": answer, "table": table, "pixels": got}


def hps(report: Report, *, published: bool) -> dict:
    name = f"hpsv2-{'published' if published else 'small'}"
    print(f"HPSv2, {'published' if published else 'small'} size")
    weights = BUILD / name / "weights"
    described = hpsv2.PUBLISHED if published else TINY_CLIP
    if published:
        weights.mkdir(parents=True, exist_ok=True)
        save_weights(weights, random_weights(hpsv2.published_table(), seed=SEED))
    else:
        save_tiny_scorer(weights, "hpsv2", seed=SEED)
    images, all_texts = pictures(real=published), texts()
    config = hpsv2.config_of(described)
    more = {} if published else {"ids": tokens(byte_tokenizer(), PROMPTS, config.text_config)}
    more = {key: value.tolist() for key, value in more.items()}
    answer, arrays = ask(
        "hpsv2", name, images, published=published, model_cfg=described, texts=all_texts, **more
    )
    table = compare_tables(report, answer, hpsv2.published_table(described), [])
    compare_scores(report, "hpsv2", weights, images, answer["scores"])
    raw, side = [np.asarray(image) for image in images], described["vision_cfg"]["image_size"]
    got = hps_pixels(raw, side).numpy()
    theirs = stacked(arrays, "pixels", images)
    report.difference("pixels as hpsv2 makes them", got, theirs, kind="hps pixels")
    own = stacked(arrays, "clip_pixels", images)
    report.difference("pixels as open_clip makes them", pixels(raw, side), own, kind="pixels")
    if published:
        from transformers import CLIPTokenizer

        tokenizer = CLIPTokenizer.from_pretrained(weights)
        read = tokens(tokenizer, [cleaned(text) for text in all_texts], config.text_config)
        same = read.numpy() == arrays["ids"]
        # open_clip fills up with zeros, transformers with the end token; neither is ever read.
        filled = np.cumsum(arrays["ids"] == config.text_config.eos_token_id, axis=1) > 0
        compare_tokens(report, same | (filled & (arrays["ids"] == 0)))
    return {"answer": answer, "table": table}


def stacked(arrays: dict, name: str, images: list) -> np.ndarray:
    return np.stack([arrays[f"{name}_{i}"] for i in range(len(images))])


def compare_tokens(report: Report, same: np.ndarray) -> None:
    rows = same.all(axis=1)
    print(f"  tokens: {rows.sum()} of {len(rows)} texts alike")
    report.same(bool(rows[: len(PROMPTS)].all()), "tokens")


def write(small: dict, real: dict | None) -> None:
    """What the packages answered, for the ordinary tests."""
    golden = {
        "made_by": "make parity-imagereward WRITE=1",
        "versions": small["imagereward"]["answer"]["versions"],
        "seed": SEED,
        "prompts": PROMPTS,
        "shapes": SHAPES,
    }
    for name, made in small.items():
        golden[name] = {"scores": made["answer"]["scores"]}
        if real:
            golden[name]["published"] = real[name]["table"]
    if real and data():
        golden["pixels_sha256"] = {
            f"{i + 1}.webp": hashlib.sha256(np.ascontiguousarray(row).tobytes()).hexdigest()
            for i, row in enumerate(real["imagereward"]["pixels"])
        }
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {GOLDEN.relative_to(ROOT)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    report = Report()
    small = {
        "imagereward": imagereward(report, published=False),
        "hpsv2": hps(report, published=False),
    }
    real = None
    if not asked.small:
        real = {
            "imagereward": imagereward(report, published=True),
            "hpsv2": hps(report, published=True),
        }
    versions = small["imagereward"]["answer"]["versions"]
    print("the packages' side:", ", ".join(f"{name} {v}" for name, v in versions.items()))
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    if asked.write:
        write(small, real)
    if report.wrong:
        sys.exit(f"NOT equal: {', '.join(report.wrong)}")
    print("equal")


if __name__ == "__main__":
    main()
