"""Which part of a checkpoint are its weights: found where usual, asked for elsewhere."""

from typing import Any

import pytest
import torch

from generation.checkpoints import USUAL_KEYS, NotTheseWeights, compare, cut, weights_in

pytestmark = pytest.mark.torch

ONE = torch.ones(1)


@pytest.mark.parametrize("key", USUAL_KEYS)
def test_weights_are_found_where_training_scripts_put_them(key: str) -> None:
    assert weights_in({key: {"a": ONE}, "step": 3}, "") == (key, {"a": ONE})


def test_a_plain_state_dict_is_its_own_weights() -> None:
    assert weights_in({"a": ONE}, "") == ("", {"a": ONE})


@pytest.mark.parametrize(
    ("loaded", "key", "says"),
    [
        (
            {"model": {"a": ONE}, "ema": {"a": ONE}},
            "",
            r"no weights at the usual places; there are model \(dict\), ema \(dict\)",
        ),
        ({"state_dict": {"a": ONE}}, "weights", r"has no 'weights'; there are state_dict"),
        ({"state_dict": {"a": ONE}}, "state_dict.a.b", "there is a Tensor"),
        ({"a": ONE, "step": 3}, "", r"step \(int\)"),
        ({"a": ONE, "step": 3}, "step", "has no weights at 'step'"),
        ({1: ONE}, "", "no weights at the usual places"),
        ([ONE], "", "there is a list"),
        ({}, "", "no weights at the usual places"),
    ],
)
def test_weights_not_to_be_found_say_what_is_there_instead(
    loaded: Any, key: str, says: str
) -> None:
    with pytest.raises(NotTheseWeights, match=says):
        weights_in(loaded, key)


def test_a_key_with_dots_chooses_between_weights() -> None:
    loaded = {"nested": {"model": {"a": 0 * ONE}, "ema": {"a": ONE}}}
    assert weights_in(loaded, "nested.ema") == ("nested.ema", {"a": ONE})


def test_a_prefix_keeps_its_keys_and_goes() -> None:
    assert cut({"unet.a": ONE, "vae.a": 2 * ONE}, "unet.") == {"a": ONE}
    with pytest.raises(
        NotTheseWeights, match=r"no key that starts with 'clip\.'; there are unet\.a"
    ):
        cut({"unet.a": ONE}, "clip.")


@pytest.mark.parametrize(
    ("here", "says"),
    [
        ({"a": (1,)}, r"1 missing \(b\)"),
        ({"a": (1,), "b": (2, 3), "c": (1,), "d": (1,)}, r"2 unknown \(c, d\)"),
        ({"a": (1,), "b": (3, 2)}, r"1 of the wrong shape \(b\)"),
    ],
)
def test_another_network_s_names_and_shapes_are_refused(
    here: dict[str, tuple[int, ...]], says: str
) -> None:
    like = {"a": (1,), "b": (2, 3)}
    compare(like, like)
    with pytest.raises(NotTheseWeights, match=says):
        compare(here, like)
