"""A launched study grows: what is added, what stays, and what is refused."""

import hashlib
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotate.judging import queue, verdicts
from annotate.judging.growing import GrowthRefused, grow
from annotate.judging.launch import launch
from annotate.judging.models import Verdict, Vote
from annotate.judging.opening import open_ready
from annotate.reports.report import make_report
from annotate.reports.sentences import methods
from annotate.sampling.models import Sample
from annotate.sampling.samples import sample_prompt_digest
from annotate.studies.create import clone_study
from annotate.studies.models import Contrast, Method, Study
from annotate.studies.prompts import PromptRow, store_prompts
from tests.factories import NOW, make_generated, make_image, make_picture, make_study
from tests.judging.arrange import member, vote_all, vote_for

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]
ONE = {"overlap": 1, "min_votes": 1, "prefetch": 0}


def open_study(*, pairs: int = 2, **protocol) -> Study:
    return launch(make_study(pairs=pairs, protocol=ONE | protocol), actor=None, now=NOW)


def clone(study: Study, **protocol) -> Study:
    draft = clone_study(study, owner=study.owner, name="more")
    draft.spec = draft.spec | {"protocol": draft.spec["protocol"] | protocol}
    draft.save()
    return draft


def add_prompts(draft: Study, *keys: str) -> None:
    """The next version of the draft's prompts with these more, and a picture of each method."""
    old = draft.prompt_sets.get()
    rows = [PromptRow(p.key, p.text, p.group) for p in old.prompts.order_by("order")]
    rows += [PromptRow(key, f"text of {key}", f"group {key}") for key in keys]
    new = store_prompts(old.name, rows)
    draft.prompt_sets.set([new])
    draft.contrasts.update(prompt_set=new)
    for method in draft.methods.all():
        for prompt in new.prompts.filter(key__in=keys):
            add_picture(method, prompt)


def add_picture(method: Method, prompt) -> None:
    Sample.objects.create(
        method_digest=method.digest,
        prompt_digest=sample_prompt_digest(method, prompt),
        state=Sample.State.DONE,
        image=make_image(),
    )


def test_verdicts_keep_the_hash_that_was_frozen_though_this_version_would_write_another():
    study = open_study()
    frozen = hashlib.sha256(b"frozen by an earlier version").hexdigest()
    Study.objects.filter(pk=study.pk).update(protocol_hash=frozen)
    vote_for(member(study), "first")
    assert Verdict.objects.get().protocol_hash == frozen


def test_votes_keep_the_protocol_they_were_given_under_and_old_ones_are_told_by_the_log():
    study = open_study()
    vote_for(member(study), "first")
    before = study.protocol_hash
    draft = clone(study)
    add_prompts(draft, "new")
    grow(study, draft, actor=None, now=NOW + timedelta(hours=1))
    vote_for(member(study), "first", now=NOW + timedelta(hours=2))
    told = [before, study.protocol_hash]
    stored = Vote.objects.order_by("created_at").values_list("protocol_hash", flat=True)
    assert list(stored) == told
    Vote.objects.update(protocol_hash="")
    backfill = import_module("annotate.judging.migrations.0010_votes_keep_their_protocol")
    backfill.name_their_protocol(apps, connection.schema_editor())
    assert list(stored.all()) == told


def test_a_protocol_is_remembered_under_the_hash_it_was_frozen_with_and_no_other():
    study = open_study(lease_minutes=7)
    draft = clone(study, lease_minutes=3)
    add_prompts(draft, "new")
    verdicts._launched.clear()
    # As a request reads it: the hash first, the specification when it is needed.
    early = Study.objects.only("protocol_hash").get(pk=study.pk)
    grow(study, draft, actor=None, now=NOW)
    assert verdicts.protocol_of(early).lease_minutes == 3
    frozen = {key: said.lease_minutes for key, said in verdicts._launched.items()}
    assert frozen == {study.protocol_hash: 3}


def test_growing_leaves_the_key_of_the_study_to_votes_that_need_it():
    study = open_study()
    draft = clone(study)
    add_prompts(draft, "new")
    with CaptureQueriesContext(connection) as asked:
        grow(study, draft, actor=None)
    locks = [q["sql"] for q in asked if '"studies_study"' in q["sql"] and " FOR " in q["sql"]]
    assert len(locks) >= (connection.vendor == "postgresql")
    assert not [sql for sql in locks if sql.endswith("FOR UPDATE")]


def test_new_prompts_come_behind_the_old_ones_under_a_new_hash_and_votes_stay():
    study = open_study()
    who = member(study)
    vote_all([who])
    before, verdicts = study.protocol_hash, set(Verdict.objects.values_list("pk", "decided_at"))
    votes = set(Vote.objects.values_list("pk", "choice"))
    draft = clone(study)
    add_prompts(draft, "p7", "p8")
    grown = grow(study, draft, actor=study.owner, now=NOW)
    assert (grown.prompts, grown.methods, grown.contrasts, grown.items) == (2, 0, 0, 2)
    assert study.protocol_hash == study.read_protocol().digest() != before
    assert {c.prompt.key for c in study.comparisons.order_by("order")[2:]} == {"p7", "p8"}
    who.refresh_from_db()
    vote_all([who])
    assert set(Vote.objects.values_list("pk", "choice")) > votes
    assert set(Verdict.objects.values_list("pk", "decided_at")) > verdicts
    report = make_report(study, now=NOW)
    assert report.protocols == ((before, 2), (study.protocol_hash, 2))
    assert report.contrasts[0].prompts == 4
    assert any(f"2 verdicts under {before[:8]}" in line for line in methods(report))


def test_a_new_method_brings_its_contrasts_and_shares_pairs_that_are_there():
    study = open_study()
    vote_all([member(study)])
    draft = clone(study)
    method = Method.objects.create(study=draft, name="third", digest="3" * 64, order=2)
    teacher = draft.methods.get(name="teacher")
    prompts = draft.prompt_sets.get()
    Contrast.objects.create(study=draft, a=method, b=teacher, prompt_set=prompts, order=1)
    # Of p0 it made the student's picture: that pair is judged already.
    student = Sample.objects.get(
        method_digest=draft.methods.get(name="student").digest,
        prompt_digest=sample_prompt_digest(method, prompts.prompts.get(key="p0")),
    )
    Sample.objects.create(
        method_digest=method.digest,
        prompt_digest=student.prompt_digest,
        state=Sample.State.DONE,
        image=student.image,
    )
    add_picture(method, prompts.prompts.get(key="p1"))
    grown = grow(study, draft, actor=None, now=NOW)
    assert (grown.methods, grown.contrasts, grown.items) == (1, 1, 2)
    assert study.comparisons.count() == 3
    assert len(queue.hand(member(study), now=NOW)) == 1


def test_generated_prompts_are_planned_and_open_when_their_pictures_come():
    study = make_generated(contrasts=(("student", "teacher"),), prompts=1)
    launch(study, actor=None, now=NOW)
    draft = clone_study(study, owner=study.owner, name="more")
    old = draft.prompt_sets.get()
    rows = [PromptRow(p.key, p.text, p.group) for p in old.prompts.all()] + [PromptRow("n", "new")]
    new = store_prompts(old.name, rows)
    draft.prompt_sets.set([new])
    grown = grow(study, draft, actor=None, now=NOW)
    assert (grown.items, grown.prompts) == (1, 1)
    assert grown.jobs
    assert study.planned_items.count() == 2
    for method in ("student", "teacher"):
        make_picture(study, method, "n")
    assert open_ready(study, now=NOW) == 1
    vote_for(member(study), "first")


def test_what_says_how_work_goes_on_may_change_and_what_decides_may_not():
    study = open_study()
    draft = clone(study, lease_minutes=3)
    add_prompts(draft, "p7")
    grow(study, draft, actor=None, now=NOW)
    assert study.read_protocol().lease_minutes == 3
    for name, value in (("ties", "forbid"), ("seed", 5), ("identical", "show"), ("overlap", 2)):
        other = clone(study, **{name: value})
        add_prompts(other, name)
        with pytest.raises(GrowthRefused, match=f"{name} is "):
            grow(study, other, actor=None, now=NOW)


def test_a_draft_that_adds_nothing_loses_something_or_is_no_clone_is_refused():
    study = open_study()
    before = study.protocol_hash
    for draft, told in (
        (clone(study), "adds no pair"),
        (make_study(), "cloned from this study"),
    ):
        with pytest.raises(GrowthRefused, match=told):
            grow(study, draft, actor=None, now=NOW)
    less = clone(study)
    less.contrasts.all().delete()
    less.methods.filter(name="student").delete()
    with pytest.raises(GrowthRefused, match="'student' is missing"):
        grow(study, less, actor=None, now=NOW)
    study.refresh_from_db()
    assert study.protocol_hash == before
    Study.objects.filter(pk=study.pk).update(state="closed")
    with pytest.raises(CommandError, match="only an open or paused one grows"):
        call_command("extend_study", str(study.uid), str(clone(study).uid))


def test_a_prompt_with_another_context_is_another_prompt_and_an_unstored_one_stops_growth():
    study = open_study()
    draft = clone(study)
    add_prompts(draft, "new")
    new = draft.prompt_sets.get().prompts
    new.filter(key="new").update(context="ab" * 32)
    with pytest.raises(GrowthRefused, match="as its context, which is not stored"):
        grow(study, draft, actor=study.owner)
    new.update(context=make_image().digest)
    with pytest.raises(GrowthRefused, match=r"2 prompts of contrast .* are gone or changed"):
        grow(study, draft, actor=study.owner)
    new.exclude(key="new").update(context="")
    assert grow(study, draft, actor=study.owner).items == 1


def test_the_command_says_what_was_added(capsys):
    study = open_study()
    draft = clone(study)
    add_prompts(draft, "p7")
    call_command("extend_study", str(study.uid), str(draft.uid))
    assert "New: 1 prompt, 0 methods, 0 contrasts, 1 item" in capsys.readouterr().out


@pytest.mark.parametrize("seed", range(3))
def test_old_and_new_pairs_together_begin_on_the_left_half_of_the_time(seed):
    study = open_study(pairs=3, seed=seed)
    for more in (("p7",), ("p8", "p9", "p10")):
        draft = clone(study)
        add_prompts(draft, *more)
        grow(study, draft, actor=None, now=NOW)
        rows = study.assignments.filter(slot=1).values_list("lead_left", flat=True)
        assert abs(sum(rows) - (len(rows) - sum(rows))) <= 1
    assert len(rows) == 7
