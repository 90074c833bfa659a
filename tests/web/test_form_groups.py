"""What stands where in the study form, and what can be entered there."""

import pytest

from annotate.studies.protocol import Protocol
from annotate.studies.spec import StudySpec
from annotate.web.forms import StudyForm
from tests.factories import make_study
from tests.web.test_researcher_form import posted


def test_what_is_judged_is_asked_first_among_the_questions_and_nothing_is_left_over():
    groups = {heading: [f.html_name for f in fields] for heading, fields in StudyForm().groups}
    first, second, *_ = groups["Questions and verdicts"]
    assert (first, second) == ("protocol-kind", "protocol-attribute_levels")
    assert "More" not in groups


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["7", None])
def test_the_revision_is_counted_and_cannot_be_typed(typed):
    study = make_study(pairs=1)
    study.spec["protocol"]["revision"] = 3
    data = posted(StudyForm(spec=study.read_spec(), study=study))
    data.pop("protocol-revision", None)
    if typed:
        data["protocol-revision"] = typed
    form = StudyForm(data, study=study)
    assert form.is_valid(), form.errors
    assert form.spec.protocol.revision == 3
    data = posted(StudyForm(spec=StudySpec(name="new", protocol=Protocol(revision=5))))
    again = StudyForm(data)
    assert again.is_valid(), again.errors
    assert again.spec.protocol.revision == 1
