"""Refuses thresholds where they do not belong: another student's, or tuned on prompts under test.

It must not tune any (sampling.calibration does).
"""

from collections.abc import Iterable, Sequence

from annotate.sampling.models import Threshold
from annotate.studies.arms import Json, ReadArm
from annotate.studies.models import Method, Prompt, PromptSet, Study
from generation import threshold as tuned
from generation.errors import ThresholdRefused
from generation.spec import Adaptive, Estimator, Student

Validation = tuned.Validation


def threshold_refusals(study: Study) -> list[str]:
    """Why the study's thresholds may not be used; a line for each method that has no right one."""
    refusals = []
    test = test_prompts(study)
    for method in study.read_spec().methods:
        if method.kind.startswith("adaptive"):
            read = method.read_arm()
            if (why := _refusal(read, test)) is not None:
                refusals.append(f"Method {method.name!r}: {why}")
    return refusals


def _refusal(read: ReadArm, test: Sequence[Validation]) -> str | None:
    if read.arm is None:
        return (
            f"its threshold ({read.rule}) has not been tuned. Calibrate it (calibrate_threshold, "
            "or launch_study --calibrate), or set tau."
        )
    if read.tuned is None or not isinstance(read.arm, Adaptive):
        return None
    rows = Threshold.objects.select_related("calibration__prompt_set")
    stored = rows.filter(pk=read.tuned.threshold).first()
    if stored is None:
        return (
            f"its threshold names calibration {read.tuned.threshold}, which is not stored here. "
            "Calibrate it again, or set tau without a calibration."
        )
    calibration = stored.calibration
    prompts = distinct(calibration.prompt_set) if calibration.prompt_set else []
    try:
        exact = tuned.Calibration.of(
            calibration.scores,
            validations(prompts),
            student=Student.model_validate(calibration.provenance["student"]),
            estimator=Estimator.model_validate(calibration.provenance["estimator"]),
            percentile=stored.percentile,
        )
        exact.refuse_arm(read.arm)
        tuned.refuse_overlap(validations(prompts), test)
    except ThresholdRefused as error:
        return str(error)
    return None


def provenance(method: Method) -> Json:
    """Where an adaptive method's tau is from, for the record of each of its samples.

    {"threshold": {"tau", "rule", …}}: of a tuned one also the stored threshold, k, the calibration
    with the digests of its scores and prompts, and its prompt set. {} for other methods.
    """
    kept = method.settings
    if "threshold" not in kept:
        return {}
    said: Json = {"tau": kept["arm"].get("threshold"), "rule": kept["threshold"]}
    rows = Threshold.objects.select_related("calibration__prompt_set")
    stored = rows.filter(pk=kept.get("tuned", {}).get("threshold")).first()
    if stored is not None:
        calibration = stored.calibration
        said |= {
            "threshold": stored.pk,
            "percentile": stored.percentile,
            "calibration": calibration.pk,
            "scores": len(calibration.scores),
            "scores_digest": calibration.scores_digest,
            "prompts_digest": calibration.prompts_digest,
            "prompt_set": str(calibration.prompt_set or ""),
        }
    return {"threshold": said}


def test_prompts(study: Study) -> list[Validation]:
    sets = study.prompt_sets.filter(role=PromptSet.Role.TEST)
    return validations(Prompt.objects.filter(prompt_set__in=sets))


def validations(prompts: Iterable[Prompt]) -> list[Validation]:
    return [Validation(prompt.text, prompt.group) for prompt in prompts]


def distinct(prompt_set: PromptSet) -> list[Prompt]:
    """The set's prompts in order, each text once: equal texts have one sample."""
    by_text: dict[str, Prompt] = {}
    for prompt in prompt_set.prompts.order_by("order"):
        by_text.setdefault(prompt.digest, prompt)
    return list(by_text.values())
