"""StudySpec: the one definition of a study, for TOML file, web form and later the API.

It must know no database; `studies.create` turns it into rows.
"""

import operator
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from annotate.studies.arms import Kind, ReadArm, plain, read_settings
from annotate.studies.mistakes import lines
from annotate.studies.pins import models_of
from annotate.studies.protocol import Protocol

# Says nothing of a study, and is the only name of one that is read in the reader's language.
STANDING_NAME = gettext_noop("Side by side")
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
# Left out where empty: what seldom is said makes no older specification look different.
UNSAID = Field(exclude_if=operator.not_)


def shown_name(public_name: str) -> str:
    """A study's name for its annotators: the standing one translated, any other as written."""
    return _(STANDING_NAME) if public_name in {"", STANDING_NAME} else public_name


def is_digest(text: str) -> bool:
    """Whether this is written as a SHA-256: 64 hexadecimal digits, the letters small."""
    return re.fullmatch("[0-9a-f]{64}", text) is not None


class SpecError(ValueError):
    """A study specification that cannot be used; one line for each thing that is wrong."""


class MethodSpec(BaseModel):
    """An arm: imported pictures, or a recipe that is sampled here (`studies.arms` reads it)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    label: str = ""
    kind: Kind = "imported"
    settings: dict[str, Any] = Field(default_factory=dict)

    @field_validator("settings", mode="after")
    @classmethod
    def _settings_are_plain(cls, settings: dict[str, Any]) -> dict[str, Any]:
        return dict(plain(settings))

    @model_validator(mode="after")
    def _settings_are_an_arm(self) -> Self:
        if self.kind != "imported":
            self.read_arm()
        return self

    def read_arm(self) -> ReadArm:
        """The arm of a generated method; ValueError for an imported one."""
        if self.kind == "imported":
            raise ValueError(f"method {self.name!r} is imported: it has pictures, not a recipe.")
        return read_settings(self.kind, self.settings)


class ContrastSpec(BaseModel):
    """Method a against method b. The primary one is fixed before launch; a is the challenger."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    a: Name
    b: Name
    primary: bool = False
    # Over which test set; over all where none is named.
    prompt_set: Annotated[str, StringConstraints(strip_whitespace=True, max_length=120), UNSAID] = (
        ""
    )


class PromptSpec(BaseModel):
    """One prompt written into the specification itself (imports bring theirs in the manifest).

    `context` is the content digest of a picture shown beside the pair, `context_role` what it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    text: Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
    group: Annotated[str, StringConstraints(max_length=200)] = ""
    context: Annotated[str, UNSAID] = ""
    context_role: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=40), UNSAID
    ] = ""

    @field_validator("context", mode="after")
    @classmethod
    def _context_is_a_digest(cls, context: str) -> str:
        if context and not is_digest(context):
            raise ValueError(
                f"{context!r} is no content digest (64 of 0-9 and a-f). Name a picture that is "
                "stored here by its digest, or create the study from a TOML file, on the command "
                "line, where a file beside it can be named."
            )
        return context

    @model_validator(mode="after")
    def _role_has_a_picture(self) -> Self:
        if self.context_role and not self.context:
            raise ValueError(
                f"prompt {self.id!r} has the context role {self.context_role!r} and no context. "
                "Name its picture as context, or remove the role."
            )
        return self


class PromptSetSpec(BaseModel):
    """A named, versioned list of prompts with a role."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    role: Literal["test", "tune", "exam"] = "test"
    prompts: tuple[PromptSpec, ...] = ()


class StudySpec(BaseModel):
    """A whole study.

    Data may have `pins` beside these fields: commits by hub id, which go to every method that
    names the id and stand in its settings from then on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = Field(title="Name", description="seen by researchers only")
    description: Annotated[str, StringConstraints(max_length=5000)] = Field(
        "", title="Description", description="what the study is to find out; researchers only"
    )
    # What annotators see instead of the name, which may give the methods away.
    public_name: Annotated[str, StringConstraints(max_length=80)] = Field(
        STANDING_NAME,
        title="Name shown to annotators",
        description="must not tell which methods are compared",
    )
    prompt_sets: tuple[PromptSetSpec, ...] = Field(
        (),
        title="Prompt sets",
        description="leave empty to bring the prompts with the samples; prompts are lines of "
        "comma-separated id, text, group, context (the digest of a stored picture), its role",
    )
    methods: tuple[MethodSpec, ...] = Field(
        (),
        title="Methods",
        description="what made the pictures; the name is the one in your manifest, the label the "
        "one in the report",
    )
    contrasts: tuple[ContrastSpec, ...] = Field(
        (),
        title="Contrasts",
        description="a is the challenger, b the baseline; the primary contrast is fixed at launch",
    )
    replicas: Annotated[int, Field(ge=1, le=9)] = Field(
        1,
        title="Replicas",
        description="pictures of each prompt and generated method, from different noise",
    )
    protocol: Protocol = Field(default_factory=lambda: Protocol())

    @model_validator(mode="before")
    @classmethod
    def _pins_go_to_their_methods(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "pins" not in data:
            return data
        rest = {key: value for key, value in data.items() if key != "pins"}
        return rest | {"methods": _pinned_methods(data["pins"], data.get("methods", ()))}

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        self._diversity_has_replicas()
        names = [m.name for m in self.methods]
        if doubled := {n for n in names if names.count(n) > 1}:
            raise ValueError(f"methods named twice: {sorted(doubled)}. Give each its own name.")
        for c in self.contrasts:
            if c.a == c.b:
                raise ValueError(
                    f"contrast of {c.a!r} with itself. Name two different methods as a and b."
                )
            if names and (missing := {c.a, c.b} - set(names)):
                raise ValueError(
                    f"contrast {c.a!r} against {c.b!r} names unknown methods {sorted(missing)}; "
                    f"known are {sorted(names)}. Add the method or correct the contrast."
                )
        self._prompt_sets_are_named()
        pairs = [frozenset((c.a, c.b)) for c in self.contrasts]
        if len(set(pairs)) < len(pairs):
            raise ValueError("the same two methods are contrasted twice. Keep one of the two.")
        if self.protocol.may_stop_early and self.replicas > 1:
            raise ValueError(
                f"replicas {self.replicas} with stopping e-process: its unit is the prompt, judged "
                "once. Set replicas 1, or stopping never."
            )
        if (
            self.protocol.may_stop_early
            and self.contrasts
            and not any(c.primary for c in self.contrasts)
        ):
            raise ValueError(
                "stopping e-process without a primary contrast: it needs the one that it watches. "
                "Mark one contrast as primary, or set stopping never."
            )
        if sum(c.primary for c in self.contrasts) > 1:
            raise ValueError("more than one primary contrast. Mark one; the rest are exploratory.")
        return self

    @property
    def shown_name(self) -> str:
        """What annotators read as the study's name, in their language where it has no own one."""
        return shown_name(self.public_name)

    def _prompt_sets_are_named(self) -> None:
        """A contrast's prompt set is one of the study's test sets."""
        sets = [one.name for one in self.prompt_sets if one.role == "test"]
        for c in self.contrasts:
            if c.prompt_set and c.prompt_set not in sets:
                raise ValueError(
                    f"contrast {c.a!r} against {c.b!r} is over the prompt set {c.prompt_set!r}; "
                    f"test sets here are {sorted(sets) or 'none'}. Name one of them, or leave it "
                    "out for all."
                )

    def _diversity_has_replicas(self) -> None:
        """A diversity study pairs replicas 0 and 1 of every method, so it names no contrasts."""
        if not self.protocol.asks_diversity:
            return
        if self.contrasts:
            raise ValueError(
                f"{len(self.contrasts)} contrasts in a study of diversity: its pairs are two "
                "pictures of one method. Remove the contrasts."
            )
        if self.replicas < 2 and any(m.kind != "imported" for m in self.methods):
            raise ValueError(
                f"replicas {self.replicas} in a study of diversity: each method needs two pictures "
                "of every prompt. Set replicas 2."
            )


def _pinned_methods(pins: Any, methods: Any) -> Any:
    """The methods' data with the pins of the models that each one names."""
    if not (isinstance(pins, dict) and all(isinstance(pin, str) for pin in pins.values())):
        raise ValueError('pins: give a commit for each hub id, as "owner/name" = "0123…".')
    if not isinstance(methods, list | tuple):
        return methods
    found, unused, named = [], set(pins), set[str]()
    for method in methods:
        written = dict(method) if isinstance(method, dict) else method
        found.append(written)
        settings = written.get("settings") if isinstance(written, dict) else None
        if not isinstance(settings, dict) or written.get("kind", "imported") == "imported":
            continue
        try:
            models = models_of(read_settings(written["kind"], settings).recipe)
        except ValueError:
            return list(methods)  # the method itself says what is wrong with it
        mine, own = {n: c for n, c in pins.items() if n in models}, settings.get("pins", {})
        if differ := [n for n in mine if own.get(n, mine[n]) != mine[n]]:
            raise ValueError(
                f"pins: {differ[0]!r} has commit {mine[differ[0]]}, and method "
                f"{written.get('name')!r} pins {own[differ[0]]}. Keep one."
            )
        unused, named = unused - mine.keys(), named | models
        if mine:
            written["settings"] = settings | {"pins": own | mine}
    if unused:
        raise ValueError(
            f"pins: no method names {', '.join(sorted(map(repr, unused)))}. The models here are "
            f"{', '.join(sorted(map(repr, named))) or 'none'}."
        )
    return found


def parse_spec(data: dict[str, Any]) -> StudySpec:
    """Validate plain data; raises SpecError with one `field: what is wrong` line per mistake."""
    try:
        return StudySpec.model_validate(data)
    except ValidationError as error:
        raise SpecError("\n".join(lines(error, whole="study"))) from error


def parse_toml(text: str, *, context_of: Callable[[str], str] | None = None) -> StudySpec:
    """Read a study from TOML text; `context_of` gives the digest of a context's named file."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"this is not TOML: {error}. Correct that line.") from error
    if context_of is not None:
        _read_contexts(data, context_of)
    return parse_spec(data)


def _read_contexts(data: dict[str, Any], context_of: Callable[[str], str]) -> None:
    wrong = []
    for prompt in _written_prompts(data):
        context = prompt.get("context")
        if context and isinstance(context, str) and not is_digest(context):
            try:
                prompt["context"] = context_of(context)
            except SpecError as error:
                wrong.append(f"prompt {prompt.get('id')!r}: {error}")
    if wrong:
        raise SpecError("\n".join(wrong))


def _written_prompts(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The prompts that stand where prompts stand; what stands elsewhere the definition refuses."""
    sets = data.get("prompt_sets", [])
    for one in sets if isinstance(sets, list) else []:
        prompts = one.get("prompts", []) if isinstance(one, dict) else []
        for prompt in prompts if isinstance(prompts, list) else []:
            if isinstance(prompt, dict):
                yield prompt


def load_toml(path: Path, *, context_of: Callable[[Path], str] | None = None) -> StudySpec:
    """Read a study from a TOML file.

    Args:
        context_of: gives the digest of a picture that a prompt names as its context by a file
            beside this one; without it only digests are read.

    Raises:
        SpecError: what is wrong, a line for each mistake.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"{path.name} is not UTF-8: {error}. Save it as UTF-8.") from error
    return parse_toml(text, context_of=context_of and (lambda file: context_of(path.parent / file)))


def to_toml(spec: StudySpec) -> str:
    """Write a study as TOML that `load_toml` reads back to an equal spec."""
    return tomli_w.dumps(spec.model_dump(mode="json", exclude_none=True))
