"""Links that open a report to reviewers without an account: make, find, withdraw.

It must not render. The secret is shown once and stored hashed, as an invitation's is.
"""

import secrets
from datetime import datetime, timedelta

from django.db import transaction

from annotate.people.models import User, hash_token
from annotate.reports.models import ReviewLink
from annotate.studies.models import Event, Study


@transaction.atomic
def make_review_link(
    study: Study,
    *,
    created_by: User,
    now: datetime,
    note: str = "",
    lifetime: timedelta | None = None,
) -> tuple[ReviewLink, str]:
    """A new link and its secret, which exists nowhere else. Without a lifetime it does not expire.

    Raises:
        ValueError: the lifetime is over before it begins.
    """
    if lifetime is not None and lifetime <= timedelta(0):
        raise ValueError(
            f"lifetime {lifetime} is over before it begins; give a positive one or none."
        )
    token = secrets.token_urlsafe(32)
    link = ReviewLink.objects.create(
        study=study,
        token_hash=hash_token(token),
        note=note,
        created_by=created_by,
        created_at=now,
        expires_at=None if lifetime is None else now + lifetime,
    )
    Event.objects.create(
        study=study, actor=created_by, kind="made_a_review_link", data={"link": link.pk}, at=now
    )
    return link, token


def reviewed_study(token: str, *, now: datetime) -> Study | None:
    """The study that a secret opens; None alike for unknown, withdrawn and expired ones."""
    link = ReviewLink.objects.select_related("study").filter(token_hash=hash_token(token)).first()
    return link.study if link is not None and link.is_usable(now) else None


@transaction.atomic
def withdraw_review_link(link: ReviewLink, *, actor: User, now: datetime) -> bool:
    """Whether it was this call that ended the link; the address opens nothing from now on."""
    won = ReviewLink.objects.filter(pk=link.pk, withdrawn_at=None).update(withdrawn_at=now)
    if won:
        Event.objects.create(
            study_id=link.study_id,
            actor=actor,
            kind="withdrew_a_review_link",
            data={"link": link.pk},
            at=now,
        )
    return bool(won)
