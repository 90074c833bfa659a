"""Controls and mirrored repeats in live work: who meets them, and what they leave alone."""

from collections import Counter
from datetime import timedelta

import pytest

from annotate.judging import queue
from annotate.judging.launch import launch
from annotate.judging.mixing import REPEAT_AFTER, Place, claim_extra
from annotate.judging.models import Assignment, Comparison, Verdict, Vote
from annotate.judging.voting import invalidate, submit, undo
from annotate.studies.models import Membership, Study
from annotate.web.tasks import progress, task
from tests.factories import NOW, make_image, make_study
from tests.judging.arrange import ballot, member, vote, vote_all

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb, pytest.mark.whole]
Kind = Comparison.Kind
S = Assignment.State


def add_controls(study: Study, n: int) -> None:
    """Controls whose text match decides, as the item form would store them."""
    prompt = study.prompt_sets.get().prompts.first()
    Comparison.objects.bulk_create(
        Comparison(
            study=study,
            kind=Kind.CONTROL,
            prompt=prompt,
            first=make_image(f"{study.pk} control {i} a"),
            second=make_image(f"{study.pk} control {i} b"),
            expected={"alignment": "first"},
            explanation="Count comes before looks.",
            order=-1 - i,
        )
        for i in range(n)
    )


def mixed(*, pairs: int, controls: int = 10, **protocol: object) -> Study:
    rates = {"control_rate": 0.2, "repeat_rate": 0.1}
    study = make_study(pairs=pairs, protocol={"overlap": 1, "min_votes": 1} | rates | protocol)
    add_controls(study, controls)
    return launch(study, actor=None, now=NOW)


def own_kinds(who: Membership) -> list[str]:
    """The kinds of somebody's votes in the order in which they were given."""
    votes = Vote.objects.filter(annotator=who.user).order_by("pk")
    return list(votes.values_list("comparison__kind", flat=True))


def again(who: Membership) -> Membership:
    """As another request finds the same person."""
    return Membership.objects.select_related("study", "user").get(pk=who.pk)


def work(who: Membership, turns: int) -> None:
    """Judge so many pairs, each from a place read anew, as every request does."""
    for _ in range(turns):
        here = again(who)
        vote(here, queue.hand(here, now=NOW)[0].token)


def test_controls_and_repeats_come_at_their_rates_and_each_once():
    study = mixed(pairs=90)
    who = member(study)
    work(who, 100)
    assert own_kinds(who).count(Kind.CONTROL) == 10  # the pool, each once; the rate gives 20
    repeats = Vote.objects.filter(annotator=who.user, comparison__kind=Kind.REPEAT)
    assert 1 <= repeats.count() <= 7  # a tenth of the places after forty, less some controls
    seen = Vote.objects.filter(annotator=who.user).values_list("comparison", flat=True)
    assert max(Counter(seen).values()) == 1


def test_a_repeat_comes_forty_pairs_later_with_its_sides_swapped():
    study = mixed(pairs=90, controls=0, control_rate=0)
    who = member(study)
    work(who, 80)
    order = {v.comparison_id: v for v in Vote.objects.filter(annotator=who.user)}
    repeats = [v for v in order.values() if v.comparison.kind == Kind.REPEAT]
    assert repeats
    for again in repeats:
        first = order[again.comparison.mirrors_id]
        between = [v for v in order.values() if first.pk < v.pk < again.pk]
        assert len(between) >= REPEAT_AFTER
        assert again.assignment.flipped != first.assignment.flipped


def test_done_and_left_make_one_sum_whatever_kind_was_judged():
    study = mixed(pairs=70, controls=20, control_rate=0.1, repeat_rate=0.2)
    who = member(study)
    sums = set()
    for _ in range(70):
        work(who, 1)
        said = progress(again(who))
        sums.add(said["done"] + said["left"])
    assert set(own_kinds(who)) == {Kind.LIVE, Kind.CONTROL, Kind.REPEAT}
    assert sums == {round(70 / 0.7)}


def test_a_control_looks_to_the_page_like_a_live_pair():
    study = mixed(pairs=30)
    who = member(study)
    shown = {}
    for _ in range(20):
        here = again(who)
        lease = queue.hand(here, now=NOW)[0]
        kind = Comparison.objects.get(pk=lease.comparison_id).kind
        said = task(lease)
        shown[kind] = (list(said), [len(url) for url in said["images"]], said["size"])
        vote(here, lease.token)
    assert shown[Kind.CONTROL] == shown[Kind.LIVE]


def test_controls_and_repeats_come_to_no_verdict_and_finish_no_study():
    study = mixed(pairs=60)
    people = [member(study) for _ in range(3)]
    vote_all(people)
    kinds = Counter(Vote.objects.filter(study=study).values_list("comparison__kind", flat=True))
    assert kinds[Kind.LIVE] == 60
    assert kinds[Kind.CONTROL]
    assert Verdict.objects.exclude(comparison__kind=Kind.LIVE).count() == 0
    assert queue.is_complete(study)


def test_two_tabs_asking_at_once_get_one_extra():
    study = mixed(pairs=30, control_rate=0.3, repeat_rate=0)
    who = member(study)
    while again(who).served < again(who).next_extra or not again(who).served:
        work(who, 1)
    one, other = again(who), again(who)  # both read before either claims
    Assignment.objects.filter(state=S.LEASED).update(
        state=S.FREE, annotator=None, token=None, lease_until=None, lane=None
    )
    places = [Place(lane, lane, NOW, NOW + timedelta(minutes=10)) for lane in (0, 1)]
    assert claim_extra(one, places[0])
    assert claim_extra(other, places[1]) is None


def test_a_control_that_is_given_back_goes_to_nobody_else():
    study = mixed(pairs=30, control_rate=0.3, repeat_rate=0)
    who = member(study)
    queue.hand(who, now=NOW)
    while not (
        control := Assignment.objects.filter(comparison__kind=Kind.CONTROL, state=S.LEASED).first()
    ):
        work(who, 1)
    queue.release(study, who.user)
    control.refresh_from_db()
    assert (control.state, control.annotator) == (S.VOID, None)
    assert not Assignment.objects.filter(state=S.FREE, order__lt=0).exists()


def test_a_vote_on_a_control_can_be_undone_and_voided():
    study = mixed(pairs=30, control_rate=0.3, repeat_rate=0)
    who = member(study)
    while own_kinds(who)[-1:] != [Kind.CONTROL]:
        work(who, 1)
    last = Vote.objects.filter(annotator=who.user).latest("pk")
    lease, _ = undo(who, last.token, now=NOW)
    submit(who, ballot(lease.token, {"alignment": "right"}), now=NOW)
    again = Vote.objects.get(token=lease.token)
    invalidate(again, actor=study.owner, now=NOW)
    assert not Verdict.objects.filter(comparison=again.comparison).exists()
    assert list(again.comparison.assignments.values_list("state", flat=True)) == [S.VOID]


def test_a_pair_that_is_held_or_whose_repeat_was_skipped_does_not_come_again():
    study = mixed(pairs=80, controls=0, control_rate=0, repeat_rate=0.2)
    who = member(study)
    work(who, REPEAT_AFTER)
    pairs = [vote.comparison for vote in study.votes.all()]
    for pair in pairs:
        queue.hold(pair, held=True)
    work(who, 15)
    repeats = Assignment.objects.filter(study=study, comparison__kind=Kind.REPEAT)
    assert not repeats.exists()
    queue.hold(pairs[0], held=False)
    while not repeats.exists():
        work(who, 1)
    queue.skip(again(who), repeats.get().token, now=NOW)
    work(who, 15)
    assert [row.state for row in repeats] == [S.VOID]
