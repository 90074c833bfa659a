"""The arms' names as people read them. It must not know numbers."""

NAMES = {
    "teacher": "Teacher, DDIM {n}",
    "student": "Student, {n} steps",
    "control": "Undistilled, {n} steps",
    "refine": "Adaptive refinement, {n}",
    "regenerate": "Adaptive regeneration, {n}",
    "refine-all": "All refined, {n}",
    "unipc": "UniPC, {n}",
    "random": "Refined by lot, {n}",
    "refined": "Every sample refined for {n}",
    "regenerated": "Every sample regenerated for {n}",
}


def label(arm: str) -> str:
    """The name of an arm of `generation.reference.s1.arms`.

    Raises:
        KeyError: no arm has the name.
    """
    if arm == "teacher":
        return NAMES["teacher"].format(n=50)
    if arm == "teacher-null":
        return "Teacher, another seed"
    kind, _, number = arm.rpartition("-")
    return NAMES[kind].format(n=number)


def short(arm: str) -> str:
    """The name of an arm for figures with little room."""
    return brief(label(arm))


def brief(name: str) -> str:
    """A name without what all adaptive arms have in common."""
    without = name.removeprefix("Adaptive ")
    return name if without == name else without.capitalize()
