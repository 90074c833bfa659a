"""Which GPUs there are, as the driver's program says it."""

import stat
import time

from annotate.cli import sampling_children


def test_a_driver_that_does_not_answer_is_said_and_not_waited_for(tmp_path, monkeypatch, caplog):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexec sleep 30\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(sampling_children, "PATIENCE", 0.1)
    began = time.monotonic()
    assert sampling_children.gpus() == []
    assert time.monotonic() - began < 20
    assert "did not say within 0.1 s which GPUs there are" in caplog.text
