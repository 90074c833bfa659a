"""Which prompts of its sets a study uses: one of each group where the protocol says so.

It must know no picture: sampling plans by it and judging pairs by it.
"""

import random
from collections import defaultdict
from collections.abc import Iterable

from annotate.studies.models import Contrast, Prompt, PromptSet, Study
from annotate.studies.protocol import Protocol


def contrast_prompts(contrast: Contrast, protocol: Protocol) -> list[Prompt]:
    """The contrast's prompts; one of each group where the protocol samples groups."""
    if contrast.prompt_set is not None:
        prompts = list(contrast.prompt_set.prompts.order_by("order"))
    else:
        prompts = _test_prompts(contrast.study_id)
    return one_per_group(prompts, protocol) if protocol.one_per_group else prompts


def study_prompts(study: Study, protocol: Protocol) -> list[Prompt]:
    """The prompts of a study's test sets, whatever its contrasts take of them."""
    prompts = _test_prompts(study.pk)
    return one_per_group(prompts, protocol) if protocol.one_per_group else prompts


def _test_prompts(study: int) -> list[Prompt]:
    """Every test set of the study, in the order in which they came."""
    sets = PromptSet.objects.filter(studies=study, role=PromptSet.Role.TEST)
    return list(Prompt.objects.filter(prompt_set__in=sets).order_by("prompt_set", "order"))


def one_per_group(prompts: Iterable[Prompt], protocol: Protocol) -> list[Prompt]:
    """One prompt of each group, drawn by the seed and the group's name alone."""
    groups: dict[str, list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        # A prompt without a group is a group of its own.
        groups[f"g{prompt.group}" if prompt.group else f"p{prompt.pk}"].append(prompt)
    return [
        # Seeded by the group's name, so that every contrast draws the same prompt.
        random.Random(f"{protocol.seed}|group|{name}").choice(group)  # noqa: S311 (not a secret)
        for name, group in groups.items()
    ]
