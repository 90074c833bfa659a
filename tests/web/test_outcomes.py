"""The laboratory for a file: the page, the download, and every way in which a file can be wrong."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotate.people.models import Role
from annotate.web.outcomes import LIMIT, MOST_ESTIMATORS
from tests.factories import make_user
from tests.reports.laboratory_arrange import WORKED, scored_csv

pytestmark = [pytest.mark.django_db, pytest.mark.whole]
HEAD = "prompt,student,refined\n"


@pytest.fixture
def researcher(client: Client) -> Client:
    client.force_login(make_user(Role.RESEARCHER))
    return client


def send(client: Client, file: str | bytes, /, **fields: str) -> Any:
    content = file.encode() if isinstance(file, str) else file
    upload = SimpleUploadedFile("spring outcomes.csv", content)
    return client.post(reverse("laboratory-file"), {"outcomes": upload} | fields)


def told(answer: Any) -> str:
    plain = re.sub(r"<[^>]+>", " ", answer.content.decode()).replace("&#x27;", "'")
    return re.sub(r"\s+", " ", plain.replace("\u00a0", " "))


def test_the_empty_page_explains_every_column(researcher: Client) -> None:
    said = told(researcher.get(reverse("laboratory-file")))
    for column in ("prompt", "student_votes", "refined_annotators", "NAME@teacher"):
        assert column in said
    assert "would win" not in said


@pytest.mark.bothdb
def test_a_file_becomes_the_laboratorys_page(researcher: Client) -> None:
    answer = send(researcher, WORKED, student_steps="5", refine_steps="10")
    assert answer.status_code == 200
    said = told(answer)
    assert "would win 70.0 % and lose 10.0 % of 10 prompts" in said
    assert "By model M1 symmetric, rule not_worse" in said
    assert "5 + 10" in said
    assert "The file holds no scores" in said
    assert answer.content.decode().count('class="plot plot-wide"') == 2


def test_another_question_is_asked_of_the_same_file_without_choosing_it_again(
    researcher: Client,
) -> None:
    page = send(researcher, WORKED).content.decode()
    (text,) = re.findall(r'name="text" value="([^"]*)"', page)
    assert text == WORKED
    fields = {"title": "spring outcomes.csv", "model": "M3", "rule": "win_only", "k": "50"}
    # Forms write line ends as CR LF.
    sent = {"text": text.replace("\n", "\r\n")} | fields
    said = told(researcher.post(reverse("laboratory-file"), sent))
    assert "By model M3 fixed budget, k = 50, rule win_only" in said
    assert "Another file than spring outcomes.csv" in said


def test_a_new_file_comes_before_the_one_that_the_page_carries(researcher: Client) -> None:
    answer = send(researcher, HEAD + "a,W,W\nb,W,W\nc,L,W\n", text=WORKED, title="old.csv")
    assert "of 3 prompts" in told(answer)


def test_everything_can_be_downloaded(researcher: Client) -> None:
    answer = send(researcher, scored_csv(40), give="zip")
    name = "spring-outcomes-laboratory.zip"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = set(archive.namelist())
        assert {"figure-16.svg", "score.svg", "curve.csv", "policy.csv", "laboratory.json"} <= names
        assert archive.read("curve.csv").decode().count("\n") == 52
    assert send(researcher, scored_csv(40), give="zip").content == answer.content


def test_nothing_is_kept_of_a_file(researcher: Client) -> None:
    researcher.get(reverse("laboratory-file"))
    with CaptureQueriesContext(connection) as asked:
        send(researcher, WORKED)
    verbs = {query["sql"].split()[0] for query in asked.captured_queries}
    assert not verbs & {"INSERT", "UPDATE", "DELETE"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + "p1,W,Q\np1,W,W\n", "line 2: refined is 'Q'"),
        (HEAD + "p1,W,Q\np1,W,W\n", "line 3: prompt 'p1' stands in line 2 already"),
        (HEAD + "p1,W\n", "line 2: 3 cells are needed"),
        ("prompt,student\np1,W\n", "line 1: the columns are prompt, student"),
        ("", "line 1: the columns are none"),
        (HEAD, "line 2: the file has no rows"),
        (HEAD + "p1,,W\n", "No prompt has a result for both student and refined"),
        (HEAD.encode() + b"p1,W,W\np\xff2,W,W\n", "line 3: not UTF-8 text"),
        (
            HEAD.strip() + "".join(f",e{i}" for i in range(MOST_ESTIMATORS + 1)) + "\n"
            "p1,W,W" + ",1" * (MOST_ESTIMATORS + 1) + "\n",
            "line 1: 9 estimators; this page takes at most 8",
        ),
        (
            HEAD.strip() + ",one,two\n" + "".join(f"p{i},W,W,1,2\n" for i in range(10_001)),
            "2 estimators on 10,001 prompts are 20,002 scores; this page takes at most 20,000",
        ),
        (HEAD + "x" * LIMIT, "The file is larger than 2 MB"),
    ],
)
def test_a_wrong_file_is_answered_with_its_lines(
    researcher: Client, text: str | bytes, words: str
) -> None:
    answer = send(researcher, text)
    assert answer.status_code == 422
    said = told(answer)
    assert words in said
    assert "Nothing was worked out" in said
    assert "would win" not in said


def test_no_file_and_half_of_the_steps_are_answered(researcher: Client) -> None:
    answer = researcher.post(reverse("laboratory-file"), {})
    assert (answer.status_code, "No file was sent" in told(answer)) == (422, True)
    for steps in ({"student_steps": "5"}, {"student_steps": "five", "refine_steps": "3"},
                  {"student_steps": "5", "refine_steps": "100000"}):  # fmt: skip
        answer = send(researcher, WORKED, **steps)
        assert (answer.status_code, "give two whole numbers" in told(answer)) == (422, True)


def test_a_band_that_the_file_does_not_allow_falls_back_with_a_word(researcher: Client) -> None:
    said = told(send(researcher, WORKED, band="crossed"))
    assert "Single votes are not known" in said
    assert "Shown are bands over prompts" in said
    assert "bootstrap over prompts, 2,000 draws" in said
    voted = told(send(researcher, scored_csv(20), band="votes"))
    assert "bootstrap over prompts and votes, 2,000 draws" in voted


@pytest.mark.parametrize("model", ["M1", "M2", "M3", "M3-skill", "M4"])
@pytest.mark.parametrize("result", ["W", "T", "L"])
def test_a_file_of_one_prompt_has_a_page_under_every_model(
    researcher: Client, model: str, result: str
) -> None:
    for k in ("0", "50", "100"):
        text = f"prompt,student,refined,score,score@teacher\np1,{result},W,0.5,0.1\n"
        assert send(researcher, text, model=model, k=k).status_code == 200


def test_words_of_a_file_are_never_markup(researcher: Client) -> None:
    text = 'prompt,student,refined,<script>alert(1)</script>\n"p""><b>",W,W,1\np2,L,W,0\n'
    html = send(researcher, text).content.decode()
    assert "<script>alert" not in html
    assert 'p""&gt;' not in html.split('name="text"')[0]
