"""ImageReward: the published names, and the scores of the published package."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from generation.convert import convert
from generation.errors import WeightsRefusedError
from generation.estimators import load_scorer
from generation.estimators.blip import published_table
from generation.estimators.folders import open_folder
from generation.estimators.imagereward import ImageReward, sizes_of, tokenizer_of
from generation.spec import Estimator
from generation.tiny_scorers import TINY_IMAGEREWARD, save_tiny_scorer
from tests.generation.estimators.arrange import GOLDEN, golden_pairs, pictures, rewrite, tiny

pytestmark = pytest.mark.torch


def table_digest(table: dict[str, tuple[int, ...]]) -> str:
    lines = [f"{name} {'x'.join(map(str, shape))}\n" for name, shape in sorted(table.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def test_scores_are_those_of_the_package(tmp_path: Path) -> None:
    scorer = tiny(tmp_path, "imagereward", seed=GOLDEN["seed"])
    prompts, images = golden_pairs()
    wanted = np.asarray(GOLDEN["imagereward"]["scores"]).ravel()
    np.testing.assert_allclose(scorer.score(prompts, images), wanted, atol=2e-5)


def test_the_published_names_and_shapes_are_those_of_the_package() -> None:
    table, golden = published_table(), GOLDEN["imagereward"]["published"]
    assert len(table) == golden["tensors"]
    assert table_digest(table) == golden["table_sha256"]
    # Two unused projections make up the rest of the published 446.67 million.
    unused = 1024 * 256 + 256 + 768 * 256 + 256
    assert sum(map(math.prod, table.values())) + unused == golden["parameters"] == 446_665_953


def test_what_the_package_keeps_and_never_reads_is_ignored(tmp_path: Path) -> None:
    before = tiny(tmp_path, "imagereward").score(["a"], pictures(1))

    def add(state: dict[str, Tensor]) -> None:
        for name in GOLDEN["imagereward"]["published"]["ignored"]:
            state[name] = torch.ones(1, 3)

    rewrite(tmp_path, add)
    assert len(GOLDEN["imagereward"]["published"]["ignored"]) == 5
    assert tiny(tmp_path, "imagereward").score(["a"], pictures(1)) == pytest.approx(
        before, abs=1e-6
    )


def test_only_the_first_35_tokens_are_read(tmp_path: Path) -> None:
    scorer = tiny(tmp_path, "imagereward")
    image = pictures(1)
    # [CLS] and [SEP] take two of them.
    same, too, other = (" ".join("a" * n) for n in (33, 34, 32))
    first, second, third = (scorer.score([text], image)[0] for text in (same, too, other))
    assert first == pytest.approx(second, abs=1e-6)
    assert abs(first - third) > 1e-4


def test_dec_and_enc_stand_behind_the_vocabulary(tmp_path: Path) -> None:
    save_tiny_scorer(tmp_path, "imagereward", seed=5)
    folder = open_folder(Estimator(path=str(tmp_path)))
    tokenizer = tokenizer_of(folder, sizes_of(folder))
    last = TINY_IMAGEREWARD.vocabulary - 1
    assert tokenizer("[DEC] a [ENC]")["input_ids"] == [2, last - 1, 5, last, 3]
    assert tokenizer("A")["input_ids"] == tokenizer("a")["input_ids"]


@pytest.mark.parametrize("without", ["[SEP]", "z"])
def test_another_vocabulary_is_refused(without: str, tmp_path: Path) -> None:
    save_tiny_scorer(tmp_path, "imagereward", seed=5)
    lines = (tmp_path / "vocab.txt").read_text().splitlines()
    lines.remove(without)
    (tmp_path / "vocab.txt").write_text("\n".join(lines))
    with pytest.raises(WeightsRefusedError, match=r"vocab.txt of bert-base-uncased"):
        tiny(tmp_path, "imagereward")


def test_sizes_that_are_half_named_are_refused(tmp_path: Path) -> None:
    save_tiny_scorer(tmp_path, "imagereward", seed=5)
    (tmp_path / "imagereward.json").write_text('{"text_width": 32}')
    with pytest.raises(WeightsRefusedError, match="must name exactly"):
        tiny(tmp_path, "imagereward")


def test_the_reward_head_stays_in_float32(tmp_path: Path) -> None:
    scorer = tiny(tmp_path, "imagereward", dtype="bfloat16")
    assert isinstance(scorer, ImageReward)
    types = {name.split(".")[0]: p.dtype for name, p in scorer.network.named_parameters()}
    assert types == {"vision": torch.bfloat16, "text": torch.bfloat16, "head": torch.float32}


def test_a_published_pickle_scores_alike_after_its_conversion(tmp_path: Path) -> None:
    before = tiny(tmp_path, "imagereward").score(["a"], pictures(1))
    weights = tmp_path / "model.safetensors"
    torch.save(load_file(weights), tmp_path / "ImageReward.pt")
    weights.unlink()
    with pytest.raises(WeightsRefusedError, match="convert_checkpoint"):
        load_scorer(Estimator(path=str(tmp_path)), device="cpu")
    convert(tmp_path / "ImageReward.pt", weights)
    assert load_scorer(Estimator(path=str(tmp_path)), device="cpu").score(
        ["a"], pictures(1)
    ) == pytest.approx(before)
