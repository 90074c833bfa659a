"""Makes a study of votes that were cast elsewhere: all of them, or nothing and the reasons why.

It must not know file formats, nor show anything: there are no pictures.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.db import transaction

from annotate.judging.external_formats import Format, Line, read_lines
from annotate.judging.external_votes import ExternalVote, read_vote
from annotate.judging.external_writing import Pair, store_all, write_votes
from annotate.judging.models import Comparison
from annotate.people.models import Role, User
from annotate.sampling.models import ImportRun
from annotate.sampling.refusals import ImportRefused, Refusals, Refused, quoted
from annotate.studies.create import create_study
from annotate.studies.lifecycle import moved
from annotate.studies.models import Event, Membership, Study
from annotate.studies.prompts import PromptRow, store_prompts
from annotate.studies.spec import SpecError, parse_spec

MAX_FILE = 256 * 1024 * 1024
QUORUM = 3


@dataclass(frozen=True)
class VotesImported:
    """What came of an import; `unchanged` where the same file had been imported before."""

    study: Study
    votes: int
    pairs: int
    annotators: int
    unchanged: bool = False


@dataclass
class _Survey:
    """The good votes by pair, in the order of the file, and the line each stands on."""

    votes: dict[Pair, list[ExternalVote]] = field(default_factory=dict)
    lines: dict[tuple[Pair, str], int] = field(default_factory=dict)
    prompts: dict[str, tuple[ExternalVote, int]] = field(default_factory=dict)
    count: int = 0

    @property
    def contrasts(self) -> dict[tuple[str, str], tuple[str, str]]:
        """Methods a and b as they were written first, by the two in alphabetical order."""
        found: dict[tuple[str, str], tuple[str, str]] = {}
        for (_, _, one, other), votes in self.votes.items():
            found.setdefault((one, other), (votes[0].first, votes[0].second))
        return found


def import_votes(
    path: Path, *, kind: Format, name: str, owner: User, now: datetime, min_votes: int = QUORUM
) -> VotesImported:
    """Read every vote and make a closed study of them. Names of annotators become pseudonyms.

    The same file again by the same owner changes nothing. Memory grows with the votes; a file has
    at most 256 MB.

    Args:
        name: of the new study.
        min_votes: the quorum; less where no pair has so many.

    Raises:
        ImportRefused: with the first hundred errors by line; nothing was imported.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE:
            raise Refused(f"the file is larger than {MAX_FILE >> 20} MB.", "Split it.")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if (known := _known(digest, owner=owner)) is not None:
            return known
        survey = _survey(read_lines(path, kind))
    except Refused as error:
        raise ImportRefused.whole(error.problem, error.remedy) from error
    except OSError as error:
        raise ImportRefused.whole(
            f"{quoted(path.name)} cannot be read ({error.strerror}).", "Check its path."
        ) from error
    with transaction.atomic():
        study = _make_study(survey, name=name, owner=owner, now=now, min_votes=min_votes)
        people = _make_people(study, survey, now=now)
        write_votes(study, survey.votes, people, now=now)
        ImportRun.objects.create(
            study=study,
            actor=owner,
            digest=digest,
            name=path.name[:200],
            rows=survey.count,
            images=0,
            at=now,
        )
        Event.objects.create(
            study=study, actor=owner, kind="votes_imported", data={"votes": survey.count}, at=now
        )
        # Its report is frozen like that of every study that is closed.
        moved.send(sender=Study, study=study)
    return VotesImported(study, survey.count, len(survey.votes), len(people))


def _known(digest: str, *, owner: User) -> VotesImported | None:
    run = (
        ImportRun.objects.filter(digest=digest, study__external=True, study__owner=owner)
        .select_related("study")
        .first()
    )
    if run is None:
        return None
    study = run.study
    pairs = Comparison.objects.filter(study=study).count()
    people = study.memberships.filter(role=Membership.Role.ANNOTATOR).count()
    return VotesImported(study, run.rows, pairs, people, unchanged=True)


def _survey(lines: Iterable[Line]) -> _Survey:
    survey, refusals, read = _Survey(), Refusals(), 0
    for read, (number, record) in enumerate(lines, start=1):  # noqa: B007 (the last is the count)
        try:
            if isinstance(record, Refused):
                raise record
            _add(survey, read_vote(record), number)
        except Refused as error:
            refusals.add(number, error.problem, error.remedy)
    if not read:
        refusals.add(0, "The file has no votes.", "Add a line for each.")
    refusals.raise_if_any()
    return survey


def _add(survey: _Survey, vote: ExternalVote, number: int) -> None:
    one, other = sorted((vote.first, vote.second))
    pair = (vote.prompt_id, vote.replica, one, other)
    known, at = survey.prompts.setdefault(vote.prompt_id, (vote, number))
    if (known.prompt, known.group) != (vote.prompt, vote.group):
        what = "text" if known.prompt != vote.prompt else "group"
        raise Refused(
            f"the prompt id {quoted(vote.prompt_id)} has another {what} on line {at}.",
            "Give both the same, or use another id.",
        )
    if (there := survey.lines.get((pair, vote.annotator))) is not None:
        raise Refused(
            f"{quoted(vote.annotator)} judged this pair on line {there} already.",
            "Keep one of the two: a person has one vote on a pair.",
        )
    survey.lines[pair, vote.annotator] = number
    survey.votes.setdefault(pair, []).append(vote)
    survey.count += 1


def _make_study(survey: _Survey, *, name: str, owner: User, now: datetime, min_votes: int) -> Study:
    overlap = min(max(len(votes) for votes in survey.votes.values()), 9)
    both_bad = any(v.winner == "both_bad" for votes in survey.votes.values() for v in votes)
    contrasts = list(survey.contrasts.values())
    methods = dict.fromkeys(name for pair in contrasts for name in pair)
    try:
        spec = parse_spec(
            {
                "name": name,
                "description": "Votes that were cast elsewhere and imported.",
                "methods": [{"name": method} for method in methods],
                "contrasts": [
                    {"a": a, "b": b, "primary": place == 0}
                    for place, (a, b) in enumerate(contrasts)
                ],
                "protocol": {
                    "judgement": "single",
                    "ties": "split" if both_bad else "equal",
                    "overlap": overlap,
                    "min_votes": min(min_votes, overlap),
                },
            }
        )
    except SpecError as error:
        raise ImportRefused.whole(f"{error}.", "Correct the name.") from error
    study = create_study(spec, owner=owner)
    rows = [PromptRow(key, vote.prompt, vote.group) for key, (vote, _) in survey.prompts.items()]
    study.prompt_sets.add(store_prompts(spec.name, rows))
    study.external, study.state = True, Study.State.CLOSED
    study.protocol_hash, study.launched_at = spec.protocol.digest(), now
    study.save()
    return study


def _make_people(study: Study, survey: _Survey, *, now: datetime) -> dict[str, int]:
    """An account that cannot sign in for each annotator: their name to its key."""
    programs: dict[str, bool] = {}
    for votes in survey.votes.values():
        for vote in votes:
            programs[vote.annotator] = programs.get(vote.annotator, True) and vote.simulated
    users = []
    for place, simulated in enumerate(programs.values(), start=1):
        # Its name says nothing of the person; it is unique, as the study's id is.
        user = User(username=f"votes-{study.uid.hex}-{place}", role=Role.ANNOTATOR)
        user.simulated, user.is_active = simulated, False
        user.set_unusable_password()
        users.append(user)
    made = dict(zip(programs, store_all(User, users), strict=True))
    store_all(
        Membership,
        (
            Membership(
                study=study,
                user=made[name],
                role=Membership.Role.ANNOTATOR,
                pseudonym=pseudonym,
                active=False,
                joined_at=now,
            )
            for name, pseudonym in _pseudonyms(list(programs)).items()
        ),
    )
    return {name: user.pk for name, user in made.items()}


def _pseudonyms(names: Sequence[str]) -> dict[str, str]:
    """Pseudonyms that another export gave stay; any other name is replaced."""
    if all(name.startswith("A-") and name[2:].isdigit() and len(name) <= 8 for name in names):
        return {name: name for name in names}
    return {name: f"A-{place:02d}" for place, name in enumerate(names, start=1)}
