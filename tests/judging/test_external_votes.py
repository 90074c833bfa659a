"""Votes cast elsewhere: all or nothing, once, and out and in again as the same votes."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.judging.external_formats import FORMATS, Format, read_lines, write_votes
from annotate.judging.external_import import import_votes
from annotate.judging.external_votes import WINNERS, ExternalVote, read_vote
from annotate.judging.models import Verdict, Vote
from annotate.people.models import Role
from annotate.reports.export import INTEROP
from annotate.reports.interop import external_votes
from annotate.reports.models import FrozenReport
from annotate.reports.report import make_report
from annotate.sampling.refusals import ImportRefused, Refused
from annotate.studies.lifecycle import IllegalMove, move
from annotate.studies.models import Study
from annotate.studies.prompts import nfc, text_digest
from tests.examples import examples
from tests.factories import NOW, make_user
from tests.reports.arrange import voted

pytestmark = pytest.mark.whole

NAMES = ("one.csv", "two.tsv", "three.json")
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
words = texts.map(nfc).filter(bool)


@st.composite
def votes(draw: st.DrawFn) -> list[ExternalVote]:
    """Votes as an export writes them: contrast by contrast, pair by pair."""
    first, second = draw(st.lists(words, min_size=2, max_size=2, unique=True))
    found = []
    for key, prompt in draw(st.dictionaries(words, words, min_size=1, max_size=3)).items():
        group, replica = draw(texts.map(nfc)), draw(st.integers(0, 2))
        for n in range(draw(st.integers(1, 3))):
            found.append(
                ExternalVote(
                    prompt=prompt,
                    first=first,
                    second=second,
                    annotator=f"A-{n + 1:02d}",
                    winner=draw(st.sampled_from(WINNERS)),
                    side=draw(st.sampled_from(("left", "right", ""))),
                    milliseconds=draw(st.integers(0, 10**8)),
                    prompt_id=key,
                    group=group,
                    replica=replica,
                    simulated=draw(st.booleans()),
                )
            )
    return found


def written(path: Path, cast: list[ExternalVote], kind: Format) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        assert write_votes(cast, kind, file) == len(cast)
    return path


def read(path: Path, kind: Format) -> list[ExternalVote]:
    found = []
    for line in read_lines(path, kind):
        assert not isinstance(line.record, Refused), line
        found.append(read_vote(line.record))
    return found


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=examples(15), deadline=None)
@given(cast=votes())
def test_what_is_written_is_read_as_the_same_votes(
    kind: Format, cast: list[ExternalVote], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"votes.{kind}"
    assert read(written(path, cast, kind), kind) == cast


@pytest.mark.bothdb
@pytest.mark.django_db
@pytest.mark.parametrize("kind", FORMATS)
def test_a_study_goes_out_and_comes_in_with_the_same_votes_verdicts_and_numbers(
    kind: Format, tmp_path: Path
) -> None:
    study, _ = voted(["aaa", "aab", "abt", "bbt", "tta", "ab"], simulated=True)
    path = written(tmp_path / "votes", list(external_votes(study)), kind)
    made = import_votes(path, kind=kind, name="Again", owner=study.owner, now=NOW)
    assert list(external_votes(made.study)) == list(external_votes(study))
    one, two = (make_report(s, now=NOW) for s in (study, made.study))
    assert one.lead.conventions == two.lead.conventions
    assert one.lead.agreement == two.lead.agreement
    assert (one.sides, one.counts.simulated) == (two.sides, two.counts.simulated)
    assert FrozenReport.objects.filter(study=made.study).count() == 1
    again = import_votes(path, kind=kind, name="Again", owner=study.owner, now=NOW)
    assert again.unchanged
    assert (again.study, again.votes) == (made.study, made.votes)
    assert Study.objects.count() == 2


@pytest.mark.bothdb
@pytest.mark.django_db
def test_an_external_study_is_never_open_and_its_annotators_never_sign_in(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_text("prompt,first,second,annotator,winner\ncat,x,y,jo@example.org,y\n")
    study = import_votes(
        path, kind="csv", name="E", owner=make_user(Role.RESEARCHER), now=NOW
    ).study
    with pytest.raises(IllegalMove, match="cast elsewhere"):
        move(study, Study.State.OPEN, actor=study.owner)
    with pytest.raises(IntegrityError), transaction.atomic():
        Study.objects.filter(pk=study.pk).update(state=Study.State.OPEN)
    vote = Vote.objects.get()
    assert not vote.annotator.is_active
    assert (vote.side, Verdict.objects.get().votes) == ("", 1)
    assert [(v.winner, v.annotator, v.prompt_id) for v in external_votes(study)] == [
        ("second", "A-01", text_digest("cat")[:16])
    ]


@pytest.mark.django_db
def test_a_file_with_mistakes_is_refused_whole_with_a_word_on_each_line(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    rows = [
        "prompt,first,second,annotator,winner,side,seconds,prompt_id",
        "cat,x,y,w1,first,left,3,p1",
        "cat,y,x,w1,second,left,3,p1",  # the same pair, written the other way round
        "cat,x,x,w1,first,,,p1",
        '"a\ndog",x,y,w1,best,,,p2',
        "cat,x,y,w2,left,,,p1",
        "cat,x,y,w3,first,up,,p1",
        "cat,x,y,w4,first,,-1,p1",
        "bird,x,y,w5,first,,,p1",
        "cat,x,y",
    ]
    path.write_text("\n".join(rows))
    with pytest.raises(ImportRefused) as caught:
        import_votes(path, kind="csv", name="E", owner=make_user(Role.RESEARCHER), now=NOW)
    told = {error.line: error.problem for error in caught.value.errors}
    # The quoted line end makes the record of line 5 two lines long.
    assert list(told) == [3, 4, 5, 7, 8, 9, 10, 11]
    assert told[3] == "`w1` judged this pair on line 2 already."
    assert "another text on line 2" in told[10]
    assert not Study.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("digits", "said"), [(400, "`seconds` is"), (5000, "is no JSON")])
def test_a_number_that_no_machine_holds_is_a_mistake_in_the_file(
    tmp_path: Path, digits: int, said: str
) -> None:
    path = tmp_path / "v.json"
    data = '{"prompt": "cat", "first": "x", "second": "y", "winner": "tie"}'
    said_by = f'{{"completed_by": 1, "lead_time": {"9" * digits}}}'
    path.write_text(f'[{{"data": {data}, "annotations": [{said_by}]}}]')
    with pytest.raises(ImportRefused) as caught:
        import_votes(path, kind="label-studio", name="E", owner=make_user(), now=NOW)
    assert said in caught.value.errors[0].problem


@pytest.mark.django_db
def test_tasks_that_toloka_turned_down_and_control_tasks_are_no_votes(tmp_path: Path) -> None:
    names = ("prompt", "first", "second")
    header = [f"INPUT:{n}" for n in names] + ["OUTPUT:winner", "GOLDEN:winner"]
    header += ["ASSIGNMENT:worker_id", "ASSIGNMENT:status"]
    rows = [
        ["cat", "x", "y", "first", "", "w1", "APPROVED"],
        ["cat", "x", "y", "first", "", "w2", "REJECTED"],
        ["cat", "x", "y", "first", "first", "w3", "APPROVED"],
    ]
    path = tmp_path / "v.tsv"
    path.write_text("\n".join("\t".join(row) for row in [header, *rows]))
    assert [vote.annotator for vote in read(path, "toloka")] == ["w1"]


@pytest.mark.django_db
def test_the_command_imports_and_lists_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = make_user(Role.RESEARCHER)
    path = tmp_path / "crowd.csv"
    path.write_text("prompt,first,second,annotator,winner\ncat,x,y,w1,z\n")
    with pytest.raises(CommandError, match="Line 2: `winner` is `z`"):
        call_command("import_votes", str(path), "--user", owner.username)
    path.write_text("prompt,first,second,annotator,winner\ncat,x,y,w1,x\n")
    call_command("import_votes", str(path), "--user", owner.username)
    assert "1 votes of 1 annotators on 1 pairs: crowd" in capsys.readouterr().out


@pytest.mark.realdata
@pytest.mark.django_db
def test_crowd_data_that_names_a_worker_twice_on_a_task_is_refused_by_its_lines(
    real_data: Path, tmp_path: Path
) -> None:
    """CF_amt has five doubled (task, worker) rows; its labels stand here for who won."""
    with (real_data / "crowd_weather_sentiment" / "CF_amt.csv").open() as file:
        rows = list(csv.reader(file))
    path = tmp_path / "amt.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["annotator", "prompt", "first", "second", "winner"])
        out.writerows([w, t, "x", "y", "tie"] for w, t, *_ in rows if w and t)
    with pytest.raises(ImportRefused) as caught:
        import_votes(path, kind="csv", name="E", owner=make_user(Role.RESEARCHER), now=NOW)
    assert caught.value.total == 5
    assert all("judged this pair on line" in error.problem for error in caught.value.errors)


@pytest.mark.realdata
@pytest.mark.django_db
def test_likert_ratings_as_pairwise_votes_make_the_verdicts_that_are_known(
    real_data: Path, tmp_path: Path
) -> None:
    """tifa160: three smallest worker ids, sign of the gap to sd2dot1 (science.md D)."""
    rated: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    with (real_data / "tifa160_likert" / "tifa160-likert-anns.csv").open() as file:
        for row in csv.DictReader(file):
            rated[row["item_id"], row["t2i_model"]][int(row["worker_id"])] = int(row["answer"])
    path = tmp_path / "tifa.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["prompt", "first", "second", "annotator", "winner"])
        for (item, model), own in rated.items():
            if model not in ("sd1dot1", "sd1dot5"):
                continue
            base = rated[item, "sd2dot1"]
            for worker in sorted(own.keys() & base.keys())[:3]:
                gap = own[worker] - base[worker]
                won = "first" if gap > 0 else "second" if gap < 0 else "tie"
                out.writerow([item, model, "sd2dot1", worker, won])
    made = import_votes(path, kind="csv", name="TIFA", owner=make_user(Role.RESEARCHER), now=NOW)
    report = make_report(made.study, now=NOW)
    found = {c.a: (c.wins, c.ties, c.losses) for c in report.contrasts}
    assert found == {"sd1dot1": (16, 69, 75), "sd1dot5": (23, 100, 37)}
    assert (made.votes, made.pairs) == (960, 320)
    for name in INTEROP:
        file_ = io.BytesIO()
        INTEROP[name](made.study, file_)
        assert file_.getvalue()
