"""The demo on the reference models: two studies sampled here, the exact judge's truth of them.

It must not start processes, print or wait; the `demo` command does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from annotate.cli.demo import SEED, TEMPERS
from annotate.cli.demo_run import DemoError
from annotate.cli.simulated_annotator import SimulatedAnnotator
from annotate.cli.simulation import enlist
from annotate.cli.worth import truths
from annotate.people.models import User
from annotate.sampling.samples import finished
from annotate.sampling.storage import pixels_of
from annotate.studies.models import Method, Prompt, PromptSet, Study
from annotate.studies.recipes import reference
from annotate.studies.spec import StudySpec
from generation.reference.s1 import judge
from generation.reference.s1.kept import S1, World

# With 64 prompts the demo takes a minute and a half on two quiet cores: the limit is six.
JUDGED, YOURS, TUNING = 64, 12, 64
# Of pictures made for other captions of this world so many are right all the same
# (docs/results/reference-world.md, "shuffled captions").
CHANCE = 0.037


def plan(
    *, judged: int = JUDGED, yours: int = YOURS, tuning: int = TUNING, world: World = S1
) -> tuple[StudySpec, StudySpec]:
    """The study that programs judge and the one left for a person, on different prompts."""
    texts = reference.judged_prompts(judged + yours, seed=SEED)
    tune = reference.tuning_prompts(tuning, seed=SEED)
    # Programs look as fast as they can: no minimum time, so that none of their votes is too fast.
    first = reference.reference_study(
        "Demo: adaptive refinement against its teacher",
        texts[:judged],
        tune=tune,
        world=world,
        description="Teacher, student and adaptive samples of the reference models, made by this "
        "installation's worker and judged by three simulated annotators over HTTP.",
        public_name="Shapes and grounds",
        protocol={"min_view_ms": 0, "seed": SEED},
    )
    # One annotator is enough here, so that your own answers become verdicts at once.
    second = reference.reference_study(
        "Demo: for you to judge",
        texts[judged:],
        tune=tune,
        contrasts=((reference.REFINE, reference.TEACHER),),
        world=world,
        description="Other prompts, judged by nobody yet. One vote decides a pair here.",
        public_name="Shapes and grounds",
        protocol={"overlap": 1, "min_votes": 1, "phone": True, "seed": SEED},
    )
    return first, second


def find(spec: StudySpec, *, owner: User) -> Study | None:
    """The study when an earlier run has made it, with the same weights and prompts."""
    made = Study.objects.filter(owner=owner, name=spec.name).order_by("-pk")
    return next((study for study in made if _asks_the_same(study.read_spec(), spec)), None)


def _asks_the_same(a: StudySpec, b: StudySpec) -> bool:
    def content(spec: StudySpec) -> object:
        arms = [(m.name, m.read_arm().recipe, m.read_arm().rule) for m in spec.methods]
        # Worked pairs are added as a study is made, and change no answer's meaning.
        protocol = spec.protocol.model_copy(update={"examples": ()})
        return arms, spec.contrasts, spec.prompt_sets, protocol

    return content(a) == content(b)


@dataclass(frozen=True)
class FullyRight:
    """How many of an arm's pictures show all that their prompts ask, by the exact judge.

    `low` and `high` are Wilson's 95 % interval.
    """

    label: str
    right: int
    n: int
    low: float
    high: float

    @property
    def trained(self) -> bool:
        """Whether its pictures follow their prompts more than those of other prompts do."""
        return self.low > CHANCE

    def __str__(self) -> str:
        return (
            f"{self.label}: {100 * self.right / self.n:.0f} % of {self.n} pictures fully right "
            f"[{100 * self.low:.0f}, {100 * self.high:.0f}]"
        )


@dataclass(frozen=True)
class Judged:
    """What the exact judge says of a study's pictures: truth records by content, shares by arm."""

    truths: dict[str, dict[str, float]]
    arms: tuple[FullyRight, ...]


def judge_pictures(study: Study) -> Judged:
    """Hold every finished picture of the study against its prompt.

    Raises:
        DemoError: an arm has no picture.
    """
    methods = list(study.methods.order_by("order", "pk"))
    tests = study.prompt_sets.filter(role=PromptSet.Role.TEST)
    prompts = list(Prompt.objects.filter(prompt_set__in=tests))
    records: dict[str, dict[str, float]] = {}
    arms = []
    for method in methods:
        shown = list(_pictures(study, method, prompts))
        if not shown:
            raise DemoError(f"{method} has no picture yet; start again to go on.")
        texts, digests = zip(*shown, strict=True)
        verdict = judge.judge(texts, np.stack([pixels_of(digest) for digest in digests]))
        records |= dict(zip(digests, verdict.truths(), strict=True))
        arms.append(_share(str(method), verdict))
    return Judged(records, tuple(arms))


def _pictures(study: Study, method: Method, prompts: list[Prompt]) -> Iterator[tuple[str, str]]:
    """(prompt, picture's digest) of a method's finished samples."""
    images = finished([method], seed=study.read_protocol().seed)
    for prompt in prompts:
        for image in images.get((method.digest, prompt.digest), {}).values():
            yield prompt.text, image.digest


def _share(label: str, verdict: judge.Verdict) -> FullyRight:
    right, n = int(verdict.fully.sum()), len(verdict.fully)
    interval = binomtest(right, n).proportion_ci(method="wilson")
    return FullyRight(label, right, n, float(interval.low), float(interval.high))


def refuse_untrained(judged: Judged) -> None:
    """The demo is about trained models: pictures of noise are not put before anybody.

    Raises:
        DemoError: an arm's pictures follow their prompts no more than chance would.
    """
    if bad := [str(arm) for arm in judged.arms if not arm.trained]:
        raise DemoError(
            "the pictures do not come from a trained model: "
            f"{'; '.join(bad)}; other prompts' pictures reach {100 * CHANCE:.1f} % by chance. "
            "Restore generation/reference/weights from the repository, or train them with "
            "`make reference-world`."
        )


def make_crowd(study: Study, judged: Judged, *, url: str) -> list[SimulatedAnnotator]:
    """Three simulated annotators: the exact judge, and what each of them gets wrong."""
    accounts = enlist(study, len(TEMPERS))
    truth_of = truths(judged.truths, source="the judge's records")
    return [
        SimulatedAnnotator(
            account, temper, url=url, study=str(study.uid), truth_of=truth_of, seed=SEED
        )
        for account, temper in zip(accounts, TEMPERS, strict=True)
    ]
