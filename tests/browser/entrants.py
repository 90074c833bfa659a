"""Entry links of a study and somebody who came by one. It must not open a page."""

from datetime import timedelta

from django.utils import timezone

from annotate.judging import queue, voting
from annotate.people.models import User
from annotate.studies.entry import enter, make_link, personal_token, read_visit, token_of
from annotate.studies.models import Study

RETURN = "https://app.prolific.com/submissions/complete?cc={code}"


def make_links(study: Study) -> dict[str, str]:
    """Signed ends of addresses by source; the page of links then shows one of each kind."""
    now = timezone.now()
    made = {
        source: make_link(
            study,
            source=source,
            created_by=study.owner,
            now=now,
            expires_at=now + timedelta(days=14),
            note=note,
            people=people,
            return_url=RETURN if source == "prolific" else "",
        )
        for source, note, people in (
            ("prolific", "first batch of spring", 40),
            ("mturk", "", 0),
            ("named", "students of the second year", 0),
        )
    }
    return {
        source: token_of(link, "ada" if link.single_use else "") for source, link in made.items()
    }


def worker_at_the_end(token: str) -> User:
    """A worker who came by the link and answered until nothing was left for them."""
    place = enter(read_visit(token, {"PROLIFIC_PID": "5f3a9c"}), now=timezone.now())
    while leases := queue.hand(place):
        ballot = voting.Ballot(
            token=leases[0].token,
            answers={"alignment": "left"},
            active_ms=5200,
            elapsed_ms=6000,
        )
        voting.submit(place, ballot)
    return place.user


def personal_link(worker: User) -> str:
    """The signed end of an address by which the worker comes back on another device."""
    worker.refresh_from_db()
    place = worker.memberships.get()
    return personal_token(place, actor=place.study.owner, now=timezone.now())
