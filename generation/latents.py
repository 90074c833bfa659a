"""A student's latents on their way to a teacher: which arms hand them over, and whether they fit.

Must not know queues, batches or where samples are kept.
"""

import math
from collections.abc import Mapping

from generation.adaptive import StudentKey
from generation.engine import Models
from generation.errors import CANNOT
from generation.provenance import recorded_model
from generation.rollback import check_shared_latents
from generation.samples import Known
from generation.spec import Adaptive


def hands_latents(arm: Adaptive) -> bool:
    """Whether a teacher may get the student's latents by this arm."""
    refines = arm.strategy == "refine" and arm.rollback_from == "latents"
    return refines and arm.threshold > -math.inf


class Misfits:
    """Why a student's latents cannot go to a teacher; each pair of models is asked about once."""

    def __init__(self, models: Models, known: Mapping[StudentKey, Known]) -> None:
        self._models = models
        self._known = known
        # By the student's VAE, or its recipe, and the teacher's recipe.
        self._reasons: dict[tuple[str, str], str] = {}

    def reason(self, arm: Adaptive, key: StudentKey) -> str:
        """In plain words; "" if they can go there, or never do.

        A stored sample goes by the VAE of its record, whatever lies at the student's path by now.
        """
        if not hands_latents(arm):
            return ""
        stored = recorded_model(self._known[key].record) if key in self._known else None
        vae = stored.weights.get("vae", "") if stored else arm.student.model.digest()
        pair = vae, arm.teacher.model.digest()
        if pair not in self._reasons:
            try:
                student = stored or self._models.bundle(arm.student.model)
                check_shared_latents(student, self._models.bundle(arm.teacher.model))
                self._reasons[pair] = ""
            except CANNOT as error:
                self._reasons[pair] = str(error)
        return self._reasons[pair]
