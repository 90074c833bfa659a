"""Models stay loaded as long as there is room, and batches shrink to what the device holds."""

import math

import numpy as np
import pytest
import torch

from generation.engine import Models
from generation.errors import DoesNotFit, WeightsMissingError
from generation.spec import Estimator, Student, Weights
from tests.generation.production import (
    WatchedModels,
    adaptive,
    distilled,
    made,
    student,
    teacher,
)
from tests.generation.tiny_models import weights

pytestmark = pytest.mark.torch


class Device:
    """Memory for so many rows at a time."""

    def __init__(self, rows):
        self.rows = rows
        self.tried = []

    def __call__(self, rows):
        self.tried.append(rows)
        if rows > self.rows:
            raise torch.OutOfMemoryError(f"{rows} rows")


def test_out_of_memory_halves_the_batch_and_remembers():
    # Guidance doubles the rows: five images would be ten.
    device = Device(rows=5)
    by = WatchedModels(batch=8, before=device)
    outcome = made([student()], by=by)
    assert device.tried[:3] == [16, 8, 4]
    assert [run.rows for run in outcome.spent.batches] == [2, 2, 2, 2]
    assert by.batch_size(student()) == 2
    device.tried.clear()
    made([student(steps=1)], by=by)
    assert device.tried == [4, 4, 4, 4]


def test_what_did_not_fit_at_once_is_the_same_image_in_parts():
    whole = made([adaptive(math.inf)], by=WatchedModels(batch=8))
    parts = made([adaptive(math.inf)], by=WatchedModels(batch=8, before=Device(rows=6)))
    assert np.abs(whole.images(0) - parts.images(0)).max() <= 2
    assert parts.spent.forwards == whole.spent.forwards


def test_a_single_image_that_does_not_fit_is_said_plainly():
    outcome = made([student()], by=WatchedModels(batch=4, before=Device(rows=1)))
    assert (len(outcome.made), len(outcome.spent.failed)) == (0, 8)
    (reason,) = set(outcome.spent.failed.values())
    assert reason.startswith("one image of ")
    assert "does not fit the memory of cpu. Ways out: set a smaller height and width" in reason
    assert "set dtype='bfloat16'" in reason


def test_a_way_out_is_told_only_where_it_is_open():
    told = str(DoesNotFit.at_all("it", device="cuda:0", dtype="bfloat16", size=False))
    assert told == (
        "it does not fit the memory of cuda:0. Ways out: end what else uses this GPU (nvidia-smi "
        "lists it); use a device with more memory."
    )


def test_a_single_image_gets_the_memory_of_the_other_pipelines_first():
    by = WatchedModels(batch=1, before=Device(rows=1))
    by.bundle(teacher().model)
    by.bundle(student().model)
    by.too_many(student(), 1)
    assert by.resident() == (student().model.digest(),)
    with pytest.raises(DoesNotFit):
        by.too_many(student(), 1)


def test_a_pipeline_is_loaded_once():
    by = WatchedModels(batch=4)
    made([student(), adaptive(math.inf)], by=by)
    made([teacher()], by=by)
    assert sorted(by.loaded) == sorted({student().model.digest(), teacher().model.digest()})


def test_the_pipeline_unused_for_longest_makes_room():
    by = WatchedModels(batch=1, resident=2)
    one, two, three = weights("sd"), distilled(), weights("sdxl")
    by.bundle(one)
    by.bundle(two)
    by.bundle(one)
    by.bundle(three)
    assert by.resident() == (one.digest(), three.digest())


def test_pipelines_share_text_encoders_and_codecs():
    by = Models(batch=1)
    first, second = by.bundle(weights("sd")), by.bundle(distilled())
    assert first.vae is second.vae
    assert first.text_encoders[0] is second.text_encoders[0]
    assert first.unet is not second.unet


def test_batch_sizes_belong_to_a_model_and_a_size():
    by = WatchedModels(batch=8)
    by.bundle(student().model)
    by.too_many(student(), 8)
    assert by.batch_size(student(steps=7)) == 4
    assert by.batch_size(student(height=128)) == 8
    assert by.batch_size(teacher()) == 8


def test_paths_are_looked_up_where_the_installation_keeps_them(tmp_path):
    places = {"sd15": weights("sd").path}
    by = Models(folder_of=lambda path: tmp_path / places.get(path, path))
    assert by.bundle(Weights(path="sd15")).path == weights("sd").path
    with pytest.raises(WeightsMissingError, match="elsewhere"):
        by.bundle(Weights(path="elsewhere"))
    with pytest.raises(WeightsMissingError, match="elsewhere"):
        by.scorer(Estimator(path="elsewhere"))


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"resident": 0}])
def test_no_room_at_all_is_refused(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        Models(**wrong)


def test_batches_are_padded_to_one_shape_for_compiled_networks():
    class Uncompiled(WatchedModels):
        """As with compile=True, without the minutes that compiling takes."""

        def _prepare(self, bundle):
            self.compile = True

    by = Uncompiled(batch=3)
    outcome = made([student(guidance=1.0)], by=by)
    assert set(by.calls) == {3}
    assert [run.rows for run in outcome.spent.batches] == [3, 3, 2]
    assert len(outcome.made) == 8
    last = outcome.of(0)[-1].record["runs"][0]["batch"]
    assert (last["size"], last["position"], len(last["members"])) == (3, 1, 2)
    plain = made([Student(model=distilled(), steps=2, guidance=1.0)], by=WatchedModels(batch=3))
    assert np.abs(plain.images(0) - outcome.images(0)).max() <= 2
