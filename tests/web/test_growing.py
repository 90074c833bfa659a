"""The page on which a draft is added to the running study it was cloned from."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import make_user
from tests.judging.test_growing import add_prompts, clone, open_study

pytestmark = pytest.mark.django_db


def test_a_draft_is_added_to_the_running_study_it_was_cloned_from(client: Client):
    study = open_study()
    client.force_login(study.owner)
    draft = clone(study)
    page = reverse("study-launch", args=[draft.uid])
    told = client.get(page).content.decode()
    assert "Add to the running study" in told
    assert study.name in told
    refused = client.post(page, {"grow": "yes"})
    assert refused.status_code == 422
    assert "The study did not grow." in refused.content.decode()
    add_prompts(draft, "page")
    told = client.post(page, {"grow": "yes"}, follow=True)
    assert told.redirect_chain[0][0] == reverse("study", args=[study.uid])
    assert "1 prompt and 0 methods more, 1 new item." in told.content.decode()


def test_only_who_manages_the_running_study_may_add_to_it(client: Client):
    study = open_study()
    draft = clone(study)
    study.memberships.filter(user=study.owner).delete()
    client.force_login(study.owner)
    page = reverse("study-launch", args=[draft.uid])
    assert "running study" not in client.get(page).content.decode()
    assert client.post(page, {"grow": "yes"}).status_code == 404
    client.force_login(make_user())
    assert client.post(page, {"grow": "yes"}).status_code in {403, 404}
