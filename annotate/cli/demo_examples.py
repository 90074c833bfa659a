"""Worked pairs for the demos' instructions, three of them conflicts, drawn with planted defects.

They teach the order of the criteria: a pretty picture of something else loses to a plain one of
what the text asks for. It must not create studies.
"""

from dataclasses import dataclass
from typing import Literal

from PIL import Image

from annotate.sampling import storage
from annotate.studies.spec import StudySpec
from annotate.studies.worked_pairs import ExamplePair
from generation.reference.defects import Defect, spoil_image
from generation.reference.render import render
from generation.reference.scenes import parse

SIZE, STRENGTH, SEED = 512, 0.5, 7


@dataclass(frozen=True)
class Shown:
    """What one picture of a worked pair shows, and what is wrong with how it looks."""

    scene: str
    defect: Defect = Defect.NONE


@dataclass(frozen=True)
class Worked:
    prompt: str
    first: Shown
    second: Shown
    answer: Literal["1", "2", "equal"]
    explanation: str


PAIRS = (
    Worked(
        "three red stars on a white background",
        Shown("two red stars on a white background"),
        Shown("three red stars on a white background", Defect.BLUR),
        "2",
        "Picture 1 is sharper, but shows two stars and the text asks for three. What the text asks "
        "for comes before how well it is drawn.",
    ),
    Worked(
        "a blue circle and a yellow square on a green meadow",
        Shown("a blue circle and a yellow square on a green meadow", Defect.WASHED_OUT),
        Shown("a blue circle and a red square on a green meadow"),
        "1",
        "Picture 2 is the more pleasing one, but its square is red. A right picture with pale "
        "colours is better than a pretty one of something else.",
    ),
    Worked(
        "two purple hearts on a sandy beach",
        Shown("two purple triangles on a sandy beach"),
        Shown("two purple hearts on a sandy beach", Defect.NOISE),
        "2",
        "Picture 1 is clean, but shows triangles. Picture 2 is grainy, and shows what was asked.",
    ),
    Worked(
        "four orange circles under a night sky",
        Shown("four orange circles under a night sky"),
        Shown("four orange circles under a night sky", Defect.BLUR),
        "1",
        "Both show what the text asks for, so quality decides: picture 2 is blurred.",
    ),
    Worked(
        "a green triangle and two red hearts in the snow",
        Shown("a green triangle and two red hearts in the snow", Defect.WASHED_OUT),
        Shown("a green triangle and two red hearts in the snow"),
        "2",
        "Both show what the text asks for, and both are sharp. Picture 2 is more pleasing: its "
        "colours are alive.",
    ),
    Worked(
        "three blue squares on a grey background",
        Shown("three blue squares on a grey background"),
        Shown("three blue squares on a grey background"),
        "equal",
        "Both are right, sharp and equally pleasing. Where things stand is not asked for: say that "
        "they are about equal.",
    ),
)


def teach(spec: StudySpec) -> StudySpec:
    """The study with the worked pairs in its instructions; their pictures are stored."""
    pairs = tuple(
        ExamplePair(
            prompt=pair.prompt,
            first=_stored(pair.first, seed=2 * place),
            second=_stored(pair.second, seed=2 * place + 1),
            answer=pair.answer,
            explanation=pair.explanation,
        )
        for place, pair in enumerate(PAIRS)
    )
    protocol = spec.protocol.model_copy(update={"examples": pairs})
    return spec.model_copy(update={"protocol": protocol})


def _stored(shown: Shown, *, seed: int) -> str:
    picture = render(parse(shown.scene), size=SIZE, seed=SEED + seed)
    spoilt = spoil_image(picture, shown.defect, strength=STRENGTH, seed=SEED + seed)
    return storage.put(Image.fromarray(spoilt)).digest
