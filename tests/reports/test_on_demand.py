"""What a report says of a study whose third votes were asked on demand."""

import pytest

from annotate.judging import queue
from annotate.judging.launch import launch, plan
from annotate.reports.branch_rows import branch_pairs
from annotate.reports.laboratory_study import read_branches
from annotate.reports.page import lay_out
from annotate.reports.progress import counts
from annotate.reports.report import make_report
from tests.factories import NOW, make_study
from tests.judging.arrange import member, vote_for
from tests.reports.laboratory_arrange import imported_branches

pytestmark = pytest.mark.django_db


def test_agreement_and_vote_share_count_the_first_two_votes_only():
    study = make_study(pairs=2, protocol={"overlap_mode": "on_demand", "prefetch": 0})
    assert plan(study).votes == 5
    launch(study, actor=None, now=NOW)
    assert counts(study).slots == 5
    a, b, c = (member(study) for _ in range(3))
    for who, answers in ((a, ("first", "first")), (b, ("first", "second")), (c, ("second",))):
        for answer in answers:
            vote_for(who, answer)
    assert not queue.hand(c, now=NOW)
    report = make_report(study, now=NOW)
    lead = report.contrasts[0]
    assert report.counts.votes == counts(study).slots == 5
    assert lead.decided == 2
    # Of four votes three were for one picture and one for another; the third vote stays out.
    assert (lead.agreement.unanimous, lead.agreement.level, lead.agreement.percent) == (1, 1, 0.5)
    assert lead.share.wins + lead.share.losses == 4
    # Who gave nothing but a third vote stands in no matrix.
    assert report.analyses.matrix.annotators == ("A-01", "A-02")
    text = str(lay_out(report))
    assert "a third is asked for where they differ" in text
    assert "overlap on demand" in text
    assert counts(study).needed == 0


def test_votes_needed_follow_the_pairs_that_differed_so_far():
    study = launch(
        make_study(pairs=4, protocol={"overlap_mode": "on_demand", "prefetch": 0}),
        actor=None,
        now=NOW,
    )
    assert counts(study).slots == 10
    for who in (member(study), member(study)):
        vote_for(who, "first")
    # One pair, whose first two agreed: so are the others expected to.
    assert (counts(study).slots, counts(study).needed) == (8, 6)


def test_the_laboratory_compares_the_first_two_votes_and_counts_all():
    study = imported_branches(["WLW", "WW"], ["WW", "LL"], overlap_mode="on_demand")
    branches = read_branches(study, branch_pairs(study)[0])
    assert {len(votes) for votes in (*branches.student_votes, *branches.refined_votes)} == {2}
    assert branches.votes == 9
