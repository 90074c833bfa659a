"""A lot is uniform, drawn once and for all, and blind to everything but whose it is."""

import numpy as np
import pytest

from generation.estimators import load_scorer
from generation.spec import Estimator
from tests.generation.estimators.arrange import PROMPTS, pictures

pytestmark = pytest.mark.torch

SPEC = Estimator(name="random", path="random")


def lots(prompts, images, spec=SPEC):
    return load_scorer(spec, device="cpu").score(prompts, images)


def test_a_lot_depends_on_its_own_prompt_and_picture_alone():
    images = pictures(8)
    together = lots(PROMPTS, images)
    alone = [lots([prompt], [image])[0] for prompt, image in zip(PROMPTS, images, strict=True)]
    assert together.tolist() == alone
    assert len(set(alone)) == 8
    assert lots(["é"], images[:1]) == lots(["e\u0301"], images[:1])


def test_lots_are_uniform_so_that_tau_is_the_share_improved():
    image = pictures(1)[0]
    drawn = lots([f"prompt {i}" for i in range(4000)], [image] * 4000)
    assert drawn.dtype == np.float32
    assert 0 <= drawn.min() < drawn.max() < 1
    for k in (10, 50, 70):
        # Four standard errors of a share among 4000.
        assert (drawn < k / 100).mean() == pytest.approx(k / 100, abs=4 * 0.5 / 4000**0.5)


def test_another_lottery_draws_other_lots():
    images = pictures(8)
    other = SPEC.model_copy(update={"path": "second"})
    assert (lots(PROMPTS, images) != lots(PROMPTS, images, other)).all()


def test_a_picture_of_another_shape_draws_another_lot():
    image = pictures(1)[0]
    turned = image.reshape(image.shape[1], image.shape[0], 3)
    assert lots(["a"], [image]) != lots(["a"], [turned])


def test_prompts_without_pictures_are_refused():
    with pytest.raises(ValueError, match="one prompt per image"):
        lots(["a", "b"], pictures(1))
