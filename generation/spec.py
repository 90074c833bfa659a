"""What an arm is: the full recipe of a teacher, a student or an adaptive pair, and its digest.

Must not know torch: web and annotator processes read, check and digest recipes too.
"""

import hashlib
import json
from math import isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_serializer, model_validator

Side = Annotated[int, Field(ge=8, le=2048, multiple_of=8)]
Steps = Annotated[int, Field(ge=1, le=1000)]
# Weight of classifier-free guidance, w in eps_uncond + w (eps_text - eps_uncond); 1 is without.
Guidance = Annotated[float, Field(ge=0, le=50, allow_inf_nan=False)]


class Recipe(BaseModel):
    """A frozen part of an arm. Two equal recipes have one digest, whoever wrote them."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    def digest(self) -> str:
        """SHA-256 over the canonical JSON of every field, defaults included."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


class Weights(Recipe):
    """A pipeline in diffusers format, by folder or hub id, pinned so that it stays the same one."""

    path: Annotated[str, Field(min_length=1, max_length=500)]
    # Commit of a hub id; empty for a folder.
    revision: str = ""
    # SHA-256 over every file that a load reads, by name (`pipelines.weights_digest`); empty
    # accepts what is there, and the record of each image says what it was.
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    variant: str = ""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    # A UNet of its own in the pipeline's place (a distilled student), folder or safetensors file.
    unet: str = ""
    # LoRA adapters on top (a LoRA student), folder or safetensors file.
    lora: str = ""


class Teacher(Recipe):
    """The many-step model by a deterministic solver."""

    kind: Literal["teacher"] = "teacher"
    model: Weights
    scheduler: Literal["ddim", "unipc", "dpm++"] = "ddim"
    steps: Steps = 50
    guidance: Guidance = 8.0
    negative_prompt: str = ""
    # Pixels of the image; None takes the model's native size.
    height: Side | None = None
    width: Side | None = None
    # SDXL's refiner is told how aesthetic the picture should be (and the negative one should not).
    aesthetic_score: float = 6.0
    negative_aesthetic_score: float = 2.5
    # The null arm of honest work: another seed for the same recipe ("" is the study's own).
    noise: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,20}$")] = ""


class Student(Recipe):
    """The distilled few-step model.

    `consistency`: multistep stochastic sampler with ordinary guidance (CD-SD1.5). `lcm`: guidance
    embedded in the network. `add`: ADD / Turbo, without guidance.
    """

    kind: Literal["student"] = "student"
    model: Weights
    sampler: Literal["consistency", "lcm", "add"] = "consistency"
    steps: Steps = 5
    guidance: Guidance = 8.0
    # The released sampler evaluates the network once more at t = 1, to no effect but noise.
    legacy_tail: bool = False
    height: Side | None = None
    width: Side | None = None

    @model_validator(mode="after")
    def _tail_is_of_the_consistency_sampler(self) -> Self:
        if self.legacy_tail and self.sampler != "consistency":
            raise ValueError(
                f"legacy_tail=true with sampler={self.sampler!r}; only the consistency sampler has "
                "that tail. Remove legacy_tail or set sampler='consistency'."
            )
        return self


class Estimator(Recipe):
    """What scores a sample without a reference (`generation.estimators`)."""

    # random: a lot drawn by prompt and pixels, the control that a real estimator has to beat.
    name: Literal["imagereward", "pickscore", "clip", "hpsv2", "reference", "random"] = (
        "imagereward"
    )
    path: Annotated[str, Field(min_length=1, max_length=500)]
    revision: str = ""
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"


class Adaptive(Recipe):
    """Algorithm 1: keep the student's sample if it scores at least tau, else the teacher improves.

    `threshold` is tau; -inf keeps every sample, +inf none (refine-all, its mirror the student arm).
    `rollback` is sigma; at sigma = 1 nothing of the sample is left and the arm IS a regeneration,
    so it is stored as one and has the digest of one.
    """

    kind: Literal["adaptive"] = "adaptive"
    student: Student
    teacher: Teacher
    estimator: Estimator
    threshold: Annotated[float, Field(allow_inf_nan=True)]
    strategy: Literal["refine", "regenerate"] = "refine"
    rollback: Annotated[float, Field(gt=0, le=1)] = 0.7
    # variance: 1 - alpha_bar(t) = sigma, as Algorithm 1 prints it. strength: a fraction of the
    # timesteps, as the authors' released code computes it.
    rollback_kind: Literal["variance", "strength"] = "variance"
    rollback_from: Literal["latents", "image"] = "latents"
    # shared: the teacher starts from the noise that the baseline teacher starts from.
    regenerate_noise: Literal["fresh", "shared"] = "fresh"

    @model_validator(mode="before")
    @classmethod
    def _full_rollback_is_regeneration(cls, data: Any) -> Any:
        if isinstance(data, dict):
            data = dict(data)
            if data.get("rollback") == 1:
                data["strategy"] = "regenerate"
            if data.get("strategy") == "regenerate":
                # They say nothing of a regeneration: set alike, so that equal arms are equal.
                data |= {"rollback": 1, "rollback_kind": "variance", "rollback_from": "latents"}
            else:
                data.pop("regenerate_noise", None)
        return data

    @field_serializer("threshold", when_used="json")
    def _infinities_are_words(self, threshold: float) -> float | str:
        # JSON has no infinity, and databases refuse what json.dumps writes for it.
        if isfinite(threshold):
            return threshold
        return "Infinity" if threshold > 0 else "-Infinity"

    @model_validator(mode="after")
    def _threshold_is_a_number(self) -> Self:
        if self.threshold != self.threshold:
            raise ValueError(
                "threshold is not a number (nan), which would keep every sample without a word. "
                "Give tau, or -inf to keep all, or inf to improve all."
            )
        return self


Arm = Annotated[Teacher | Student | Adaptive, Field(discriminator="kind")]
_arm: TypeAdapter[Teacher | Student | Adaptive] = TypeAdapter(Arm)


def read_arm(data: dict[str, Any]) -> Teacher | Student | Adaptive:
    """An arm from plain data (as `model_dump(mode="json")` writes it).

    Raises:
        pydantic.ValidationError: a field is missing, unknown or outside what is allowed.
    """
    return _arm.validate_python(data)
