"""Protocols to start from: three that come with the product and those that people saved.

It must not know studies: a template is a protocol with a name.
"""

from annotate.people.models import User
from annotate.studies.models import ProtocolTemplate
from annotate.studies.protocol import Protocol

# What a new study begins with. The definition's own defaults stay 0: they are part of the hash of
# every protocol that was written without them.
USUAL = {"control_rate": 0.08, "repeat_rate": 0.03}
_BASE = Protocol().model_copy(update=USUAL)
BUILT_IN: dict[str, Protocol] = {
    "Paper (cascade, three annotators)": _BASE,
    "Single decision": _BASE.model_copy(update={"judgement": "single", "deciding_factor": True}),
    "Full, all criteria": _BASE.model_copy(update={"judgement": "full"}),
}


class TemplateError(ValueError):
    """A template that cannot be saved or found."""


def list_templates() -> dict[str, Protocol]:
    """All templates by name, the built-in ones first."""
    saved = {
        row.name: Protocol.model_validate(row.protocol)
        for row in ProtocolTemplate.objects.order_by("name")
    }
    return BUILT_IN | saved


def find_template(name: str) -> Protocol:
    """The protocol saved under this name."""
    templates = list_templates()
    if name not in templates:
        raise TemplateError(
            f"there is no protocol template {name!r}; known are {', '.join(templates)}. "
            "Choose one of these."
        )
    return templates[name]


def save_template(name: str, protocol: Protocol, *, actor: User) -> ProtocolTemplate:
    """Save a protocol under a name; the person who saved it first may replace it.

    Raises:
        TemplateError: the name is empty, too long, built in, or somebody else's.
    """
    name = name.strip()
    if not 1 <= len(name) <= 120:
        raise TemplateError(
            f"a template name of {len(name)} characters was given; 1 to 120 are allowed. "
            "Write a name that says what the protocol is for."
        )
    if name in BUILT_IN:
        raise TemplateError(f"{name!r} comes with the product. Choose another name.")
    fields = {"protocol": protocol.model_dump(mode="json")}
    row, created = ProtocolTemplate.objects.get_or_create(
        name=name, defaults=fields | {"created_by": actor}
    )
    if not created:
        if row.created_by_id != actor.pk:
            raise TemplateError(f"{name!r} was saved by somebody else. Choose another name.")
        ProtocolTemplate.objects.filter(pk=row.pk).update(**fields)
        row.refresh_from_db()
    return row
