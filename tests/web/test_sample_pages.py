"""The sample browser and a sample's page: scores, decisions, records, making it again."""

from typing import Any

import pytest
from django.urls import reverse
from PIL import Image as Pixels

from annotate.judging.launch import launch
from annotate.people.models import Role
from annotate.sampling import storage
from annotate.sampling.models import ImageVariant, Job, Sample
from annotate.studies.models import Study
from tests.factories import make_generated, make_study, make_user
from tests.web.arrange_sampling import arm_of, finish, make_waiting, record_of
from tests.web.test_pictures import client_of, sample

pytestmark = pytest.mark.django_db


def made() -> tuple[Study, Sample]:
    """A launched study and an adaptive sample that was refined, with its student."""
    study = launch(make_generated(prompts=3), actor=None)
    arm = arm_of(study)
    row = sample(study, "adaptive")
    parent = Sample.objects.get(method_digest=arm.student.digest(), prompt_digest=row.prompt_digest)
    digest = arm.estimator.digest()
    finish(parent, steps=5, forwards=10, seconds=0.25, scores={digest: 0.4})
    recipe = arm.model_dump(mode="json") | {"threshold": 0.5}
    decision = {"outcome": "refined", "score": 0.4, "threshold": 0.5, "margin": -0.1}
    finish(
        row,
        steps=25,
        forwards=50,
        seconds=1.5,
        decision="refined",
        parent=parent,
        scores={digest: 0.75},
        record=record_of(row, recipe, **decision),
    )
    return study, row


def get(study: Study, name: str, *more: Any, **query: str) -> str:
    answer = client_of(study.owner).get(reverse(name, args=[study.uid, *more]), query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_browser_shows_decision_score_and_steps() -> None:
    study, _ = made()
    html = get(study, "study-samples")
    assert "<b>Refined</b><span>imagereward 0.75</span><span>25 steps</span>" in html
    assert html.count("not made yet") == 5


@pytest.mark.parametrize(
    ("show", "rows"), [("improved", 1), ("kept", 0), ("failed", 0), ("waiting", 3), ("what", 3)]
)
def test_the_browser_is_limited_to_what_became_of_samples(show: str, rows: int) -> None:
    study, _ = made()
    assert get(study, "study-samples", show=show).count('<h2 class="read">') == rows


def test_tuning_prompts_stand_apart_from_those_that_are_shown() -> None:
    study = make_waiting()
    assert get(study, "study-samples").count('<h2 class="read">') == 2
    html = get(study, "study-samples", prompts="tune")
    assert html.count('<h2 class="read">') == 8
    assert '<h2 class="read">tune 0</h2>' in html


def test_a_failed_sample_says_why_in_its_place() -> None:
    study, _ = made()
    Sample.objects.filter(pk=sample(study, "teacher").pk).update(state="failed", error="No memory.")
    html = get(study, "study-samples", show="failed")
    assert "<b>failed</b>" in html
    assert "No memory." in html


def test_samples_of_another_seed_are_not_this_studys() -> None:
    study, row = made()
    other = Sample.objects.create(
        method_digest=row.method_digest, prompt_digest=row.prompt_digest, seed=row.seed + 1
    )
    finish(other)
    html = get(study, "study-samples")
    assert f"/samples/{other.pk}/" not in html
    address = reverse("study-sample", args=[study.uid, other.pk])
    assert client_of(study.owner).get(address).status_code == 404


def test_a_record_is_a_page_to_read() -> None:
    study, row = made()
    html = get(study, "study-sample", row.pk)
    said = "Refined by the teacher from the student&#x27;s sample: the student&#x27;s sample scored"
    assert f"{said} 0.4, 0.1 below tau 0.5." in html
    assert "imagereward 0.75" in html
    assert "imagereward 0.4" in html  # the student's own, beside it
    assert "multistep consistency" in html
    assert "5 steps, 10 UNet forwards" in html
    assert "999, 499" in html
    assert "place 2 of 4" in html
    assert '<dt>Seed, initial</dt><dd class="code">7</dd>' in html
    assert f'<dt>Weights, unet</dt><dd class="code">{"a" * 64}</dd>' in html
    assert "<dt>torch</dt>" in html
    assert "&quot;format&quot;: 1" in html


def test_a_student_that_no_method_shows_has_its_page_too() -> None:
    study, row = made()
    assert row.parent is not None
    assert "Student sample, shown by no method" in get(study, "study-sample", row.parent.pk)


def test_an_imported_sample_says_that_its_making_is_not_known() -> None:
    study = make_study(pairs=2)
    digest = study.methods.get(name="teacher").digest
    row = Sample.objects.filter(method_digest=digest).first()
    assert row is not None
    html = get(study, "study-sample", row.pk)
    assert "It was imported" in html
    assert "Make it again" not in html


def test_a_sample_is_made_again_by_a_job_and_its_result_stands_below() -> None:
    study, row = made()
    address = reverse("study-sample-again", args=[study.uid, row.pk])
    client_of(study.owner).post(address)
    job = Job.objects.get(kind="remake")
    assert job.payload["sample"] == row.pk
    assert "Waiting for a worker" in get(study, "study-sample", row.pk)
    done = {"same": True, "max_difference": 0, "differs": [], "image": "c" * 64}
    Job.objects.filter(pk=job.pk).update(state="done", result=done)
    assert "<b>The same bytes</b>" in get(study, "study-sample", row.pk)
    other = done | {"same": False, "max_difference": 2, "differs": ["torch 2.12 -> 2.13"]}
    Job.objects.filter(pk=job.pk).update(result=other)
    html = get(study, "study-sample", row.pk)
    assert "Its pixels differ by at most 2 of 255." in html
    assert "Not as recorded: torch 2.12 -&gt; 2.13." in html
    Job.objects.filter(pk=job.pk).update(state="failed", error="The weights are gone.")
    assert "The weights are gone." in get(study, "study-sample", row.pk)


def test_what_was_imported_cannot_be_made_again() -> None:
    study = make_study()
    row = Sample.objects.filter(method_digest=study.methods.first().digest).first()
    assert row is not None
    address = reverse("study-sample-again", args=[study.uid, row.pk])
    html = client_of(study.owner).post(address, follow=True).content.decode()
    assert "only a finished sample that was made here can be made again" in html
    assert not Job.objects.exists()


def test_samples_of_other_studies_are_not_found_here() -> None:
    study, _ = made()
    other = make_study()
    foreign = Sample.objects.filter(method_digest=other.methods.first().digest).first()
    assert foreign is not None
    for name in ("study-sample", "study-thumb"):
        address = reverse(name, args=[study.uid, foreign.pk])
        assert client_of(study.owner).get(address).status_code == 404
    address = reverse("study-sample-again", args=[study.uid, foreign.pk])
    assert client_of(study.owner).post(address).status_code == 404
    stranger = client_of(make_user(Role.RESEARCHER))
    own = reverse("study-sample", args=[other.uid, foreign.pk])
    assert stranger.get(own).status_code == 404


def test_a_large_picture_gets_a_small_one_when_it_is_first_looked_at(
    settings: Any, tmp_path: Any
) -> None:
    settings.STORE_DIR = tmp_path
    study, row = made()
    row.image = storage.put(Pixels.new("RGB", (1024, 512), "red"))
    row.save()
    address = reverse("study-thumb", args=[study.uid, row.pk])
    assert address in get(study, "study-samples")
    answer = client_of(study.owner).get(address)
    variant = ImageVariant.objects.get(image=row.image)
    assert (variant.width, variant.height) == (384, 192)
    assert answer["Location"].startswith("/i/")
    html = get(study, "study-samples")
    assert address not in html
    assert answer["Location"] in html
