"""Whether somebody may be given live work. Asked at each claim and vote, so it costs no statement.

It must not know how a qualification is earned (judging.qualification does).
"""

from django.utils.translation import gettext as _

from annotate.judging.verdicts import protocol_of
from annotate.studies.models import Membership


class Unqualified(PermissionError):
    """Live work was asked for before its training and exam were passed."""


def is_qualified(membership: Membership) -> bool:
    """Whether the study asks for no exam, or this annotator has passed the version it asks for."""
    protocol = protocol_of(membership.study)
    return not protocol.qualification or (
        membership.qualified_version == protocol.qualification_version
    )


def require_qualified(membership: Membership) -> None:
    """Raise Unqualified unless this annotator may do live work."""
    if not is_qualified(membership):
        version = protocol_of(membership.study).qualification_version
        passed = membership.qualified_version
        if passed is None:
            said = _(
                "this study asks for its training and exam first (version %(version)s). Open the "
                "study from your own page and pass them."
            )
        else:
            said = _(
                "this study asks for version %(version)s of its training and exam; you have passed "
                "version %(passed)s. Open the study from your own page and pass them again."
            )
        raise Unqualified(said % {"version": version, "passed": passed})
