"""The making of pictures paused, resumed, cancelled and retried from the command line."""

from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from annotate.judging.launch import launch
from tests.factories import NOW, make_generated

pytestmark = pytest.mark.django_db


def test_jobs_are_paused_resumed_cancelled_and_retried_as_on_the_page(capsys):
    study = launch(make_generated(prompts=2), actor=None, now=NOW)
    uid, jobs = str(study.uid), study.jobs.count()
    for verb, state in (
        ("pause", "paused"),
        ("resume", "queued"),
        ("cancel", "cancelled"),
        ("retry", "queued"),
    ):
        call_command("sampling", uid, verb, "--user", study.owner.username)
        assert set(study.jobs.values_list("state", flat=True)) == {state}
        assert capsys.readouterr().out.startswith(f"{jobs} jobs")
    assert study.events.latest("pk").actor == study.owner
    call_command("sampling", uid)
    assert capsys.readouterr().out.startswith("0 of ")
    for wrong in ((str(uuid4()),), (uid, "pause", "--user", "nobody"), (uid, "stop")):
        with pytest.raises(CommandError):
            call_command("sampling", *wrong)
