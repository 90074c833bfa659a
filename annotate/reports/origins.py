"""How the people who judged came into a study: by whose link, by invitation, or added by hand.

It must not name anybody; nor does it know what they were paid, which nothing here keeps.
"""

from collections import Counter

from django.db.models import Exists, OuterRef

from annotate.judging.models import Comparison, Vote
from annotate.reports.words import counted, listed
from annotate.studies.entry_models import EntryLink
from annotate.studies.models import Membership, Study, StudyInvitation

INVITED, ADDED = "invited", "added"
Source = EntryLink.Source
_WAYS = {
    Source.PROLIFIC.value: "by a link on Prolific",
    Source.MTURK.value: "by a link on Mechanical Turk",
    Source.TOLOKA.value: "by a link on Toloka",
    Source.OTHER.value: "by a link on another platform",
    Source.NAMED.value: "by a personal link",
    INVITED: "by invitation",
    ADDED: "added by a researcher",
}


def origins(study: Study) -> tuple[tuple[str, int], ...]:
    """(a link's source, "invited" or "added", people), the largest first; programs left out."""
    cast = Vote.objects.filter(
        study=study, annotator=OuterRef("user"), comparison__kind=Comparison.Kind.LIVE
    )
    asked = StudyInvitation.objects.filter(study=study, invitation__used_by=OuterRef("user"))
    people = Membership.objects.filter(Exists(cast), study=study, user__simulated=False)
    ways = people.values_list("entry__link__source", Exists(asked))
    tally = Counter(source or (INVITED if invited else ADDED) for source, invited in ways)
    return tuple(sorted(tally.items(), key=lambda way: (-way[1], way[0])))


def origin_words(came: tuple[tuple[str, int], ...]) -> str:
    """ "12 people by a link on Prolific and 3 people by invitation"; empty where nobody came."""
    said = [f"{counted(n, 'person', 'people')} {_WAYS[way]}" for way, n in came]
    return listed(said)
