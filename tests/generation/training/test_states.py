"""A run's state comes back as it was, and from a file that can run no code."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from generation.training import states

pytestmark = pytest.mark.torch

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
KEYS = st.integers() | st.text()
NESTED = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner),
    max_leaves=10,
)


@given(state=st.dictionaries(st.text(), NESTED))
def test_plain_values_come_back_with_their_types(
    tmp_path_factory: pytest.TempPathFactory, state: dict[str, Any]
) -> None:
    file = tmp_path_factory.mktemp("state") / "state.safetensors"
    states.save(state, file)
    assert repr(states.load(file)) == repr(state)


def test_an_optimiser_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    def train(steps: int, *, stop_at: int | None) -> torch.Tensor:
        torch.manual_seed(0)
        layer = torch.nn.Linear(4, 4)
        optimiser = torch.optim.AdamW(layer.parameters(), lr=0.1, betas=(0.9, 0.99))
        for step in range(steps):
            if step == stop_at:
                states.save(
                    {"net": layer.state_dict(), "opt": optimiser.state_dict()}, tmp_path / "s"
                )
                layer = torch.nn.Linear(4, 4)
                optimiser = torch.optim.AdamW(layer.parameters(), lr=0.5)
                back = states.load(tmp_path / "s")
                layer.load_state_dict(back["net"])
                optimiser.load_state_dict(back["opt"])
            optimiser.zero_grad()
            layer(torch.full((1, 4), float(step))).square().sum().backward()
            optimiser.step()
        return layer.weight.detach()

    assert torch.equal(train(6, stop_at=None), train(6, stop_at=3))


def test_tensors_that_share_memory_come_back_apart(tmp_path: Path) -> None:
    one = torch.arange(4.0)
    states.save({"a": one, "b": [one, one[1:]]}, tmp_path / "s")
    back = states.load(tmp_path / "s")
    back["a"].zero_()
    assert torch.equal(back["b"][0], one)
    assert torch.equal(back["b"][1], one[1:])


def test_channels_last_come_back_last(tmp_path: Path) -> None:
    last = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    states.save({"a": last, "b": torch.randn(2, 3, 4, 5)}, tmp_path / "s")
    back = states.load(tmp_path / "s")
    assert torch.equal(back["a"], last)
    assert back["a"].stride() == last.stride()
    assert back["b"].is_contiguous()


def test_what_would_not_come_back_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="is a set; a run's state holds tensors"):
        states.save({"a": {1, 2}}, tmp_path / "s")
