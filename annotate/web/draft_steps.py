"""What a draft still needs before its launch, in order.

It must not check: `judging.launch` refuses what cannot be launched.
"""

from dataclasses import dataclass

from annotate.sampling.calibration import to_tune
from annotate.studies.models import Study
from annotate.web.samples import SampleCounts


@dataclass(frozen=True)
class Step:
    """Something to do, whether it is done, and where."""

    done: bool
    title: str
    text: str
    url: str
    action: str


def draft_steps(study: Study, *, samples: SampleCounts) -> list[Step]:
    """The steps of this draft: what is imported, made here or tuned depends on its methods."""
    people = study.memberships.filter(role="annotator", active=True).count()
    overlap = study.read_protocol().overlap
    different = "one" if overlap == 1 else f"{overlap} different ones"
    kinds = {method.kind for method in study.read_spec().methods}
    steps = [
        Step(
            study.contrasts.exists(),
            "Methods and a contrast",
            "Which methods are compared, and which pair of them is the main question.",
            "study-edit",
            "Edit the study",
        )
    ]
    if kinds - {"imported"}:
        steps.append(
            Step(
                bool(samples.prompts),
                "Prompts",
                "The prompts of the pictures that are made here, in a set of role test.",
                "study-edit",
                "Edit the study",
            )
        )
    if "imported" in kinds or not kinds:
        steps.append(
            Step(
                bool(samples.done),
                "Samples",
                "A manifest and the pictures, as a zip.",
                "study-import",
                "Import samples",
            )
        )
    if tasks := to_tune(study):
        tuned = sum(task.read.tuned is not None for task in tasks)
        steps.append(
            Step(
                tuned == len(tasks),
                "Cut-off thresholds",
                f"{tuned} of {len(tasks)} tuned. Student samples of other prompts are scored, and "
                "tau is read from the scores.",
                "study-thresholds",
                "Calibrate",
            )
        )
    return [
        *steps,
        Step(
            people >= overlap,
            "Annotators",
            f"{people} so far; a pair needs {different}. They can also join later.",
            "study-members",
            "Invite people",
        ),
        Step(
            False,
            "Launch",
            "Look at what would be judged, then open the study. This freezes the protocol"
            + (" and starts the making of pictures." if kinds - {"imported"} else "."),
            "study-launch",
            "Check and launch",
        ),
    ]
