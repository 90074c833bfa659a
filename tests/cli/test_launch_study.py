"""`launch_study` and `calibrate_threshold`: what is printed, refused and waited for."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from annotate.cli import sampling_bar
from annotate.people.models import Role, User
from annotate.sampling.calibration import plan_tuning, to_tune, tuning_set
from annotate.sampling.models import Job, Sample, Score
from annotate.sampling.progress import ArmProgress, Failure, Progress
from annotate.studies.models import Study
from annotate.studies.recipes import NAMES
from annotate.studies.spec import to_toml
from tests import stand_ins
from tests.factories import make_generated, make_image, make_user
from tests.sampling.test_calibration import draft

pytestmark = [pytest.mark.django_db, pytest.mark.whole]


def run(*args: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command(*args, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.csv"
    lines = ["id,caption,file_name", *(f"{i},caption {i},photo{i // 2}" for i in range(40))]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("name", NAMES)
def test_a_dry_run_of_every_recipe_tells_what_it_takes_and_leaves_nothing(name: str) -> None:
    said = run("launch_study", name, "--dry-run")
    for part in ("arms", "opponents:", "prompts: 600 to judge", "votes: ", "annotator hours: "):
        assert part in said
    assert "files:\n  stab" in said
    assert "MISSING" in said
    assert "blank in the paper, our choice:" in said
    assert said.endswith("dry run: nothing was created\n")
    assert not Study.objects.exists()
    assert not User.objects.exists()
    assert not Sample.objects.exists()


def test_the_votes_and_hours_of_figure_9a_count_equal_pairs_once() -> None:
    said = run("launch_study", "fig9a", "--dry-run")
    assert "adaptive-10 against ddim-50  (primary)" in said
    assert "600 prompts, 1800 items, 1500 pairs, 0 of them identical, 300 reused" in said
    assert "votes: 4,500; 900 saved by judging equal pairs once" in said
    assert "annotator hours: 18.8 at 15 s a vote (our assumption)" in said
    assert "to make: 2,400 images, 57,000 steps, 114,000 forwards" in said


def test_figure_17_counts_two_replicas_of_seven_arms() -> None:
    said = run("launch_study", "fig17", "--dry-run")
    assert "arms, 2 replicas of each prompt:" in said
    assert "votes: 12,600 (3 for each method and prompt, on its two replicas)" in said


def test_test_and_tuning_prompts_are_drawn_apart_from_one_file(prompts: Path) -> None:
    anna = make_user(Role.RESEARCHER)
    with pytest.raises(CommandError, match="has not been tuned"):
        run(
            "launch_study",
            "fig9a",
            actor=anna.username,
            prompts=prompts,
            limit=8,
            tune_limit=6,
            name="Mine",
        )
    study = Study.objects.get()
    assert (study.name, study.state) == ("Mine", "draft")
    sets = {s.role: list(s.prompts.all()) for s in study.prompt_sets.all()}
    assert (len(sets["test"]), len(sets["tune"])) == (8, 6)
    assert not {p.group for p in sets["test"]} & {p.group for p in sets["tune"]}


def test_a_pinned_recipe_runs_from_the_hubs_cache(
    prompts: Path, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MODELS_DIR, settings.DATA_DIR = tmp_path / "models", tmp_path
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    sd, reward, a, b = "stable-diffusion-v1-5/stable-diffusion-v1-5", "THUDM/ImageReward", "a", "b"
    folder = tmp_path / "hub" / "models--{}" / "snapshots"
    kept = Path(str(folder).format(sd.replace("/", "--")), 40 * a)
    stand_ins.pipeline(kept)
    stand_ins.scorer(Path(str(folder).format(reward.replace("/", "--")), 40 * b))
    stand_ins.safetensors(tmp_path / "models" / "cd_sd_v1.5_bs512_w8_ema0.9999.safetensors")
    given: dict[str, Any] = {"prompts": prompts, "limit": 4, "tune_limit": 4}
    bare = run("launch_study", "fig9a", dry_run=True, **given)
    assert f"Give the commit: `--pin {sd}={40 * a}` for a launch" in bare
    given["pin"] = [f"{sd}={40 * a}", f"{reward}={40 * b}"]
    said = run("launch_study", "fig9a", dry_run=True, **given)
    assert f"  {sd} @ {40 * a} (pipeline): {kept}\n" in said
    refused = [line for line in said.splitlines() if line.startswith("refused as it is: ")]
    assert len(refused) == 2
    assert all("has not been tuned" in line for line in refused)
    with pytest.raises(CommandError, match="has not been tuned"):
        run("launch_study", "fig9a", actor=make_user(Role.RESEARCHER).username, **given)
    arms = [method.settings["arm"] for method in Study.objects.get().methods.all()]
    models = [arm.get("teacher", arm)["model"] for arm in arms]
    assert {model["revision"] for model in models} == {40 * a}


def test_a_drafts_pins_are_written_in_its_methods() -> None:
    study = make_generated()
    with pytest.raises(CommandError, match=r'write pins\."owner/name" = "COMMIT" there'):
        run("launch_study", str(study.uid), actor=study.owner.username, pin=["a/b=c"])


def test_too_few_prompts_are_refused_before_anything_is_made(prompts: Path) -> None:
    with pytest.raises(CommandError, match=r"20 prompts .* 600 \+ 600 are needed"):
        run("launch_study", "fig9a", actor="anna", prompts=prompts)
    with pytest.raises(CommandError, match="fig16 needs 600 prompts"):
        run("launch_study", "fig16", actor="anna")
    assert not Study.objects.exists()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("fig10", "is no study, no recipe and no file"),
        ("00000000-0000-0000-0000-000000000000", "manages no study"),
    ],
)
def test_what_is_nothing_is_refused(what: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run("launch_study", what, actor="nobody")


def test_a_file_is_launched_and_its_samples_planned(tmp_path: Path) -> None:
    anna = make_user(Role.RESEARCHER)
    path = tmp_path / "study.toml"
    path.write_text(to_toml(make_generated(prompts=3).read_spec()), encoding="utf-8")
    said = run("launch_study", str(path), actor=anna.username, no_wait=True)
    study = Study.objects.get(owner=anna)
    assert f"open: {study.name} ({study.uid})" in said
    assert (study.state, study.planned_items.count(), Sample.objects.count()) == ("open", 3, 9)


def test_a_dry_run_of_a_draft_tells_its_refusals() -> None:
    study = draft()
    said = run("launch_study", str(study.uid), actor=study.owner.username, dry_run=True)
    assert "refused as it is: Method 'adaptive': its threshold (percentile 50)" in said
    assert not Job.objects.exists()


def test_waiting_ends_with_every_pair_open() -> None:
    study = make_generated(prompts=2, contrasts=(("student", "teacher"),))
    call_command("launch_study", str(study.uid), actor=study.owner.username, no_wait=True)
    for sample in Sample.objects.all():
        sample.image, sample.state = make_image(sample.pk), "done"
        sample.steps, sample.forwards = 5, 10
        sample.save()
    Study.objects.filter(pk=study.pk).update(state="draft", protocol_hash="")
    study.planned_items.all().delete()
    said = run("launch_study", str(study.uid), actor=study.owner.username)
    assert "2 pairs are open, for 2 of 2 items" in said
    assert "2 of 2, 5.00 steps (50 planned), 10.00 forwards (100)" in said


def test_a_threshold_is_tuned_and_drawn() -> None:
    study = draft({"percentile": 30})
    plan_tuning(study, tuning_set(study))
    task = to_tune(study)[0]
    for place, sample in enumerate(Sample.objects.order_by("pk")):
        sample.image, sample.state = make_image(sample.pk), "done"
        sample.save()
        Score.objects.create(
            sample=sample, estimator_digest=task.estimator.digest(), value=float(place)
        )
    said = run("calibrate_threshold", str(study.uid), actor=study.owner.username, sizes=[10, 100])
    assert "adaptive: tau 2.7000 at the 30th percentile of 10 scores (percentile 30)" in said
    assert "<- tau" in said
    assert "     30    2.700       11.00      22.00  <- chosen" in said
    assert "     10 prompts  tau" in said
    assert "    100 prompts  tau" in said


def test_calibrating_what_needs_no_threshold_is_refused() -> None:
    study = draft({"tau": 0.5})
    with pytest.raises(CommandError, match="no method of the study has a threshold to tune"):
        run("calibrate_threshold", str(study.uid), actor=study.owner.username)


def seen(**changes: Any) -> Progress:
    counts = {
        "arms": (),
        "wanted": 10,
        "done": 0,
        "failed": 0,
        "running": 0,
        "queued": 2,
        "paused": 0,
        "cancelled": 0,
        "unheard": 0,
        "rate": None,
        "eta": None,
        "failures": (),
    }
    return Progress(**(counts | changes))


def waited(looks: list[Progress]) -> tuple[list[str], int]:
    """What is said while these are seen, ten seconds apart; how often it swept."""
    said: list[str] = []
    swept: list[int] = []
    clock = iter(range(0, 10_000, 10))
    left = iter(looks)
    sampling_bar.wait(
        lambda: next(left),
        what="pictures",
        say=said.append,
        round_of=lambda: swept.append(1),
        pause=lambda _: None,
        clock=lambda: float(next(clock)),
    )
    return said, len(swept)


def test_who_waits_is_told_how_far_it_is_and_sweeps_meanwhile() -> None:
    going = seen(done=4, running=1, rate=3.0, eta=timedelta(minutes=2))
    said, swept = waited([going, going, seen(done=10, queued=0)])
    assert said[0] == "pictures: 4 of 10 pictures, 3.0 a minute, 2 min left"
    assert swept >= 1


def test_who_waits_for_nobody_is_told_so_once() -> None:
    said, _ = waited([*[seen()] * 6, seen(done=10, queued=0)])
    assert sum("Is a worker running?" in line for line in said) == 1
    away, _ = waited([*[seen(unheard=2)] * 6, seen(done=10, queued=0)])
    assert sum("cannot be reached" in line for line in away) == 1


def test_the_summary_tells_arms_as_executed_and_why_some_failed() -> None:
    arm = ArmProgress(
        name="ours",
        label="Ours",
        kind="adaptive-refine",
        wanted=10,
        done=8,
        failed=2,
        steps_planned=15,
        steps=14.5,
        forwards_planned=30,
        forwards=29.0,
        at_most=False,
        accepted=0.525,
        accepted_planned=0.5,
        accepted_error=0.1,
    )
    lines = sampling_bar.summary(
        seen(arms=(arm,), failures=(Failure("no weights at /x", 2, ("ours",)),))
    )
    assert lines == [
        "  Ours  8 of 10, 14.50 steps (15 planned), 29.00 forwards (30), "
        "kept 52 % (50 % planned ± 10)",
        "  failed: 2 of ours: no weights at /x",
    ]
