"""What a researcher should look at while a study runs, said in words with the number behind it.

It must not act, and it must not flag what chance explains.
"""

from dataclasses import dataclass
from datetime import datetime

from annotate.analysis.annotators import side_balance
from annotate.reports.people_lines import AnnotatorLine
from annotate.reports.snapshot import Snapshot
from annotate.studies.models import Event, Study

# One false alarm in a thousand annotators, looked at once; and enough choices to mean something.
SIDE_P = 0.001
SIDE_MIN = 30
FAST_SHARE = 0.1
FAST_MIN = 20
EXPIRED_SHARE = 0.02


@dataclass(frozen=True)
class Alert:
    """`level` is bad, warn or info; `title` the finding, `text` its numbers."""

    level: str
    title: str
    text: str
    at: datetime | None = None
    # Whom the rules flagged, so that the table of annotators says no other thing.
    flagged: str = ""


def side_alert(line: AnnotatorLine) -> Alert | None:
    """Somebody prefers one side by more than chance explains."""
    decided = line.left + line.right
    if decided < SIDE_MIN:
        return None
    p = side_balance(line.left, line.right).p_value
    if p is None or p >= SIDE_P:
        return None
    side, count = ("left", line.left) if line.left > line.right else ("right", line.right)
    once_in = f"{float(f'{1 / p:.2g}'):,.0f}" if p > 1e-6 else "a million"
    return Alert(
        "warn",
        f"{line.pseudonym} chose the {side} picture {100 * count / decided:.0f} % of the time",
        f"{count:,} of {decided:,} choices; chance alone gives this in 1 of {once_in} annotators.",
        line.seen,
    )


def fast_alert(line: AnnotatorLine) -> Alert | None:
    """Somebody answers faster than the pictures can be seen."""
    if line.votes < FAST_MIN or line.too_fast < FAST_SHARE * line.votes:
        return None
    return Alert(
        "warn",
        f"{line.pseudonym} answers faster than the minimum viewing time",
        f"{line.too_fast:,} of {line.votes:,} votes; median {line.median_seconds:.1f} s. "
        "The votes count; they are flagged in exports.",
        line.seen,
    )


# What ends a flag: a researcher has looked, or the person judges again.
_ENDS = ("annotator_kept", "member_activated")
_DONE = {
    "notify": "is flagged",
    "pause": "is flagged and was paused",
    "repair": "is flagged and was paused; the votes are voided and asked of others",
}


def flag_alerts(study: Study) -> list[Alert]:
    """Annotators the rules have flagged since anybody looked: their latest flag, with reasons."""
    latest: dict[str, Event] = {}
    for event in study.events.filter(kind__in=["annotator_flagged", *_ENDS]).order_by("at", "pk"):
        latest[event.data.get("member", "")] = event
    return [
        Alert(
            "warn" if event.data["action"] == "notify" else "info",
            f"{member} {_DONE[event.data['action']]}",
            f"{'. '.join(_sentence(r) for r in event.data['reasons'].values())}. See Quality.",
            event.at,
            flagged=member,
        )
        for member, event in latest.items()
        if event.kind == "annotator_flagged"
    ]


def _sentence(reason: str) -> str:
    return reason[:1].upper() + reason[1:]


def chips(line: AnnotatorLine) -> list[str]:
    """The same findings as short words for the table."""
    found = []
    if side_alert(line):
        found.append("Picks left often" if line.left > line.right else "Picks right often")
    if fast_alert(line):
        found.append("Very fast")
    return found


def alerts(snapshot: Snapshot) -> list[Alert]:
    """Everything to look at except reported pairs, which carry buttons and stand by themselves."""
    found = [
        alert
        for line in snapshot.annotators
        if line.active
        for alert in (side_alert(line), fast_alert(line))
        if alert
    ]
    if snapshot.expired_leases > EXPIRED_SHARE * max(snapshot.counts.slots, 50):
        found.append(
            Alert(
                "info",
                f"{snapshot.expired_leases:,} leases have run out",
                "People left with pairs open. The pairs go to others by themselves.",
            )
        )
    if (seen := snapshot.watch) and seen.may_stop and snapshot.counts.needed:
        found.append(Alert("info", f"{seen.title}", seen.text))
    if snapshot.counts.needed and snapshot.active < _people_needed(snapshot):
        found.append(
            Alert(
                "warn",
                f"Only {snapshot.active} active annotator{'' if snapshot.active == 1 else 's'}"
                if snapshot.active
                else "No active annotator",
                f"A pair needs {_people_needed(snapshot)} different people; some pairs cannot be "
                "finished. Invite more.",
            )
        )
    return found


def _people_needed(snapshot: Snapshot) -> int:
    return len(snapshot.counts.by_votes) - 1
