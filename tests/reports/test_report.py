"""The report's numbers against brute force, and what must hold whatever was voted."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.judging.models import (
    Comparison,
    PreviewVote,
    Report,
    Skip,
    Verdict,
    Vote,
    VoteRevision,
)
from annotate.reports.frames import (
    ContrastRow,
    ItemRow,
    SetAside,
    StudyFrame,
    VoteRow,
    fingerprint,
    read_frame,
)
from annotate.reports.report import Report as Made
from annotate.reports.report import make_report, report_on
from annotate.studies.models import Contrast, Study
from annotate.studies.protocol import Protocol
from tests.examples import examples
from tests.factories import NOW, join, make_user
from tests.reports.arrange import cast, launched, voted

pytestmark = pytest.mark.whole

NOTHING = SetAside(0, 0, 0, 0, 0, 0, 0, 0)
WORDS = {"a": "first", "b": "second", "t": "tie"}
MIRROR = {"first": "second", "second": "first", "tie": "tie"}


def frame_of(pairs: list[tuple[str, bool]]) -> StudyFrame:
    """One contrast; each pair is its votes ("aab", "bt") and whether a is the first picture."""
    items, votes = [], []
    for n, (pattern, a_is_first) in enumerate(pairs):
        told = Counter(pattern)
        (most, count), *rest = (*told.most_common(), ("t", 0))
        tied = bool(rest) and rest[0][1] == count
        decided = len(pattern) == 3
        outcome = ("tie" if tied or most == "t" else most) if decided else None
        reason = ("unanimous" if count == 3 else "split" if tied else "majority") if decided else ""
        items.append(ItemRow(1, n, n, f"g{n}", a_is_first, outcome, reason, ""))  # type: ignore[arg-type]
        for person, letter in enumerate(pattern):
            choice = WORDS[letter] if a_is_first else MIRROR[WORDS[letter]]
            on_left = (person + n) % 2 == 0
            side = "" if letter == "t" else "left" if (letter == "a") == on_left else "right"
            votes.append(
                VoteRow(n, f"A-0{person + 1}", choice, "", False, side, False, False, False, 4000)
            )
    return StudyFrame(
        contrasts=(ContrastRow(1, "one", "two", "One", "Two", True),),
        items=tuple(items),
        votes=tuple(votes),
        set_aside=NOTHING,
        prompt_sets=(),
        first_vote=None,
        last_change=None,
    )


def report_of(frame: StudyFrame) -> Made:
    study = Study(name="Study", spec={"protocol": Protocol().model_dump(mode="json")})
    return report_on(study, frame, now=NOW, deep=False)


patterns = st.sampled_from(
    ["".join(p) for n in range(4) for p in itertools.product("abt", repeat=n)]
)
studies = st.lists(st.tuples(patterns, st.booleans()), min_size=1, max_size=40)


@settings(max_examples=examples(30), deadline=None)
@given(studies)
def test_the_numbers_are_those_of_a_count_by_hand(pairs: list[tuple[str, bool]]) -> None:
    lead = report_of(frame_of(pairs)).contrasts[0]
    full = [p for p, _ in pairs if len(p) == 3]
    assert lead.wins == sum(p.count("a") >= 2 for p in full)
    assert lead.losses == sum(p.count("b") >= 2 for p in full)
    assert lead.ties == len(full) - lead.wins - lead.losses
    assert lead.split == sum(len(set(p)) == 3 for p in full)
    assert lead.wins + lead.ties + lead.losses + lead.undecided == lead.items == len(pairs)
    everything = "".join(p for p, _ in pairs)
    assert (lead.share.wins, lead.share.ties, lead.share.losses) == tuple(
        everything.count(letter) for letter in "atb"
    )
    assert lead.unanimous_wins == full.count("aaa")
    found = lead.agreement
    assert (found.unanimous, found.leading, found.level) == (
        found.split.unanimous,
        found.split.two_of_three,
        found.split.all_different,
    )
    units = [p for p, _ in pairs if len(p) >= 2]
    equal = [
        sum(x == y for x, y in itertools.combinations(p, 2)) / (len(p) * (len(p) - 1) / 2)
        for p in units
    ]
    expected = pytest.approx(sum(equal) / len(equal)) if equal else None
    assert lead.agreement.percent == expected


@settings(max_examples=examples(15), deadline=None)
@given(studies)
def test_swapping_the_methods_mirrors_the_report(pairs: list[tuple[str, bool]]) -> None:
    one = report_of(frame_of(pairs)).contrasts[0]
    swapped = [(p.translate(str.maketrans("ab", "ba")), first) for p, first in pairs]
    two = report_of(frame_of(swapped)).contrasts[0]
    assert (one.wins, one.ties, one.losses) == (two.losses, two.ties, two.wins)
    assert one.agreement.alpha == pytest.approx(two.agreement.alpha)
    assert one.agreement.ac1 == pytest.approx(two.agreement.ac1)
    for x, y in zip(one.conventions[:2], two.conventions[:2], strict=True):
        if x.estimate is None:
            assert y.estimate is None
            continue
        assert x.estimate == pytest.approx(1 - y.estimate)
        assert x.low == pytest.approx(1 - y.high)
        assert x.p_value == pytest.approx(y.p_value)


@settings(max_examples=examples(15), deadline=None)
@given(studies, st.randoms(use_true_random=False))
def test_which_picture_is_first_changes_nothing(pairs: list[tuple[str, bool]], rng: object) -> None:
    turned = [(p, rng.random() < 0.5) for p, _ in pairs]  # type: ignore[attr-defined]
    assert report_of(frame_of(turned)).contrasts == report_of(frame_of(pairs)).contrasts


@settings(max_examples=examples(15), deadline=None)
@given(studies, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(pairs: list[tuple[str, bool]], rng: object) -> None:
    frame = frame_of(pairs)
    items, votes = list(frame.items), list(frame.votes)
    rng.shuffle(items)  # type: ignore[attr-defined]
    rng.shuffle(votes)  # type: ignore[attr-defined]
    shuffled = report_of(replace(frame, items=tuple(items), votes=tuple(votes)))
    plain = report_of(frame)
    one, two = shuffled.contrasts[0], plain.contrasts[0]
    assert one.conventions == two.conventions
    assert one.agreement.alpha == pytest.approx(two.agreement.alpha)
    assert [p.others for p in shuffled.annotators] == [p.others for p in plain.annotators]


@pytest.mark.bothdb
@pytest.mark.django_db
def test_the_report_reads_what_was_voted() -> None:
    study, _ = voted(["aaa", "aab", "abt", "bbt", "tta", "ab", ""])
    report = make_report(study, now=NOW)
    (lead,) = report.contrasts
    assert (lead.wins, lead.ties, lead.losses, lead.undecided) == (2, 2, 1, 2)
    assert (lead.split, lead.identical, lead.waiting) == (1, 0, 2)
    assert report.counts.votes == Vote.objects.count() == 17
    assert report.counts.decided == Verdict.objects.count()
    assert [p.pseudonym for p in report.annotators] == ["A-01", "A-02", "A-03"]
    assert sum(p.votes for p in report.annotators) == 17
    assert sum(row.rate.n for row in lead.criteria) == lead.headline.n == 3
    assert not report.simulated
    assert report.generated_at == NOW


@pytest.mark.django_db
def test_identical_pictures_are_ties_counted_apart() -> None:
    study, _ = launched(pairs=3, same=frozenset({0, 2}))
    (lead,) = make_report(study, now=NOW).contrasts
    assert (lead.ties, lead.identical, lead.undecided, lead.items) == (2, 2, 1, 3)
    assert lead.headline.estimate is None


@pytest.mark.django_db
def test_a_comparison_that_serves_two_contrasts_counts_its_votes_once() -> None:
    study, people = launched(pairs=2, methods=("x", "y"))
    contrast = study.contrasts.get()
    other = Contrast.objects.create(study=study, a=contrast.b, b=contrast.a, order=1)
    for item in contrast.items.all():
        item.pk, item.contrast, item.a_is_first = None, other, not item.a_is_first
        item.save()
    for comparison in Comparison.objects.all():
        cast(comparison, people[0], "first")
    report = make_report(study, now=NOW)
    one, two = report.contrasts
    assert report.counts.votes == 2
    assert report.counts.comparisons == 2
    assert (one.share.wins, one.share.losses) == (two.share.losses, two.share.wins)


@pytest.mark.django_db
def test_previews_controls_and_undone_votes_stay_out_and_are_counted() -> None:
    study, (first, second, third) = voted(["aaa", ""], annotators=3)
    empty = Comparison.objects.get(verdict=None)
    empty.kind, empty.expected = Comparison.Kind.CONTROL, "first"
    empty.save()
    cast(empty, first, "first")
    live = Comparison.objects.get(kind=Comparison.Kind.LIVE)
    PreviewVote.objects.create(
        study=study,
        user=study.owner,
        token="00000000-0000-0000-0000-000000000001",
        prompt=live.prompt,
        first=live.first,
        second=live.second,
    )
    slot = live.assignments.first()
    for reason in ("undone", "undone", "invalidated"):
        VoteRevision.objects.create(
            assignment=slot,
            comparison=live,
            annotator=second,
            token="00000000-0000-0000-0000-000000000002",
            reason=reason,
            snapshot={},
            at=NOW,
        )
    Skip.objects.create(comparison=live, annotator=third, at=NOW)
    Report.objects.create(comparison=live, annotator=third, reason="broken", at=NOW)
    report = make_report(study, now=NOW)
    assert report.counts.votes == 3
    assert report.contrasts[0].items == 1
    assert report.set_aside == SetAside(
        undone=2,
        invalidated=1,
        skipped=1,
        reported=1,
        held=0,
        preview_votes=1,
        other_kinds=1,
        overall_differs=0,
    )


@pytest.mark.django_db
def test_one_simulated_vote_makes_the_report_say_so() -> None:
    study, people = voted(["aa"])
    assert not make_report(study, now=NOW).simulated
    cast(Comparison.objects.get(), people[2], "tie", simulated=True)
    report = make_report(study, now=NOW)
    assert report.simulated
    assert [p.simulated for p in report.annotators] == [False, False, True]


@pytest.mark.django_db
def test_with_fewer_than_six_annotators_each_is_left_out_in_turn() -> None:
    study, _ = voted(["aab", "aab", "bab"])
    report = make_report(study, now=NOW)
    assert report.fixed_effects
    assert [p.for_a.wins for p in report.annotators] == [2, 3, 0]
    without = [p.share_without for p in report.annotators]
    assert [(s.wins, s.losses) for s in without if s] == [(3, 3), (2, 4), (5, 1)]


@pytest.mark.django_db
def test_the_number_of_queries_does_not_grow_with_the_study(
    django_assert_max_num_queries: object,
) -> None:
    small, _ = voted(["aaa"])
    large, _ = voted(["aab", "bba", "abt", "tta"] * 6)
    for study in (small, large):
        with django_assert_max_num_queries(24):  # type: ignore[operator]
            make_report(study, now=NOW)


@pytest.mark.django_db
def test_each_change_of_a_study_changes_its_fingerprint() -> None:
    study, people = voted(["aa"])
    seen = {fingerprint(study)}
    comparison = Comparison.objects.get()
    cast(comparison, people[2], "tie")
    seen.add(fingerprint(study))
    Report.objects.create(comparison=comparison, annotator=people[0], reason="other", at=NOW)
    seen.add(fingerprint(study))
    Report.objects.update(resolved_at=NOW)
    seen.add(fingerprint(study))
    Study.objects.filter(pk=study.pk).update(state=Study.State.PAUSED)
    seen.add(fingerprint(study))
    assert len(seen) == 5
    assert fingerprint(study) in seen


@pytest.mark.django_db
def test_the_frame_names_people_by_pseudonym_only() -> None:
    study, people = voted(["aab"])
    names = {join(study, make_user(username="hidden-name")).username, *(p.username for p in people)}
    told = repr(read_frame(study))
    assert not [name for name in names if name in told]
