"""Leaving a study, and leaving altogether with one's personal data erased. Votes stay.

It must not decide what tells who somebody is: `people.erasure` does.
"""

from django.db import transaction

from annotate.judging.models import Assignment
from annotate.judging.queue import release, release_all
from annotate.people.erasure import erase, remember_erased
from annotate.people.models import ExternalAccount, User
from annotate.studies.entry_models import CompletionCode, Entry
from annotate.studies.members import set_active
from annotate.studies.models import Event, Membership


def leave(membership: Membership) -> int:
    """End one's own place in a study; how many pairs went back to others, at once.

    A researcher of the study can open the place again, under the same pseudonym.
    """
    set_active(membership, active=False, actor=membership.user)
    return release(membership.study, membership.user)


@transaction.atomic
def leave_and_erase(user: User) -> int:
    """End all places, give every pair back, and erase what tells who this person is.

    Votes, times and reports stay under the study's pseudonyms; of a platform's id only a keyed hash
    for each study they judged in, so that nobody judges the same pairs twice. Returns how many
    pairs went back.

    Raises:
        AccountRefused: as in `people.erasure.erase`; nothing is changed then.
    """
    # First, in the order in which a vote locks: slots, then the account and the places. A pair that
    # another tab is given this moment passes on when its lease runs out.
    returned = release_all(user)
    _remember(user)
    erase(user)
    humble = [Membership.Role.ANNOTATOR, Membership.Role.REVIEWER]
    places = Membership.objects.filter(user=user, role__in=humble)
    for place in places:
        set_active(place, active=False, actor=user)
        Event.objects.create(
            study_id=place.study_id,
            actor=user,
            kind="member_erased",
            data={"member": place.pseudonym},
        )
    Entry.objects.filter(membership__user=user).update(parameters={})
    # The platform keeps it beside its own id: together with ours it would tell who this was.
    CompletionCode.objects.filter(membership__user=user).delete()
    return returned


def _remember(user: User) -> None:
    bound = ExternalAccount.objects.filter(user=user).first()
    if bound is None:
        return
    source, _, _ = bound.source.partition(":")
    judged = Assignment.objects.filter(annotator=user, state__in=["voted", "void"])
    for uid in judged.order_by().values_list("study__uid", flat=True).distinct():
        remember_erased(source, bound.external_id, scope=str(uid))
