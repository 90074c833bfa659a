"""Which pairs are disputed, and what their page tells of them."""

import io
import json
from dataclasses import replace

import pytest

from annotate.judging.launch import launch
from annotate.judging.marking import mark
from annotate.judging.models import Report, Vote
from annotate.judging.voting import invalidate
from annotate.people.models import User
from annotate.reports.bundle import check_bundle
from annotate.reports.disputes import PREFERENCE, Pair, disputes, marks_count
from annotate.reports.export import write_file
from tests.factories import NOW, join, make_study
from tests.judging.arrange import member, vote_for, vote_next
from tests.judging.test_diversity import CLEARLY, open_study
from tests.reports.arrange import voted

CALM = Pair(1, 0, (3, 0, 0), escalated=False, reported=False, marked=False, apart=False)


@pytest.mark.parametrize(
    ("votes", "kinds"),
    [
        ((3, 0, 0), set()),
        ((0, 0, 0), set()),
        ((1, 0, 0), set()),
        ((2, 0, 1), set()),  # nobody chose the other picture
        ((2, 1, 0), {"low"}),
        ((1, 1, 0), {"split", "low"}),
        ((1, 1, 1), {"split", "three", "low"}),
        ((3, 1, 1), {"three", "low"}),
        ((4, 1, 0), set()),
        ((2, 0, 2), {"split"}),
    ],
)
def test_a_pair_is_disputed_by_its_votes(votes: tuple[int, int, int], kinds: set[str]) -> None:
    pair = replace(CALM, votes=votes)
    found = {name for name, (_, belongs) in PREFERENCE.items() if belongs(pair)}
    assert found - {"all", "unmarked"} == kinds
    assert pair.disputed == bool(kinds) == ("all" in found)


def test_an_escalated_or_reported_pair_is_disputed_whatever_its_votes() -> None:
    assert replace(CALM, escalated=True).disputed
    assert replace(CALM, reported=True).disputed
    assert not replace(CALM, marked=True).disputed


@pytest.mark.django_db
def test_the_page_shows_every_vote_by_pseudonym_and_what_was_voided() -> None:
    study, people = voted(["aaa", "abt", "aab"])
    User.objects.filter(pk=people[0].pk).update(username="secretname")
    pair = study.comparisons.get(verdict__reason="split")
    Report.objects.create(
        comparison=pair, annotator=people[1], reason="broken", comment="torn", at=NOW
    )
    found = disputes(study)
    assert {k.name: k.count for k in found.kinds} == {
        "all": 2,
        "split": 1,
        "three": 1,
        "escalated": 0,
        "low": 2,
        "reported": 1,
        "unmarked": 2,
        "marked": 0,
    }
    card = found.cards[0]  # the least agreement first
    assert card.row == pair
    assert [v.who for v in card.votes] == ["A-01", "A-02", "A-03"]
    assert sorted(v.choice for v in card.votes) == ["first", "second", "tie"]
    assert card.verdict == "equal, no answer leads"
    assert card.reports[0][:3] == ("A-02", "A picture is broken", "torn")
    assert "secretname" not in repr(found)
    invalidate(Vote.objects.filter(comparison=pair).order_by("pk").first(), actor=study.owner)
    mark(pair, says="doubtful", author=study.owner, now=NOW)
    (card,) = disputes(study, kind="marked").cards
    assert ([v.who for v in card.gone], card.gone[0].gone) == (["A-01"], "voided")
    assert [(m.who, m.label) for m in card.marks] == [("R-01", "Labels doubtful")]
    assert marks_count(study) == (1, [("Labels doubtful", 1)])


@pytest.mark.django_db
def test_pairs_put_before_more_people_stay_in_sight_as_escalated() -> None:
    study = make_study(protocol={"split": "escalate", "escalate_to": 4})
    launch(study, actor=study.owner)
    for choice in ("first", "second", "tie", "first"):
        vote_for(member(study), choice)
    assert study.comparisons.get().verdict.reason == "majority"
    assert [k.count for k in disputes(study).kinds if k.name == "escalated"] == [1]


@pytest.mark.django_db
def test_pairs_of_a_diversity_study_are_disputed_at_both_ends_of_a_scale() -> None:
    study = open_study()
    first, second = member(study), member(study)
    vote_next(first, CLEARLY)
    vote_next(second, dict.fromkeys(CLEARLY, "0"))
    found = disputes(study)
    assert {k.name: k.count for k in found.kinds}["apart"] == 1
    assert found.cards[0].votes[0].answers[0] == ("angle of view", "clearly different")


@pytest.mark.django_db
def test_marks_are_exported_and_a_bundle_with_them_proves_itself(tmp_path) -> None:
    study, _ = voted(["abt", "aab"])
    Vote.objects.filter(annotator__memberships__pseudonym="A-02").update(simulated=True)
    author = join(study, role="reviewer")
    pair = study.comparisons.order_by("order").first()
    mark(pair, says="broken", comment="=1+1", author=author, now=NOW)
    file = io.BytesIO()
    write_file(study, "marks.jsonl", file, now=NOW, folder=tmp_path)
    (row,) = [json.loads(line) for line in file.getvalue().splitlines()]
    assert (row["says"], row["comment"], row["author"]) == ("broken", "=1+1", "R-02")
    assert (row["votes"], row["simulated_votes"], row["simulated"]) == (3, 1, True)
    file = io.BytesIO()
    write_file(study, "marks.csv", file, now=NOW, folder=tmp_path)
    assert b"'=1+1" in file.getvalue()
    with (tmp_path / "bundle.zip").open("wb") as bundle:
        (tmp_path / "rows").mkdir()
        write_file(study, "bundle.zip", bundle, now=NOW, folder=tmp_path / "rows")
    assert check_bundle(tmp_path / "bundle.zip") == []
