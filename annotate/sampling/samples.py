"""Which sample belongs to which method and prompt. It must not make or store pictures."""

import hashlib
from collections.abc import Iterable

from annotate.sampling.models import Image, Sample
from annotate.studies.models import Method, Prompt


def sample_prompt_digest(method: Method, prompt: Prompt) -> str:
    """The prompt's part of a sample's key.

    Generated samples depend on the text alone and are shared between studies; imported ones also
    on the researcher's own prompt id, since two ids may carry one text and different pictures.
    """
    if method.kind == "imported":
        return hashlib.sha256(f"{prompt.key}\0{prompt.digest}".encode()).hexdigest()
    return prompt.digest


# Images by (method digest, prompt digest), then by replica.
Finished = dict[tuple[str, str], dict[int, Image]]


def sample_seed(method: Method, *, seed: int) -> int:
    """The seed's part of a sample's key: the study's own, and 0 for pictures that were imported."""
    return 0 if method.kind == "imported" else seed


def finished(
    methods: Iterable[Method], *, prompts: Iterable[str] | None = None, seed: int = 0
) -> Finished:
    """The images of all finished samples of these methods.

    `prompts` limits them to these prompt digests (`sample_prompt_digest`); few, not thousands.
    `seed` is the study's: generated samples of another seed are other samples.
    """
    wanted = {m.digest: sample_seed(m, seed=seed) for m in methods}
    rows = Sample.objects.filter(
        method_digest__in=wanted, seed__in=set(wanted.values()), state=Sample.State.DONE
    )
    if prompts is not None:
        rows = rows.filter(prompt_digest__in=list(prompts))
    images: Finished = {}
    for sample in rows.select_related("image"):
        # The image is there: a constraint says so.
        if sample.image is not None and sample.seed == wanted[sample.method_digest]:
            replicas = images.setdefault((sample.method_digest, sample.prompt_digest), {})
            replicas[sample.replica] = sample.image
    return images
