"""Votes from elsewhere in the browser: a file becomes a report, or a list of what is wrong."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from annotate.people.models import Role
from annotate.studies.models import Study
from tests.factories import make_user

HEADER = "prompt,first,second,annotator,winner\n"


def sent(client: Client, text: str):
    upload = SimpleUploadedFile("crowd.csv", text.encode())
    return client.post(reverse("votes-import"), {"name": "", "votes": upload}, follow=True)


@pytest.mark.django_db
def test_a_file_becomes_a_report_without_pictures_or_a_list_of_mistakes(client: Client) -> None:
    client.force_login(make_user(Role.RESEARCHER))
    refused = sent(client, HEADER + "cat,x,y,w1,x\ncat,x,y,w1,y\n")
    assert refused.status_code == 422
    assert "Line 3: `w1` judged this pair on line 2 already." in refused.content.decode()
    assert not Study.objects.exists()
    page = sent(client, HEADER + "".join(f"cat,x,y,w{n},x\n" for n in range(3)))
    assert "3 votes of 3 annotators on 1 pairs." in page.content.decode()
    study = Study.objects.get()
    told = client.get(reverse("study-report", args=[study.uid])).content.decode()
    assert "The votes were cast elsewhere and imported: 3 votes of 3 annotators" in told
    assert "Instructions" not in told
    assert "<img" not in told
    assert "Reopen" not in client.get(reverse("study", args=[study.uid])).content.decode()
    for tab in ("study-samples", "study-members", "study-edit"):
        assert client.get(reverse(tab, args=[study.uid])).status_code == 200
    again = sent(client, HEADER + "".join(f"cat,x,y,w{n},x\n" for n in range(3)))
    assert "Nothing changed" in again.content.decode()
    assert Study.objects.count() == 1
