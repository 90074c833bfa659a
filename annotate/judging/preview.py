"""A researcher tries the judging screen: the same pairs and answers, no slot, no vote, no number.

It must not touch assignments or votes.
"""

import uuid
from datetime import datetime

from django.utils.translation import gettext as _

from annotate.judging.answers import read_answers
from annotate.judging.hotpath import Lease, Shown
from annotate.judging.models import PreviewVote
from annotate.judging.pairing import first_pairs
from annotate.judging.verdicts import protocol_of
from annotate.judging.voting import Ballot, Conflict, TooLate
from annotate.judging.writing import wire_length
from annotate.people.models import User
from annotate.sampling.models import Image
from annotate.sampling.storage import fit
from annotate.studies.clock import database_now
from annotate.studies.models import Prompt, Study
from annotate.studies.protocol import Protocol

PAIRS = 12


def hand(study: Study, user: User) -> list[Lease]:
    """Up to three pairs of the leading contrast that this person has not previewed yet."""
    seen = set(PreviewVote.objects.filter(study=study, user=user).values_list("token", flat=True))
    return [lease for lease in _leases(study, user) if lease.token not in seen][:3]


def _leases(study: Study, user: User) -> list[Lease]:
    contrast = study.contrasts.select_related("a", "b", "prompt_set").order_by("-primary", "order")
    leading = contrast.first()
    if leading is None:
        return []
    protocol = protocol_of(study)
    now = database_now()
    return [
        _lease(study, user, protocol, (prompt, a, b), place=place, now=now)
        for place, (prompt, a, b) in enumerate(first_pairs(leading, protocol, limit=PAIRS))
    ]


def _lease(
    study: Study,
    user: User,
    protocol: Protocol,
    pair: tuple[Prompt, Image, Image],
    *,
    place: int,
    now: datetime,
) -> Lease:
    prompt, a, b = pair
    first, second = sorted((a, b), key=lambda image: image.digest)
    # Named by study, person and pair: a reload shows the same pairs under the same tokens.
    token = uuid.uuid5(study.uid, f"preview {user.pk} {prompt.pk} {first.pk} {second.pk}")
    width = height = wire = 0
    if protocol.display == "equal-box":
        width, height = max(a.width, b.width), max(a.height, b.height)
        longest = max(_fitted_bytes(image, width, height) for image in (a, b))
        wire = wire_length(longest)
    return Lease(
        pk=-prompt.pk,
        comparison_id=0,
        slot=1,
        token=token,
        lane=0,
        turn=place,
        # From midnight, so that a reload finds the pictures under the same addresses.
        leased_at=now.replace(hour=0, minute=0, second=0, microsecond=0),
        lease_until=now,
        flipped=token.int % 2 == 1,
        prompt=prompt.text,
        context=prompt.context,
        context_role=prompt.context_role,
        first=Shown(first.digest, first.width, first.height),
        second=Shown(second.digest, second.width, second.height),
        box_width=width,
        box_height=height,
        wire_bytes=wire,
    )


def _fitted_bytes(image: Image, width: int, height: int) -> int:
    if (image.width, image.height) == (width, height):
        return image.bytes
    return fit(image, width, height).bytes


def submit(study: Study, user: User, ballot: Ballot) -> bool:
    """Keep one preview answer apart from all votes; False when it was there already.

    Raises:
        BadAnswer: the answers do not fit the protocol.
        TooLate: the token is none of this preview's.
        Conflict: the pair already has another preview answer.
    """
    lease = next((x for x in _leases(study, user) if x.token == ballot.token), None)
    if lease is None:
        raise TooLate(_("this pair is not part of the preview; reload the page"))
    read_answers(protocol_of(study), ballot.answers, flipped=lease.flipped, factor=ballot.factor)
    images = {
        i.digest: i
        for i in Image.objects.filter(digest__in=[lease.first.digest, lease.second.digest])
    }
    stored, created = PreviewVote.objects.get_or_create(
        token=ballot.token,
        defaults={
            "study": study,
            "user": user,
            "prompt_id": -lease.pk,
            "first": images[lease.first.digest],
            "second": images[lease.second.digest],
            "answers": dict(ballot.answers),
        },
    )
    if not created and stored.answers != dict(ballot.answers):
        raise Conflict(_("this pair already has your other answer; the first one stands"))
    return created


def undo(study: Study, user: User, token: uuid.UUID) -> Lease:
    """Take a preview answer back.

    Raises:
        TooLate: there is no such answer.
    """
    gone, _by_model = PreviewVote.objects.filter(study=study, user=user, token=token).delete()
    lease = next((x for x in _leases(study, user) if x.token == token), None)
    if not gone or lease is None:
        raise TooLate(_("there is no such answer of yours to take back"))
    return lease


def restart(study: Study, user: User) -> None:
    """Begin the preview anew."""
    PreviewVote.objects.filter(study=study, user=user).delete()


def progress(study: Study, user: User) -> dict[str, int]:
    done = PreviewVote.objects.filter(study=study, user=user).count()
    return {"done": done, "left": len(_leases(study, user)) - done}
