"""Importing in the browser: all or nothing, with the lines to correct."""

import io
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from annotate.people.models import Role
from annotate.sampling.models import ImportRun, Sample
from annotate.studies.create import create_study
from annotate.studies.models import Study
from annotate.studies.spec import parse_spec
from tests.factories import make_user

pytestmark = pytest.mark.django_db

MANIFEST = "prompt_id,prompt,method,file\n1,a cat,a,a.png\n1,a cat,b,b.png\n"


def png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return out.getvalue()


def zipped(**files: bytes) -> SimpleUploadedFile:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "."), data)
    return SimpleUploadedFile("pictures.zip", out.getvalue())


@pytest.fixture
def draft() -> Study:
    spec = parse_spec({"name": "x", "contrasts": [{"a": "a", "b": "b"}]})
    return create_study(spec, owner=make_user(Role.RESEARCHER))


@pytest.fixture
def client(draft: Study) -> Client:
    client = Client()
    client.force_login(draft.owner)
    return client


def send(client: Client, draft: Study, headers: dict[str, str] | None = None, **files: Any) -> Any:
    return client.post(reverse("study-import", args=[draft.uid]), files, headers=headers or {})


def test_a_zip_with_its_manifest_inside_is_imported(client: Client, draft: Study) -> None:
    whole = zipped(a_png=png("red"), b_png=png("blue"), manifest_csv=MANIFEST.encode())
    answer = send(client, draft, pictures=whole)
    assert answer["Location"] == reverse("study-samples", args=[draft.uid])
    assert Sample.objects.count() == 2
    assert draft.contrasts.count() == 1
    html = client.get(answer["Location"]).content.decode()
    assert "2 rows read, 2 new samples, 2 different pictures." in html
    assert html.count('<img class="thumb ') == 2


def test_a_manifest_beside_the_zip_is_used_and_its_name_is_kept(
    client: Client, draft: Study
) -> None:
    pictures = zipped(a_png=png("red"), b_png=png("blue"))
    manifest = SimpleUploadedFile("list of pictures.csv", MANIFEST.encode())
    send(client, draft, pictures=pictures, manifest=manifest)
    assert ImportRun.objects.get().name == "list of pictures.csv"


def test_errors_come_with_their_lines_and_nothing_is_imported(client: Client, draft: Study) -> None:
    pictures = zipped(a_png=png("red"), manifest_csv=MANIFEST.encode())
    page = send(client, draft, pictures=pictures)
    html = page.content.decode()
    assert page.status_code == 422
    assert "Nothing was imported." in html
    assert "Line 3: file `b.png` is missing in the zip." in html
    assert not Sample.objects.exists()


def test_the_script_is_told_where_to_go(client: Client, draft: Study) -> None:
    whole = zipped(a_png=png("red"), b_png=png("blue"), manifest_csv=MANIFEST.encode())
    answer = send(client, draft, {"X-Part": "import"}, pictures=whole)
    assert answer.json() == {"next": reverse("study-samples", args=[draft.uid])}


def test_a_form_without_a_zip_says_so(client: Client, draft: Study) -> None:
    page = send(client, draft)
    assert "No zip with pictures was sent." in page.content.decode()


def test_an_upload_above_the_limit_is_not_kept_and_says_what_to_do(
    client: Client, draft: Study, settings: Any
) -> None:
    settings.UPLOAD_LIMIT = 2000
    page = send(client, draft, pictures=zipped(a_png=png("red") + bytes(3000)))
    assert page.status_code == 422
    assert "The upload is larger than 2 GB." in page.content.decode()
    assert not ImportRun.objects.exists()


def test_a_launched_study_takes_no_pictures(client: Client, draft: Study) -> None:
    Study.objects.filter(pk=draft.pk).update(state="open", protocol_hash="f" * 64)
    whole = zipped(a_png=png("red"), b_png=png("blue"), manifest_csv=MANIFEST.encode())
    page = send(client, draft, pictures=whole)
    assert "pictures are imported into drafts only" in page.content.decode()
    assert not Sample.objects.exists()
