"""What a study will cost is said before it is launched, and comes true where nothing is random."""

import random
from typing import Any

import pytest

from annotate.sampling.estimate import estimate
from annotate.sampling.expected import expected_pairs
from annotate.sampling.plan import plan_samples
from annotate.studies.models import Study
from generation.spec import read_arm
from tests.factories import ADAPTIVE, STUDENT, TEACHER, make_generated
from tests.sampling.test_plan import arm, finish, same_prompts

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]


def at(share: float, kind: str = "adaptive-refine", **changes: Any) -> tuple[str, dict[str, Any]]:
    recipe = ADAPTIVE["arm"] | changes
    return kind, {"arm": recipe, "threshold": {"percentile": share}}


def expected(study: Study) -> tuple[float, float, int]:
    reads = {
        m.pk: s.read_arm()
        for m in study.methods.all()
        for s in study.read_spec().methods
        if s.name == m.name
    }
    found = expected_pairs(study, reads)
    return found.pairs, found.identical, found.items


def test_means_follow_the_planned_share() -> None:
    methods = {"half": at(50), "teacher": ("teacher", TEACHER)}
    found = estimate(make_generated(prompts=4, contrasts=(("half", "teacher"),), methods=methods))
    half, teacher = found.arms
    assert (half.steps, half.forwards, half.rejected, half.images) == (15, 30, 0.5, 4)
    assert (teacher.steps, teacher.forwards, teacher.rejected) == (50, 100, None)
    assert (found.steps, found.seconds) == (4 * (15 + 50), None)


def test_a_student_that_two_arms_stand_on_is_paid_once() -> None:
    methods = {"half": at(50), "most": at(80), "teacher": ("teacher", TEACHER)}
    contrasts = (("half", "teacher"), ("most", "teacher"))
    found = estimate(make_generated(prompts=10, contrasts=contrasts, methods=methods))
    assert found.steps == pytest.approx(10 * (5 + 0.5 * 20 + 0.8 * 20 + 50))


def test_a_share_that_nobody_knows_is_priced_as_all() -> None:
    found = estimate(make_generated(prompts=2))
    adaptive = next(one for one in found.arms if one.kind == "adaptive-refine")
    assert (adaptive.rejected, adaptive.at_most, adaptive.steps) == (None, True, 25)
    assert found.at_most


def test_three_adaptive_arms_at_the_same_half_need_a_third_fewer_votes() -> None:
    """science.md A.2: kept images are one image, whatever the refinement beside them."""
    teachers = [ADAPTIVE["arm"]["teacher"] | {"steps": n} for n in (10, 20, 40)]
    methods = {f"a{t['steps']}": at(50, teacher=t) for t in teachers}
    contrasts = tuple((name, "teacher") for name in methods)
    study = make_generated(
        prompts=60, contrasts=contrasts, methods=methods | {"teacher": ("teacher", TEACHER)}
    )
    pairs, identical, items = expected(study)
    assert (items, identical) == (180, 0)
    assert pairs == pytest.approx(60 * (0.5 * 1 + 0.5 * 3))
    assert estimate(study).votes == 360
    assert estimate(study).votes_saved == 180


def test_kept_images_against_the_student_ask_nobody() -> None:
    methods = {"half": at(25), "student": ("student", STUDENT)}
    study = make_generated(prompts=40, contrasts=(("half", "student"),), methods=methods)
    assert expected(study) == (10, 30, 40)


def test_what_two_arms_improve_in_one_way_is_one_image_whoever_decided() -> None:
    lots = {"name": "random", "path": "random"}
    methods = {
        "half": at(50),
        "lot": ("adaptive-refine", at(0, estimator=lots)[1] | {"threshold": {"tau": 0.5}}),
        "teacher": ("teacher", TEACHER),
    }
    contrasts = (("half", "teacher"), ("lot", "teacher"))
    study = make_generated(prompts=8, contrasts=contrasts, methods=methods)
    # Both keep, both improve: one pair; they differ in half of the cases.
    assert expected(study) == (12, 0, 16)


def test_fresh_askings_save_only_what_is_identical() -> None:
    methods = {"half": at(50), "most": at(75), "student": ("student", STUDENT)}
    contrasts = (("half", "student"), ("most", "student"))
    study = make_generated(
        prompts=8, contrasts=contrasts, methods=methods, protocol={"reuse": "fresh"}
    )
    assert expected(study) == (10, 6, 16)


def test_the_expectation_is_the_mean_over_draws() -> None:
    methods = {
        "half": at(50),
        "most": at(80),
        "again": at(50, "adaptive-regenerate"),
        "student": ("student", STUDENT),
        "teacher": ("teacher", TEACHER),
    }
    contrasts = (
        ("half", "teacher"),
        ("most", "teacher"),
        ("again", "teacher"),
        ("half", "student"),
        ("most", "half"),
    )
    study = make_generated(prompts=1, contrasts=contrasts, methods=methods)
    rng, asked, draws = random.Random(5), 0, 4000
    for _ in range(draws):
        u = rng.random()
        image = {
            "half": "s" if u >= 0.5 else "r",
            "most": "s" if u >= 0.8 else "r",
            "again": "s" if u >= 0.5 else "g",
            "student": "s",
            "teacher": "t",
        }
        pairs = {frozenset((image[a], image[b])) for a, b in contrasts}
        asked += sum(len(pair) == 2 for pair in pairs)
    assert expected(study)[0] == pytest.approx(asked / draws, abs=0.06)


def test_what_is_there_and_what_was_measured_is_counted() -> None:
    first = make_generated(prompts=3, contrasts=(("student", "teacher"),))
    plan_samples(first)
    finish(first, arm(first, "teacher").digest, seconds=10.0, forwards=100)
    assert estimate(same_prompts(first, contrasts=(("student", "teacher"),))).seconds is None
    student = read_arm(arm(first, "student").settings["arm"])
    finish(first, student.digest(), seconds=1.0, forwards=10)
    again = estimate(same_prompts(first, contrasts=(("student", "teacher"),)))
    assert ([one.to_make for one in again.arms], again.seconds, again.steps) == ([0, 0], 0.0, 0)
    other = estimate(make_generated(prompts=5, contrasts=(("student", "teacher"),)))
    assert other.seconds == pytest.approx(5 * 11.0)
