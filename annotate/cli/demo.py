"""What the demo consists of: two studies of drawn scenes, who judges them, and the ways in.

It must not start processes or print; the `demo` command does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from annotate.cli.demo_examples import teach
from annotate.cli.demo_samples import MANIFEST, TRUTH, is_rendered, render_samples
from annotate.cli.simulated_annotator import SimulatedAnnotator, Temper
from annotate.cli.simulation import enlist
from annotate.cli.worth import read_truth
from annotate.judging.launch import launch
from annotate.judging.queue import is_complete
from annotate.people.invitations import invite, withdraw
from annotate.people.models import Invitation, Role, User
from annotate.sampling.importing import import_samples
from annotate.studies.create import create_study
from annotate.studies.lifecycle import move
from annotate.studies.members import invite_to_study
from annotate.studies.models import Membership, Study
from annotate.studies.spec import StudySpec, parse_spec
from generation.reference.defects import Defect, MethodProfile
from generation.reference.scenes import Scene, sample_scenes

OWNER = "demo"
JUDGED, YOURS = "judged", "yours"
SEED = 20260302
NOTE = "printed by the demo"
LIFETIME = timedelta(days=1)

# How often each method makes which mistake; what is left to 1 has none.
CAREFUL = MethodProfile(
    "careful",
    {
        Defect.WRONG_COLOUR: 0.05,
        Defect.WRONG_COUNT: 0.06,
        Defect.WRONG_SHAPE: 0.02,
        Defect.BLUR: 0.04,
        Defect.NOISE: 0.02,
        Defect.WASHED_OUT: 0.04,
    },
)
BASELINE = MethodProfile(
    "baseline",
    {
        Defect.WRONG_COLOUR: 0.13,
        Defect.WRONG_COUNT: 0.15,
        Defect.WRONG_SHAPE: 0.06,
        Defect.BLUR: 0.09,
        Defect.NOISE: 0.05,
        Defect.WASHED_OUT: 0.07,
    },
)
FAST = MethodProfile(
    "fast",
    {
        Defect.WRONG_COLOUR: 0.15,
        Defect.WRONG_COUNT: 0.22,
        Defect.WRONG_SHAPE: 0.09,
        Defect.BLUR: 0.22,
        Defect.NOISE: 0.08,
        Defect.WASHED_OUT: 0.08,
    },
)
# No two people judge alike: one seldom errs, one has a habit, one sees only large differences.
TEMPERS = (
    Temper(accuracy=0.97),
    Temper(accuracy=0.93, side_bias=0.08),
    Temper(accuracy=0.87, side_bias=-0.04, tie_width=0.15),
)


class NotADemoError(ValueError):
    """The data directory belongs to somebody's own studies."""


@dataclass(frozen=True)
class DemoStudy:
    """One study to be: what it says, what it shows, and the folder its pictures are drawn into."""

    folder: str
    spec: StudySpec
    scenes: tuple[Scene, ...]
    methods: tuple[MethodProfile, ...]

    @property
    def pictures(self) -> int:
        return len(self.scenes) * len(self.methods)


def plan(*, judged: int = 40, yours: int = 12) -> tuple[DemoStudy, DemoStudy]:
    """The study that programs judge and the one left for a person, on different prompts."""
    scenes = sample_scenes(judged + yours, seed=SEED, distinct=True)
    three, two = (CAREFUL, FAST, BASELINE), (CAREFUL, FAST)
    # Programs look as fast as they can: no minimum time, so that none of their votes is too fast.
    first = {
        "name": "Demo: careful and fast against the baseline",
        "description": "Scenes drawn by three simulated methods with planted defects, judged by "
        "three simulated annotators over HTTP.",
        "public_name": "Shapes and scenes",
        "methods": [_method(m) for m in three],
        "contrasts": [
            {"a": "careful", "b": "baseline", "primary": True},
            {"a": "fast", "b": "baseline"},
        ],
        "protocol": {"min_view_ms": 0, "seed": SEED},
    }
    # One annotator is enough here, so that your own answers become verdicts at once.
    second = {
        "name": "Demo: for you to judge",
        "description": "Other prompts, judged by nobody yet. One vote decides a pair here.",
        "public_name": "Shapes and scenes",
        "methods": [_method(m) for m in two],
        "contrasts": [{"a": "careful", "b": "fast", "primary": True}],
        "protocol": {"overlap": 1, "min_votes": 1, "phone": True, "seed": SEED},
    }
    return (
        DemoStudy(JUDGED, parse_spec(first), tuple(scenes[:judged]), three),
        DemoStudy(YOURS, parse_spec(second), tuple(scenes[judged:]), two),
    )


def _method(profile: MethodProfile) -> dict[str, str]:
    return {"name": profile.name, "label": profile.name.capitalize()}


def owner_of_demo() -> User:
    """The account that owns the demo's studies; nobody can log in with it.

    Raises:
        NotADemoError: somebody else is in this database, and no demo was.
    """
    owner = User.objects.filter(username=OWNER).first()
    if owner.has_usable_password() if owner else User.objects.exists():
        raise NotADemoError(
            "this data directory holds accounts of its own and no demo; simulated votes do not "
            "belong beside them. Unset TRIPTYCH_DATA_DIR and run `make demo`, or name an empty "
            "folder."
        )
    if owner is None:
        owner = User(username=OWNER, role=Role.RESEARCHER)
        owner.set_unusable_password()
        owner.save()
    return owner


def find_launched(planned: DemoStudy, *, owner: User) -> Study | None:
    """The study when an earlier run has made and launched it."""
    made = Study.objects.filter(owner=owner, name=planned.spec.name).order_by("pk").first()
    return made if made and made.state != Study.State.DRAFT else None


def draw(planned: DemoStudy, *, folder: Path, step: Callable[[], object] = lambda: None) -> None:
    """Draw the study's pictures into their folder; nothing to do when all of them are there."""
    place = folder / planned.folder
    if not is_rendered(place):
        render_samples(place, planned.scenes, planned.methods, seed=SEED, step=step)


def open_study(
    planned: DemoStudy,
    *,
    owner: User,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Study:
    """Create, import and launch, from wherever an interrupted run stopped."""
    place = folder / planned.folder
    drafts = Study.objects.filter(owner=owner, name=planned.spec.name, state=Study.State.DRAFT)
    study = drafts.first() or create_study(teach(planned.spec), owner=owner)
    import_samples(study, place / MANIFEST, place, actor=owner, progress=progress)
    return launch(study, actor=owner)


def make_crowd(study: Study, *, folder: Path, url: str) -> list[SimulatedAnnotator]:
    """Three simulated annotators who know the truth about the pictures and sometimes err."""
    truth_of = read_truth(folder / JUDGED / TRUTH)
    accounts = enlist(study, len(TEMPERS))
    return [
        SimulatedAnnotator(
            account, temper, url=url, study=str(study.uid), truth_of=truth_of, seed=SEED
        )
        for account, temper in zip(accounts, TEMPERS, strict=True)
    ]


def close_when_complete(study: Study) -> None:
    """A finished study is closed, as its researcher would do."""
    if study.state == Study.State.OPEN and is_complete(study):
        move(study, Study.State.CLOSED, actor=study.owner)


def ways_in(study: Study, *, now: datetime) -> tuple[str, str]:
    """Two one-time secrets: for an admin, who sees all studies, and for an annotator of this one.

    The unused ones of earlier starts end: each start shows the only two that work.
    """
    for old in Invitation.objects.filter(note=NOTE, used_at=None, withdrawn_at=None):
        withdraw(old, now=now)
    _, admin = invite(role=Role.ADMIN, created_by=None, now=now, note=NOTE, lifetime=LIFETIME)
    _, annotator = invite_to_study(
        study,
        role=Membership.Role.ANNOTATOR,
        created_by=None,
        now=now,
        note=NOTE,
        lifetime=LIFETIME,
    )
    return admin, annotator
