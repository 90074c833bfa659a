"""Worked pairs on the study form are chosen by prompt id and method, and kept by digest."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from annotate.sampling.samples import finished, sample_prompt_digest
from annotate.studies.models import Method, Prompt
from annotate.web.forms import StudyForm
from tests.factories import make_study
from tests.web.test_researcher_form import posted

pytestmark = pytest.mark.django_db
ROW = "protocol-examples-0-"


@pytest.fixture
def study():
    return make_study(pairs=2)


def picture(study, prompt: Prompt, method: Method) -> str:
    return finished([method])[method.digest, sample_prompt_digest(method, prompt)][0].digest


def parts(study):
    """A prompt, its two pictures' names, and their digests."""
    prompt = Prompt.objects.filter(prompt_set__studies=study).first()
    methods = list(study.methods.order_by("pk"))
    names = [f"{prompt.key} / {m.name}" for m in methods]
    return prompt, names, [picture(study, prompt, m) for m in methods]


def filled(study, **row):
    """The study's form as sent with one worked pair typed into it."""
    data = posted(StudyForm(spec=study.read_spec(), study=study))
    data.update({ROW + name: value for name, value in row.items()})
    return StudyForm(data, study=study)


def example(form):
    assert form.is_valid(), form.errors
    return form.spec.protocol.examples[0]


def test_pictures_named_by_prompt_id_and_method_are_kept_by_digest(study):
    prompt, names, digests = parts(study)
    row = {"first": names[0], "second": names[1].replace(" ", ""), "answer": "1"}
    pair = example(filled(study, **row, explanation="so"))
    assert [pair.first, pair.second] == digests
    assert pair.prompt == prompt.text  # left blank, it is the picture's own


def test_a_prompt_that_was_written_stays(study):
    _, names, _ = parts(study)
    row = {"prompt": "A house", "first": names[0], "second": names[1], "answer": "1"}
    assert example(filled(study, **row, explanation="so")).prompt == "A house"


def test_digests_can_be_typed_as_before(study):
    row = {"prompt": "x", "first": "a" * 64, "second": "b" * 64, "answer": "equal"}
    pair = example(filled(study, **row, explanation="so"))
    assert (pair.first, pair.second) == ("a" * 64, "b" * 64)


def test_a_saved_pair_is_shown_by_name_and_sent_back_unchanged(study):
    _, names, digests = parts(study)
    row = {"first": names[0], "second": names[1], "answer": "2", "explanation": "so"}
    spec = filled(study, **row)
    assert spec.is_valid()
    shown = StudyForm(spec=spec.spec, study=study)
    assert [shown.initial["protocol-examples"][0][s] for s in ("first", "second")] == names
    again = example(StudyForm(posted(shown), study=study))
    assert [again.first, again.second] == digests


def test_a_method_with_a_slash_in_its_name_is_found():
    study = make_study(pairs=1, methods=("sd/turbo", "sd/1.5"))
    _, names, digests = parts(study)
    row = {"first": names[0], "second": names[1], "answer": "1", "explanation": "so"}
    assert example(filled(study, **row)).first == digests[0]


@pytest.mark.parametrize("name", ["nothing / student", "student", "{key} / nobody"])
def test_an_unknown_picture_is_named_with_its_row_and_column(study, name):
    prompt, names, _ = parts(study)
    name = name.format(key=prompt.key)
    form = filled(study, first=names[0], second=name, answer="1", explanation="so")
    assert not form.is_valid()
    (said,) = form.errors["protocol-examples"]
    assert said.startswith(f"Row 1: second: no picture here is called '{name}'")


def test_the_pictures_of_another_study_cannot_be_named(study):
    other = make_study(pairs=1, methods=("foreign", "teacher"))
    _, names, _ = parts(other)
    form = filled(study, first=names[0], second=names[0], answer="1", explanation="so")
    assert not form.is_valid()


def test_the_page_suggests_the_pictures_there_are(study):
    client = Client()
    client.force_login(study.owner)
    page = client.get(reverse("study-edit", args=[study.uid])).content.decode()
    listed = re.search(r'<datalist id="example-pictures">(.*?)</datalist>', page, re.S)[1]
    prompts = Prompt.objects.filter(prompt_set__studies=study).order_by("order")
    assert re.findall(r'value="([^"]+)"', listed) == [
        f"{p.key} / {m.name}" for p in prompts for m in study.methods.order_by("pk")
    ]
    assert f'name="{ROW}first"' in page
    assert page.count('list="example-pictures"') >= 2
