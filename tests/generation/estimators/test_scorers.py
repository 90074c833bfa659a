"""What holds for every estimator."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from generation.errors import NonFiniteScoreError, WeightsMissingError, WeightsRefusedError
from generation.estimators import load_scorer
from generation.spec import Estimator
from generation.tiny_scorers import Name, byte_tokenizer, save_tiny_scorer
from tests.generation.estimators.arrange import NAMES, PROMPTS, pictures, rewrite, tiny

pytestmark = pytest.mark.torch

every = pytest.mark.parametrize("name", NAMES)


@every
def test_a_score_does_not_depend_on_the_batch_or_its_order(name: Name, tmp_path: Path) -> None:
    scorer, images = tiny(tmp_path, name), pictures(8)
    together = scorer.score(PROMPTS, images)
    alone = np.concatenate([scorer.score([p], [i]) for p, i in zip(PROMPTS, images, strict=True)])
    threes = np.concatenate(
        [scorer.score(PROMPTS[i : i + 3], images[i : i + 3]) for i in range(0, 8, 3)]
    )
    order = np.random.default_rng(1).permutation(8)
    shuffled = scorer.score([PROMPTS[i] for i in order], [images[i] for i in order])
    for other in (alone, threes, shuffled[np.argsort(order)]):
        np.testing.assert_allclose(other, together, rtol=2e-5, atol=2e-5)


@every
def test_a_score_depends_on_the_prompt_and_on_the_picture(name: Name, tmp_path: Path) -> None:
    scorer, (one, other) = tiny(tmp_path, name), pictures(2)
    scores = scorer.score(["a cat", "a dog", "a cat"], [one, one, other])
    assert scores.shape == (3,)
    assert scores.dtype == np.float32
    assert abs(scores[0] - scores[1]) > 1e-3
    assert abs(scores[0] - scores[2]) > 1e-3


@every
def test_the_same_seed_makes_the_same_estimator_and_another_seed_another(
    name: Name, tmp_path: Path
) -> None:
    image = pictures(1)
    first, again, other = (
        tiny(tmp_path / str(i), name, seed=seed) for i, seed in enumerate((5, 5, 6))
    )
    one, same, another = (scorer.score(["a"], image)[0] for scorer in (first, again, other))
    assert one == pytest.approx(same, abs=1e-5)
    assert abs(one - another) > 1e-3


@every
def test_a_digest_changes_with_the_weights_and_with_the_recipe(name: Name, tmp_path: Path) -> None:
    before = tiny(tmp_path, name)
    assert tiny(tmp_path, name).digest == before.digest
    assert tiny(tmp_path, name, dtype="bfloat16").digest != before.digest
    save_tiny_scorer(tmp_path, name, seed=6)
    assert tiny(tmp_path, name).digest != before.digest


@every
def test_a_score_that_is_no_number_is_refused_and_its_rows_are_named(
    name: Name, tmp_path: Path
) -> None:
    save_tiny_scorer(tmp_path, name, seed=5)
    if name == "imagereward":
        lines = (tmp_path / "vocab.txt").read_text().splitlines()
        key, token = "blip.text_encoder.embeddings.word_embeddings.weight", lines.index("q")
    else:
        key = "text_model.embeddings.token_embedding.weight"
        key = "token_embedding.weight" if name == "hpsv2" else key
        token = byte_tokenizer().get_vocab()["q</w>"]

    def poison(state: dict[str, Tensor]) -> None:
        state[key][token] = torch.nan

    rewrite(tmp_path, poison)
    with pytest.raises(NonFiniteScoreError, match=f"{name} gave no finite score for rows 1, 3 of"):
        tiny(tmp_path, name).score(["a", "q", "b", "a q"], pictures(4))


@every
def test_half_precision_is_near_and_scores_are_still_float32(name: Name, tmp_path: Path) -> None:
    images = pictures(8)
    whole = tiny(tmp_path, name).score(PROMPTS, images)
    for dtype in ("bfloat16", "float16"):
        half = tiny(tmp_path, name, dtype=dtype).score(PROMPTS, images)
        assert half.dtype == np.float32
        assert 0 < np.abs(half - whole).max() < 0.2 * whole.std()


@every
def test_nothing_to_score_gives_no_scores(name: Name, tmp_path: Path) -> None:
    assert tiny(tmp_path, name).score([], []).shape == (0,)


@every
@pytest.mark.parametrize(
    ("prompts", "shape", "dtype", "said"),
    [
        (["a", "b"], (8, 8, 3), "uint8", "2 prompts and 1 images"),
        ("ab", (8, 8, 3), "uint8", "one text and 1 images"),
        (["a"], (8, 8), "uint8", r"shape \(8, 8\)"),
        (["a"], (8, 8, 4), "uint8", r"shape \(8, 8, 4\)"),
        (["a"], (0, 8, 3), "uint8", r"shape \(0, 8, 3\)"),
        (["a"], (8, 8, 3), "float32", "type float32"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(
    name: Name,
    prompts: list[str],
    shape: tuple[int, ...],
    dtype: str,
    said: str,
    tmp_path: Path,
) -> None:
    with pytest.raises(ValueError, match=said):
        tiny(tmp_path, name).score(prompts, [np.zeros(shape, dtype)])


@every
@pytest.mark.parametrize("fault", ["missing", "unknown", "shape"])
def test_weights_that_are_not_exactly_the_model_are_refused(
    name: Name, fault: str, tmp_path: Path
) -> None:
    save_tiny_scorer(tmp_path, name, seed=5)

    def damage(state: dict[str, Tensor]) -> None:
        first = sorted(state)[0]
        if fault == "missing":
            del state[first]
        elif fault == "unknown":
            state["visual.extra.weight"] = state[first].clone()
        else:
            state[first] = torch.zeros(3, 5)

    rewrite(tmp_path, damage)
    said = {
        "missing": "is missing",
        "unknown": "visual.extra.weight belongs to no part",
        "shape": r"has shape \(3, 5\) instead of",
    }
    with pytest.raises(WeightsRefusedError, match=said[fault]):
        tiny(tmp_path, name)


@every
def test_an_estimator_pinned_to_other_weights_is_refused(name: Name, tmp_path: Path) -> None:
    with pytest.raises(WeightsRefusedError, match="calibrate again"):
        tiny(tmp_path, name, sha256="0" * 64)


@every
def test_an_estimator_without_its_tokenizer_is_refused(name: Name, tmp_path: Path) -> None:
    save_tiny_scorer(tmp_path, name, seed=5)
    for file in ("vocab.txt", "vocab.json", "tokenizer.json"):
        (tmp_path / file).unlink(missing_ok=True)
    with pytest.raises(WeightsMissingError, match="has no vocab"):
        tiny(tmp_path, name)


def test_a_published_pickle_is_refused_with_the_way_to_convert_it(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "ImageReward.pt")
    with pytest.raises(WeightsRefusedError, match="convert_checkpoint"):
        load_scorer(Estimator(path=str(tmp_path)), device="cpu")


def test_a_file_that_only_ends_like_safetensors_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsRefusedError, match="not a whole safetensors file"):
        load_scorer(Estimator(path=str(tmp_path)), device="cpu")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match="nowhere"):
        load_scorer(Estimator(path=str(tmp_path / "nowhere")), device="cpu")


def test_an_installation_says_where_its_estimators_lie(tmp_path: Path) -> None:
    save_tiny_scorer(tmp_path / "imagereward", "imagereward", seed=5)
    spec = Estimator(path="imagereward")
    scorer = load_scorer(spec, device="cpu", folder_of=lambda path: tmp_path / path)
    assert scorer.score(["a"], pictures(1)).shape == (1,)
