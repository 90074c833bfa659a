"""`manage.py convert_checkpoint` at the level of a person who typed it."""

import io
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from django.core.management import CommandError, call_command
from safetensors.torch import load_file

from generation.weights import sha256_of

pytestmark = pytest.mark.torch


class Touch:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self.canary}",))


def test_a_checkpoint_is_converted_and_both_digests_are_said(tmp_path: Path) -> None:
    torch.save({"state_dict": {"unet.a": torch.ones(2, 3)}}, tmp_path / "a.ckpt")
    out = io.StringIO()
    target = tmp_path / "a.safetensors"
    call_command("convert_checkpoint", tmp_path / "a.ckpt", target, prefix="unet.", stdout=out)
    assert torch.equal(load_file(target)["a"], torch.ones(2, 3))
    assert "1 tensors, 6 parameters (float32)" in out.getvalue()
    assert sha256_of(tmp_path / "a.ckpt") in out.getvalue()
    assert sha256_of(target) in out.getvalue()


def test_a_malicious_checkpoint_is_refused_in_a_sentence(tmp_path: Path) -> None:
    torch.save({"a": Touch(tmp_path / "canary")}, tmp_path / "a.ckpt")
    with pytest.raises(CommandError, match="wants to build more than tensors"):
        call_command("convert_checkpoint", tmp_path / "a.ckpt", tmp_path / "a.safetensors")
    assert not (tmp_path / "canary").exists()
