"""Worked pairs of a diversity study: by line and level, kept by digest, shown in order."""

import pytest
from django.test import Client
from django.urls import reverse

from annotate.analysis.diversity import Attribute
from annotate.judging.growing import GrowthRefused, grow
from annotate.judging.launch import LaunchRefused, launch, plan
from annotate.studies.create import clone_study
from annotate.studies.protocol import Protocol
from annotate.studies.spec import parse_toml, to_toml
from annotate.studies.worked_pairs import RatedPair
from annotate.web.forms import StudyForm
from tests.factories import NOW, join, make_image, make_picture
from tests.judging.test_diversity import make_diverse, open_study
from tests.web.test_researcher_form import posted

pytestmark = pytest.mark.django_db
PAIR = {
    "prompt": "a teapot",
    "first": "a" * 64,
    "second": "b" * 64,
    "attribute": "main_object",
    "level": 1,
    "explanation": "Another colour.",
}


def stored(**said):
    first, second = make_image("worked one"), make_image("worked two")
    return PAIR | {"first": first.digest, "second": second.digest} | said


def test_the_lines_of_worked_pairs_are_those_of_the_screen():
    allowed = RatedPair.model_json_schema()["properties"]["attribute"]["enum"]
    assert allowed == [str(attribute) for attribute in Attribute]


def test_a_protocol_without_them_has_the_digest_it_had_before_there_were_any():
    bare = Protocol(kind="diversity")
    assert "rated_examples" not in bare.model_dump(mode="json")
    assert Protocol(kind="diversity", rated_examples=[]).digest() == bare.digest()
    assert Protocol(kind="diversity", rated_examples=[PAIR]).digest() != bare.digest()


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"kind": "pairwise"}, "Write examples, which say who wins"),
        ({"attribute_levels": 2, "level": 2}, "row 1: level 2; 2 levels are 0 to 1"),
        ({"second": "a" * 64}, "Set level 0"),
    ],
)
def test_a_pair_that_the_study_could_not_ask_is_refused(choices, said):
    pair = {name: choices.get(name, value) for name, value in PAIR.items()}
    rest = {name: value for name, value in choices.items() if name not in PAIR}
    with pytest.raises(ValueError, match=said):
        Protocol(**{"kind": "diversity", "rated_examples": [pair]} | rest)


def test_launch_refuses_pictures_that_are_not_stored_and_asks_for_pairs_where_there_are_none():
    with pytest.raises(LaunchRefused, match="aaaaaaaaaaaa, which is not stored"):
        launch(make_diverse(rated_examples=[PAIR]), actor=None, now=NOW)
    told = [
        bool(
            plan(make_diverse(qualification=True, rated_examples=pairs))
            .warnings[0]
            .count("hold no worked pairs")
        )
        for pairs in ([], [stored()])
    ]
    assert told == [True, False]


def test_the_bench_shows_them_by_line_and_level_and_names_no_picture():
    pairs = [stored(level=2, explanation="last"), stored(explanation="first")]
    study = open_study(rated_examples=pairs)
    client = Client()
    client.force_login(join(study))
    page = client.get(reverse("judge", args=[study.uid])).content.decode()
    assert page.index("first") < page.index("last")
    assert "Examples for “Main object”" in page
    assert page.count("None for this line.") == 3
    assert pairs[0]["first"] not in page


def test_a_row_of_the_form_is_kept_and_shown_again_by_name():
    study = make_diverse(prompts=1)
    launch(study, actor=None, now=NOW)
    for replica in (0, 1):
        make_picture(study, "teacher", "p0", replica=replica)
    data = posted(StudyForm(spec=study.read_spec(), study=study))
    row = {"first": "p0 / teacher", "second": "p0 / teacher / replica 1"}
    row |= {"attribute": "style", "level": "0", "explanation": "so"}
    data.update({f"protocol-rated_examples-0-{name}": value for name, value in row.items()})
    form = StudyForm(data, study=study)
    assert form.is_valid(), form.errors
    (pair,) = form.spec.protocol.rated_examples
    assert (pair.level, pair.attribute) == (0, "style")
    assert pair.first != pair.second
    assert parse_toml(to_toml(form.spec)) == form.spec
    again = StudyForm(posted(StudyForm(spec=form.spec, study=study)), study=study)
    assert again.is_valid()
    assert again.spec == form.spec
    data["protocol-rated_examples-0-second"] = "p0 / teacher / replica 7"
    wrong = StudyForm(data, study=study)
    assert "Row 1: second: no picture here" in wrong.errors["protocol-rated_examples"][0]


def test_the_form_s_preview_of_the_instructions_shows_their_worked_pairs():
    study = make_diverse(rated_examples=[stored()])
    client = Client()
    client.force_login(study.owner, backend="django.contrib.auth.backends.ModelBackend")
    data = posted(StudyForm(spec=study.read_spec(), study=study)) | {"preview": "1"}
    html = client.post(reverse("study-edit", args=[study.uid]), data).content.decode()
    preview = html[html.index('id="preview"') : html.index("</section>", html.index("preview"))]
    assert preview.count("<img") == 2
    assert "Main object: Somewhat." in preview
    study.refresh_from_db()
    assert study.read_spec().protocol.revision == 1


def test_a_running_study_takes_no_other_worked_pairs():
    study = open_study()
    draft = clone_study(study, owner=study.owner, name="more")
    draft.spec["protocol"]["rated_examples"] = [stored()]
    draft.save()
    with pytest.raises(GrowthRefused, match="rated_examples is"):
        grow(study, draft, actor=None, now=NOW)
