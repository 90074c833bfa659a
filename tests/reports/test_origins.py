"""The checklist says by what way those who judged came, as far as it is known."""

from __future__ import annotations

from datetime import timedelta

import pytest

from annotate.people.invitations import invite
from annotate.people.models import Invitation
from annotate.reports.checklist import answers
from annotate.reports.freeze import frozen_report
from annotate.reports.models import FrozenReport
from annotate.reports.report import Report, make_report
from annotate.studies.entry import make_link
from annotate.studies.entry_models import Entry
from annotate.studies.lifecycle import move
from annotate.studies.models import Membership, Study, StudyInvitation
from tests.factories import NOW, join
from tests.reports.arrange import voted

pytestmark = pytest.mark.whole


def asked(report: Report) -> str:
    return dict(answers(report))["Where they came from, what they were paid"]


@pytest.mark.django_db
def test_the_checklist_counts_those_who_judged_by_the_way_they_came() -> None:
    study, people = voted(["abtaa"], annotators=5, protocol={"overlap": 5})
    link = make_link(
        study,
        source="prolific",
        created_by=study.owner,
        now=NOW,
        expires_at=NOW + timedelta(days=1),
    )
    for person in people[:2]:
        place = Membership.objects.get(study=study, user=person)
        Entry.objects.create(membership=place, link=link, at=NOW)
    used, _ = invite(role="annotator", created_by=study.owner, now=NOW)
    Invitation.objects.filter(pk=used.pk).update(used_at=NOW, used_by=people[2])
    StudyInvitation.objects.create(invitation=used, study=study, role="annotator")
    people[4].simulated = True
    people[4].save()
    join(study)  # came, and judged nothing
    said = (
        "2 people by a link on Prolific, 1 person added by a researcher and 1 person by "
        "invitation; what they were paid is not recorded here"
    )
    assert asked(make_report(study, now=NOW)) == said
    move(study, Study.State.CLOSED, actor=study.owner)
    assert asked(frozen_report(FrozenReport.objects.get())) == said


@pytest.mark.django_db
def test_of_programs_nothing_is_said() -> None:
    study, people = voted(["aaa"], simulated=True)
    for person in people:
        person.simulated = True
        person.save()
    assert asked(make_report(study, now=NOW)) == "not recorded here"
