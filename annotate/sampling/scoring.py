"""Work of kind "score": scores of samples that were made before anybody asked for this estimator.

Loads torch: only `sampling.tasks` may import it, inside a worker. It must not make samples, nor
score one twice.
"""

import math
from collections.abc import Sequence

from django.db.models import QuerySet

from annotate.sampling import storage
from annotate.sampling.attempt import Attempt, Worked
from annotate.sampling.models import Job, Sample, Score
from annotate.sampling.producing import resident_models
from annotate.studies.models import Prompt
from generation.errors import SamplingError
from generation.spec import Estimator

AT_ONCE = 16


def score_samples(job: Job, trying: Attempt) -> Worked:
    """Score the finished samples that the payload names, by its one estimator.

    A second delivery finds the scores there: each is written once and never again.

    Raises:
        SamplingError: a score is not finite, or a prompt is gone.
    """
    estimator = Estimator.model_validate(job.payload["estimator"])
    rows = list(_open_rows(job.payload["samples"], estimator.digest()))
    already = job.progress_total - len(rows)
    texts = _texts(rows)
    scorer = resident_models().scorer(estimator) if rows else None
    for start in range(0, len(rows), AT_ONCE):
        trying.stop()
        some = rows[start : start + AT_ONCE]
        images = [storage.pixels_of(row.image.digest) for row in some if row.image is not None]
        assert scorer is not None
        values = scorer.score([texts[row.prompt_digest] for row in some], images)
        Score.objects.bulk_create(
            [_score(row, estimator, float(v)) for row, v in zip(some, values, strict=True)],
            ignore_conflicts=True,
        )
        trying.progress(max(0, already) + start + len(some))
    return Worked(result={"scored": len(rows)})


def _open_rows(ids: Sequence[int], estimator: str) -> QuerySet[Sample]:
    done = Sample.objects.filter(pk__in=ids, state=Sample.State.DONE).select_related("image")
    return done.exclude(scores__estimator_digest=estimator).order_by("pk")


def _texts(rows: Sequence[Sample]) -> dict[str, str]:
    digests = {row.prompt_digest for row in rows}
    texts = dict(Prompt.objects.filter(digest__in=digests).values_list("digest", "text"))
    if missing := digests - texts.keys():
        raise SamplingError(f"the text of {len(missing)} prompts is gone. Plan the study again.")
    return texts


def _score(row: Sample, estimator: Estimator, value: float) -> Score:
    if not math.isfinite(value):
        raise SamplingError(
            f"the estimator {estimator.name} gave no finite score for sample {row.pk}. Look at its "
            "picture, or choose another estimator."
        )
    return Score(sample=row, estimator_digest=estimator.digest(), value=value)
