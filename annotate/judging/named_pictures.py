"""Pictures that a study names by digest, in worked pairs and beside prompts: are they stored?

It must not import or store any.
"""

from annotate.sampling.models import Image
from annotate.studies.models import Prompt, Study
from annotate.studies.protocol import Protocol


def missing_pictures(study: Study, protocol: Protocol) -> list[str]:
    """A line for each picture that a worked pair or a prompt names and that is not stored."""
    named = [digest for pair in protocol.worked_pairs for digest in (pair.first, pair.second)]
    stored = set(Image.objects.filter(digest__in=named).values_list("digest", flat=True))
    prompts = Prompt.objects.filter(prompt_set__studies=study).exclude(context="")
    missing = prompts.exclude(context__in=Image.objects.values("digest"))
    count = missing.count()
    return [
        f"A worked pair names picture {digest[:12]}, which is not stored. Import it, or remove "
        "the pair from the instructions."
        for digest in dict.fromkeys(named)
        if digest not in stored
    ] + [
        f"Prompt {prompt.key!r} names picture {prompt.context[:12]} as its context, which is not "
        f"stored (prompts like it: {count}). Import it, or create the study from a file that names "
        "the picture's own file."
        for prompt in missing.order_by("order")[:1]
    ]
