"""Commits of hub ids, given once and put wherever an arm names the id. It must know no database.

[pins]
"owner/name" = "0123456789abcdef0123456789abcdef01234567"
"""

from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]


def pinned(own: Json, recipe: Json, pins: Mapping[str, str]) -> Json:
    """A method's own choices with these commits at every place of its recipe that has none.

    Args:
        own: what differs from the preset, or the whole recipe.
        recipe: what the two come to.
        pins: commits by hub id.

    Raises:
        ValueError: an id that this recipe does not name.
    """
    used = {name for name, _, _ in _places(recipe)}
    if strangers := set(pins) - used:
        raise ValueError(
            f"settings.pins: {', '.join(sorted(map(repr, strangers)))} is no model of this method; "
            f"its models are {', '.join(sorted(map(repr, used)))}. Correct the name or remove it."
        )
    for name, path, field in _places(recipe):
        if name in pins:
            place = _at(recipe, path)
            if field == "path" and not (place.get("revision") or place.get("sha256")):
                own = _with(own, (*path, "revision"), pins[name])
            elif field != "path" and place[field] == name:
                # These have no field for their commit: it stands behind an @.
                own = _with(own, (*path, field), f"{name}@{pins[name]}")
    return own


def models_of(recipe: Json) -> set[str]:
    """Every path or hub id that a recipe names, without the commits behind them."""
    return {name for name, _, _ in _places(recipe)}


def _places(recipe: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """(name, where its part stands, field) of every weight."""
    if not isinstance(recipe, Mapping):
        return
    for field in ("path", "unet", "lora"):
        value = recipe.get(field)
        if isinstance(value, str) and value:
            yield (value if field == "path" else value.partition("@")[0]), path, field
    for part, inner in recipe.items():
        yield from _places(inner, (*path, part))


def _at(recipe: Json, path: tuple[str, ...]) -> Json:
    for part in path:
        recipe = recipe[part]
    return recipe


def _with(own: Json, path: tuple[str, ...], value: str) -> Json:
    first, *rest = path
    if not rest:
        return own | {first: value}
    inner = own.get(first)
    return own | {first: _with(inner if isinstance(inner, dict) else {}, tuple(rest), value)}
