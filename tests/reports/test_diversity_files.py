"""A diversity report frozen under its hash, its files, and a bundle that checks itself."""

import csv
import io
import json
import re
import zipfile
from html import unescape
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from annotate.analysis.diversity import OVERALL
from annotate.judging.launch import launch
from annotate.judging.models import Answer, PlannedItem
from annotate.judging.opening import open_ready
from annotate.people.models import Role
from annotate.reports.bundle import check_bundle
from annotate.reports.diversity_bundle import remade
from annotate.reports.diversity_files import (
    FILES,
    NAMES,
    diversity_bytes,
    made_of,
    summary_json,
)
from annotate.reports.diversity_frame import (
    decode_diversity,
    encode_diversity,
    freeze_diversity,
    read_diversity,
    thaw_diversity,
)
from annotate.reports.diversity_report import diversity_report
from annotate.reports.models import FrozenReport
from annotate.sampling.models import Sample
from annotate.studies.lifecycle import move
from annotate.studies.models import Prompt, Study
from tests.factories import NOW, make_image, make_user
from tests.judging.arrange import member, vote_all
from tests.judging.test_diversity import CLEARLY, make_diverse, open_study
from tests.reports.test_diversity import judged

pytestmark = [pytest.mark.django_db, pytest.mark.whole]


@pytest.fixture
def study(db: None) -> Study:
    return judged(open_study(prompts=4, control_rate=0.3))


def bundled(study: Study, folder: Path) -> Path:
    made = made_of(study, read_diversity(study))
    path = folder / "bundle.zip"
    path.write_bytes(diversity_bytes(made, "bundle.zip", folder / "inside"))
    return path


@pytest.mark.bothdb
def test_closing_keeps_what_the_report_is_made_of(study, client):
    move(study, Study.State.CLOSED, actor=study.owner)
    (kept,) = FrozenReport.objects.all()
    assert freeze_diversity(study, now=NOW) == kept
    then, frame = thaw_diversity(kept)
    assert frame == read_diversity(study)
    before = diversity_report(study)
    assert made_of(then, frame).report == before
    Answer.objects.update(choice="0")
    assert made_of(*thaw_diversity(kept)).report == before != diversity_report(study)
    client.force_login(make_user(Role.ADMIN))
    page = reverse("study-report", args=[study.uid])
    overall = next(s for s in before.scores if s.attribute == OVERALL).estimate
    assert f"{overall:.2f} [" in client.get(page).content.decode()
    assert kept.digest in client.get(page).content.decode()
    assert "0.00 [0.00, 0.00]" in client.get(page, {"now": ""}).content.decode()
    address = reverse("study-frozen-report", args=[study.uid, kept.digest, "diversity.json"])
    assert client.get(address).content == summary_json(before)


def test_every_file_of_one_snapshot_is_the_same_bytes(study, tmp_path):
    content = encode_diversity(study, read_diversity(study))
    one, two = (made_of(*decode_diversity(content)) for _ in range(2))
    for name in FILES:
        assert diversity_bytes(one, name, tmp_path) == diversity_bytes(two, name, tmp_path), name
    assert diversity_bytes(one, "report.pdf", tmp_path).startswith(b"%PDF")
    with zipfile.ZipFile(io.BytesIO(diversity_bytes(one, "tables.zip", tmp_path))) as tables:
        assert {"scores-1.tex", "differences-1.tex", "controls-1.csv"} <= set(tables.namelist())
        rows = list(csv.reader(io.StringIO(tables.read("scores-1.csv").decode())))
    assert len(rows) == 1 + 2 * 5
    tex = diversity_bytes(one, "report.tex", tmp_path).decode()
    assert tex.count(r"\begin{tabular}") == 5  # two of them of how the pictures were made
    assert r"\caption{Differences between methods}" in tex


def test_a_bundle_makes_every_score_again_and_finds_a_changed_answer(study, tmp_path, capsys):
    path = bundled(study, tmp_path)
    call_command("verify_bundle", str(path))
    assert "verified" in capsys.readouterr().out
    folder = tmp_path / "inside"
    told = json.loads((folder / "diversity.json").read_text())
    told["scores"][0]["estimate"] += 0.01
    (folder / "diversity.json").write_text(json.dumps(told))
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(changed, "w") as archive:
        for one in sorted(folder.iterdir()):
            archive.write(one, one.name)
    assert any("scores[0]: estimate: recomputed" in line for line in check_bundle(changed))
    assert remade(folder) == check_bundle(changed)
    call_command("export_study", str(study.uid), out=tmp_path / "again", verify=True)
    assert "Verified" in capsys.readouterr().out
    broken = bytearray(path.read_bytes())
    broken[len(broken) // 2] ^= 1
    path.write_bytes(bytes(broken))
    with pytest.raises(CommandError):
        call_command("verify_bundle", str(path))


def test_equal_keys_of_two_prompt_sets_are_two_prompts():
    study = make_diverse(
        prompt_sets=[
            {"name": colour, "prompts": [{"id": "p0", "text": f"a {colour} cube"}]}
            for colour in ("red", "blue")
        ]
    )
    launch(study, actor=None, now=NOW)
    for sample in Sample.objects.all():
        sample.image, sample.state = make_image(sample.pk), Sample.State.DONE
        sample.save()
    open_ready(study, now=NOW)
    vote_all(
        [member(study)],
        lambda lease: dict.fromkeys(CLEARLY, "2" if "red" in lease.prompt else "0"),
    )
    found = diversity_report(study)
    overall = [s for s in found.scores if s.attribute == OVERALL]
    assert found.prompts == 2
    assert {(s.estimate, s.prompts) for s in overall} == {(0.5, 2)}
    sets = {prompt.prompt_set for _, prompt in read_diversity(study).prompts}
    assert len(sets) == 2


def test_prompts_of_one_group_are_told_and_resampled_together():
    study = open_study(prompts=4, one_per_group=False)
    vote_all([member(study)], lambda lease: dict.fromkeys(CLEARLY, str(int(lease.prompt) % 3)))
    free = diversity_report(study)
    Prompt.objects.update(group="photo")
    bound = diversity_report(study)
    assert (free.groups, bound.groups) == (4, 1)
    assert all(s.low == s.estimate == s.high for s in bound.scores)
    assert any(s.low < s.estimate for s in free.scores)


def test_downloads_of_a_diversity_study_are_its_own(study, client):
    client.force_login(make_user(Role.ADMIN))
    html = client.get(reverse("study-report", args=[study.uid])).content.decode()
    for name in NAMES:
        address = reverse("study-diversity-file", args=[study.uid, name])
        assert address in html
        assert client.get(address).status_code == 200
    export = client.get(reverse("study-export", args=[study.uid, "bundle.zip"]))
    with zipfile.ZipFile(io.BytesIO(export.content)) as archive:
        assert "answers.jsonl" in archive.namelist()


TESTED = re.compile(r"\bp\s*[=<]|>p, |>p<|differ on")


def waiting(study: Study) -> Study:
    """One vote taken back: its pair waits again."""
    study.votes.filter(comparison__kind="live").first().delete()
    return study


def test_a_running_study_with_open_pairs_shows_no_p_value_anywhere_and_says_why(
    study, client, tmp_path, capsys
):
    made = made_of(waiting(study), read_diversity(study))
    assert (made.report.waiting, made.report.tests_withheld) == (1, True)
    assert all(d.p_value is not None for d in made.report.differences)
    client.force_login(study.owner)
    html = unescape(client.get(reverse("study-report", args=[study.uid])).content.decode())
    html = html.replace("\xa0", " ")
    assert not TESTED.search(html)
    assert "So far " in html.partition("</h1>")[0]
    assert "No p-values yet: the study is running" in html
    assert "1 pair still waits" in html
    assert "Differences between methods, of a running study" in html
    told = json.loads(summary_json(made.report))
    assert {(d["p_value"], d["adjusted_p"]) for d in told["differences"]} == {(None, None)}
    assert all(d["estimate"] is not None for d in told["differences"])
    table = diversity_bytes(made, "differences.csv", tmp_path / "none").decode()
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(rows) == 4
    assert {(row["p_value"], row["adjusted_p"]) for row in rows} == {("", "")}
    assert "p, Holm" not in diversity_bytes(made, "report.tex", tmp_path / "none").decode()
    call_command("report_study", str(study.uid))
    assert "No p-values yet" in capsys.readouterr().out


def test_the_bundle_of_a_running_study_checks_itself_and_remembers_that_a_pair_waits(
    study, tmp_path
):
    path = bundled(waiting(study), tmp_path)
    assert check_bundle(path) == []
    frame = read_diversity(study)
    assert decode_diversity(encode_diversity(study, frame))[1] == frame


def test_p_values_stand_once_no_pair_waits_or_the_study_is_over(study, client):
    assert not diversity_report(study).tests_withheld
    assert b'"waiting"' not in encode_diversity(study, read_diversity(study))
    assert "waiting" not in json.loads(summary_json(diversity_report(study)))
    move(waiting(study), Study.State.CLOSED, actor=study.owner)
    study.refresh_from_db()
    client.force_login(study.owner)
    html = client.get(reverse("study-report", args=[study.uid])).content.decode()
    assert ">p, Holm<" in html.replace("\xa0", " ")
    (kept,) = FrozenReport.objects.all()
    assert not made_of(*thaw_diversity(kept)).report.tests_withheld


def test_a_pair_whose_pictures_are_still_to_be_made_waits_like_any_other(study):
    planned = PlannedItem.objects.filter(study=study).first()
    PlannedItem.objects.filter(pk=planned.pk).update(opened_at=None)
    assert diversity_report(study).waiting == 1
    assert diversity_report(study).tests_withheld


def test_a_pair_that_is_held_back_keeps_no_p_value_away(study):
    vote = study.votes.filter(comparison__kind="live").first()
    vote.comparison.held = True
    vote.comparison.save()
    vote.delete()
    assert not diversity_report(study).tests_withheld
