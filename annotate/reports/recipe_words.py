"""How the pictures were made, in the words of a methods section. It must not know tables."""

from collections.abc import Sequence

from annotate.reports.recipes import MethodRecipe
from annotate.reports.words import listed

TITLE = "How the pictures were made"


def recipe_words(recipes: Sequence[MethodRecipe], *, seed: int) -> list[str]:
    """The sentence of a methods section; none where votes came without pictures."""
    if not recipes:
        return []
    made = [recipe.label for recipe in recipes if not recipe.imported]
    brought = [recipe.label for recipe in recipes if recipe.imported]
    noted = any(recipe.settings for recipe in recipes if recipe.imported)
    unknown = "" if noted else "; how they were made is not recorded here"
    if not made:
        return [f"All pictures were made elsewhere and imported{unknown}."]
    rest = f"; those of {listed(brought)} were made elsewhere and imported" if brought else ""
    return [
        f"Pictures of {listed(made)} were sampled here from the seed {seed}, with the sampler, "
        f"steps, guidance, thresholds and models that stand under “{TITLE}”{rest}."
    ]
