"""Which sample belongs to which method and prompt. It must not make or store pictures."""

import hashlib
from collections.abc import Iterable

from annotate.sampling.models import Sample
from annotate.studies.models import Method, Prompt


def sample_prompt_digest(method: Method, prompt: Prompt) -> str:
    """The prompt's part of a sample's key.

    Generated samples depend on the text alone and are shared between studies; imported ones also
    on the researcher's own prompt id, since two ids may carry one text and different pictures.
    """
    if method.kind == "imported":
        return hashlib.sha256(f"{prompt.key}\0{prompt.digest}".encode()).hexdigest()
    return prompt.digest


def finished(
    methods: Iterable[Method], *, prompts: Iterable[str] | None = None
) -> dict[tuple[str, str, int], Sample]:
    """Finished samples of these methods by (method digest, prompt digest, replica).

    `prompts` limits them to these prompt digests (`sample_prompt_digest`); few, not thousands.
    """
    digests = [m.digest for m in methods]
    rows = Sample.objects.filter(method_digest__in=digests, state=Sample.State.DONE)
    if prompts is not None:
        rows = rows.filter(prompt_digest__in=list(prompts))
    rows = rows.select_related("image")
    return {(s.method_digest, s.prompt_digest, s.replica): s for s in rows}
