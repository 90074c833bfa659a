"""What stands where in the study form, and what can be entered there."""

import pytest
from django.urls import reverse

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
def test_who_would_pass_stands_beside_the_numbers_of_the_exam_and_follows_them(client):
    study = make_study(pairs=1, protocol={"exam_items": 12, "exam_pass": 10})
    client.force_login(study.owner)
    for page in (
        client.get(reverse("study-edit", args=[study.uid])),
        client.get(reverse("study-exam", args=[study.uid])),
        client.get(reverse("pass-table"), {"exam_items": "12", "exam_pass": "10"}),
    ):
        html = page.content.decode()
        assert "50 %, a guesser" in html
        assert ">1.9 %<" in html  # P(at least 10 of 12) = 79 / 4096
        assert "In 2 attempts" in html
    assert ">0.6 %<" in client.get(reverse("study-new")).content.decode()
    refused = client.get(reverse("pass-table"), {"exam_items": "5", "exam_pass": "9"})
    assert "9 right of 5 to pass" in refused.content.decode()


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
