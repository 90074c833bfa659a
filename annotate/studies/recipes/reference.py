"""A study on the reference world: teacher, student and both adaptive arms as one specification.

Its weights come with the program, so it runs wherever torch does. It must know no database.
"""

import math
from collections.abc import Sequence
from typing import Any

from annotate.studies.spec import StudySpec, parse_spec
from generation.reference.s1.kept import S1, World
from generation.reference.s1.words import prompts
from generation.spec import Estimator, Recipe, Student, Teacher

TEACHER, STUDENT, REFINE, REGENERATE, REFINE_ALL = (
    "teacher",
    "student",
    "refine",
    "regenerate",
    "refine-all",
)
# Steps of the teacher's baseline, of the student, and of the teacher that improves; the share of
# student samples that it improves, in percent. Mean steps: 2 + 20 / 2 = 12.
TEACHER_STEPS, STUDENT_STEPS, IMPROVING_STEPS, PERCENTILE = 50, 2, 20, 50
# The primary one first. Student and refine-all against one teacher are the branches of Figure 16.
CONTRASTS = (
    (REFINE, TEACHER),
    (REGENERATE, TEACHER),
    (STUDENT, TEACHER),
    (REFINE_ALL, TEACHER),
)


def judged_prompts(n: int, *, seed: int) -> list[str]:
    """n captions that neither training nor tuning has seen."""
    return prompts("test", n, seed=seed)


def tuning_prompts(n: int, *, seed: int) -> list[str]:
    """n captions of the validation part: no test prompt is ever among them."""
    return prompts("validation", n, seed=seed)


def reference_study(
    name: str,
    test: Sequence[str],
    *,
    tune: Sequence[str],
    contrasts: Sequence[tuple[str, str]] = CONTRASTS,
    world: World = S1,
    **more: Any,
) -> StudySpec:
    """The study that judges these contrasts over the test prompts.

    Args:
        test: captions of the world to judge.
        tune: captions that thresholds are tuned on; none where no arm has one.
        contrasts: of the names above, the primary one first; its arms are those they name.
        world: whose weights.
        more: further fields of the specification (description, public_name, protocol).

    Raises:
        SpecError: the specification cannot be used.
        WeightsMissingError: there are no weights of the world here.
    """
    named = {arm for contrast in contrasts for arm in contrast}
    written = _methods(world)
    data = {
        "name": name,
        "prompt_sets": [
            _prompt_set(f"{name}, {role}", role, texts, mark)
            for role, texts, mark in (("test", test, "s"), ("tune", tune, "v"))
            if texts
        ],
        "methods": [method for method in written if method["name"] in named],
        "contrasts": [
            {"a": a, "b": b, "primary": place == 0} for place, (a, b) in enumerate(contrasts)
        ],
    }
    return parse_spec(data | more)


def _methods(world: World) -> list[dict[str, Any]]:
    student, teacher = world.student(STUDENT_STEPS), world.teacher(TEACHER_STEPS)
    improving = world.teacher(IMPROVING_STEPS, scheduler="unipc")
    parts = _parts(student, improving, world.estimator())
    tuned = {"percentile": float(PERCENTILE)}
    return [
        _method(TEACHER, f"{teacher.steps}-step teacher", "teacher", _arm(teacher)),
        _method(STUDENT, f"{student.steps}-step student", "student", _arm(student)),
        _method(REFINE, "Adaptive refinement", "adaptive-refine", parts, tuned),
        _method(REGENERATE, "Adaptive regeneration", "adaptive-regenerate", parts, tuned),
        _method(REFINE_ALL, "All refined", "adaptive-refine", parts, {"tau": math.inf}),
    ]


def _parts(student: Student, teacher: Teacher, estimator: Estimator) -> dict[str, Any]:
    return {"student": _arm(student), "teacher": _arm(teacher), "estimator": _arm(estimator)}


def _arm(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json")


def _method(
    name: str,
    label: str,
    kind: str,
    arm: dict[str, Any],
    threshold: dict[str, float] | None = None,
) -> dict[str, Any]:
    settings = {"arm": arm} | ({"threshold": threshold} if threshold else {})
    return {"name": name, "label": label, "kind": kind, "settings": settings}


def _prompt_set(name: str, role: str, texts: Sequence[str], mark: str) -> dict[str, Any]:
    rows = [{"id": f"{mark}{n:03d}", "text": text} for n, text in enumerate(texts, start=1)]
    return {"name": name[:120], "role": role, "prompts": rows}
