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


def finished(methods: Iterable[Method], *, prompts: Iterable[str] | None = None) -> Finished:
    """The images of all finished samples of these methods.

    `prompts` limits them to these prompt digests (`sample_prompt_digest`); few, not thousands.
    """
    digests = [m.digest for m in methods]
    rows = Sample.objects.filter(method_digest__in=digests, state=Sample.State.DONE)
    if prompts is not None:
        rows = rows.filter(prompt_digest__in=list(prompts))
    images: Finished = {}
    for sample in rows.select_related("image"):
        if sample.image is not None:  # always so: a constraint says it
            replicas = images.setdefault((sample.method_digest, sample.prompt_digest), {})
            replicas[sample.replica] = sample.image
    return images
