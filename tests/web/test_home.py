"""The annotator's own page."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from annotate.judging.launch import launch
from annotate.judging.models import Assignment, Vote
from annotate.judging.queue import hand, skip
from annotate.judging.voting import Ballot, submit
from annotate.people.models import Role
from annotate.studies.lifecycle import move
from annotate.studies.models import Study
from annotate.web.home import hours_and_minutes, own_counts, study_lines
from tests.factories import NOW, join, make_study, make_user
from tests.judging.test_diversity import open_study as open_diverse

pytestmark = pytest.mark.django_db


def open_study(pairs=4, **extra):
    study = make_study(pairs=pairs, **extra)
    return launch(study, actor=study.owner)


def vote(study, user, *, active_ms=6000, at=NOW, count=1):
    place = study.memberships.get(user=user)
    for _ in range(count):
        ballot = Ballot(
            token=hand(place)[0].token, answers={"alignment": "left"}, active_ms=active_ms
        )
        taken = timezone.now() - timedelta(milliseconds=active_ms)
        Assignment.objects.filter(token=ballot.token).update(leased_at=taken)
        stored = submit(place, ballot)
        assert stored.created
        Vote.objects.filter(token=ballot.token).update(created_at=at)


def only_line(user):
    (line,) = study_lines(user)
    return line


def see(client, user, name="home"):
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.get(reverse(name))


def test_left_is_what_this_annotator_has_neither_judged_nor_skipped():
    study = open_study(pairs=6)
    user = join(study)
    vote(study, user, count=2)
    place = study.memberships.get(user=user)
    skip(place, hand(place)[0].token)
    assert (only_line(user).done, only_line(user).left, only_line(user).total) == (2, 3, 5)


def test_what_others_finished_is_not_left():
    study = open_study(pairs=2, protocol={"overlap": 1, "min_votes": 1})
    quick, slow = join(study), join(study)
    vote(study, quick, count=2)
    assert (only_line(quick).left, only_line(slow).left) == (0, 0)
    assert not only_line(slow).has_work


def test_a_pair_somebody_else_holds_is_left_once_the_lease_ran_out():
    study = open_study(pairs=1, protocol={"overlap": 1, "min_votes": 1})
    first, second = join(study), join(study)
    hand(study.memberships.get(user=first))
    assert only_line(second).left == 0
    Assignment.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    assert only_line(second).left == 1


def test_the_time_left_follows_ones_own_pace():
    study = open_study(pairs=15)
    user = join(study)
    vote(study, user, active_ms=60_000, count=4)
    assert only_line(user).minutes_left is None
    vote(study, user, active_ms=60_000)
    assert (only_line(user).left, only_line(user).minutes_left) == (10, 10)


def test_counts_are_ones_own_and_by_time():
    study = open_study(pairs=5)
    user, other = join(study), join(study)
    vote(study, user, at=NOW - timedelta(hours=1), active_ms=120_000)
    vote(study, user, at=NOW - timedelta(days=2), active_ms=60_000)
    vote(study, user, at=NOW - timedelta(days=20), active_ms=60_000)
    vote(study, other, at=NOW)
    counts = [(c.label, c.pairs, c.active) for c in own_counts(user, now=NOW)]
    assert counts == [
        ("Last 24 hours", 1, "2 min"),
        ("Last 7 days", 2, "3 min"),
        ("In all", 3, "4 min"),
    ]


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [(0, "0 min"), (89_000, "1 min"), (3_600_000, "1 h 0 min"), (6_540_000, "1 h 49 min")],
)
def test_time_is_told_in_hours_and_minutes(milliseconds, words):
    assert hours_and_minutes(milliseconds) == words


def test_the_page_names_no_study_and_no_method_by_its_inner_name(client):
    study = open_study(name="Distilled beats teacher", methods=("four-step", "teacher-50"))
    page = see(client, join(study)).content.decode()
    assert "Side by side" in page
    for secret in ("Distilled", "four-step", "teacher-50", study.owner.username):
        assert secret not in page


def test_a_study_with_work_offers_to_begin_and_then_to_go_on(client):
    study = open_study()
    user = join(study)
    link = reverse("judge", args=[study.uid])
    page = see(client, user).content.decode()
    assert f'href="{link}">Start<' in page
    assert f'href="{link}#instructions"' in page
    vote(study, user)
    assert f'href="{link}">Continue<' in see(client, user).content.decode()


def test_studies_with_work_stand_first(client):
    user = make_user()
    join(make_study(), user)
    busy = open_study()
    join(busy, user)
    lines = see(client, user).context["lines"]
    assert [line.has_work for line in lines] == [True, False]
    assert lines[0].uid == str(busy.uid)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Study.State.DRAFT, "has not begun"),
        (Study.State.PAUSED, "is resting"),
        (Study.State.CLOSED, "is finished"),
    ],
)
def test_a_study_that_is_not_open_says_so_and_has_no_link(client, state, words):
    study = make_study()
    if state != Study.State.DRAFT:
        move(launch(study, actor=study.owner), state, actor=study.owner)
    page = see(client, join(study)).content.decode()
    assert words in page
    link = reverse("judge", args=[study.uid])
    assert f'href="{link}"' not in page
    assert f'href="{link}#' not in page


def test_nothing_left_is_said_kindly(client):
    study = open_study(pairs=2)
    user = join(study)
    vote(study, user, count=2)
    page = see(client, user).content.decode()
    assert "Nothing left to judge here" in page
    assert "Thank you, your 2 answers are in." in page
    assert 'class="btn' not in page.split("</header>", 2)[-1].split("<aside")[0]


def test_who_is_in_no_study_is_told_how_to_get_into_one(client):
    assert "An invitation is a link" in see(client, make_user()).content.decode()


def test_archived_studies_and_left_ones_are_not_shown():
    study = open_study()
    user = join(study)
    study.memberships.filter(user=user).update(active=False)
    assert list(study_lines(user)) == []
    study.memberships.filter(user=user).update(active=True)
    for state in (Study.State.CLOSED, Study.State.ARCHIVED):
        move(study, state, actor=study.owner)
    assert list(study_lines(user)) == []


def test_researchers_start_at_their_studies_and_find_their_own_work(client):
    user = make_user(Role.RESEARCHER)
    study = open_study()
    join(study, user)
    assert see(client, user)["Location"] == reverse("studies")
    assert "Side by side" in see(client, user, "my-work").content.decode()


def test_each_further_study_costs_few_queries(client, django_assert_max_num_queries):
    user = make_user()
    for _ in range(4):
        join(open_study(), user)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    with django_assert_max_num_queries(7 + 3 * 4):
        client.get(reverse("home"))


def test_a_foreign_study_never_shows():
    open_study()
    study = open_study()
    assert only_line(join(study)).uid == str(study.uid)


def test_a_study_of_diversity_is_not_said_to_ask_for_the_better_picture():
    asked = only_line(join(open_diverse(prompts=1))).asked
    assert "how different they are" in asked
    assert "better" not in asked
