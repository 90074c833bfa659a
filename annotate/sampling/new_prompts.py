"""The prompts an import brings: the same prompt set again, or the next version of it.
It must know no samples."""

import itertools
from collections.abc import Iterator

from django.db import IntegrityError, transaction
from django.db.models import Max

from annotate.sampling.delivery import BATCH, Delivery, PromptMark, batches
from annotate.sampling.manifest import Row, read_rows
from annotate.sampling.refusals import ImportRefused, Refusals, quoted
from annotate.studies.models import Prompt, PromptSet, Study
from annotate.studies.prompts import PromptRow, list_digest


class ImportedPrompts:
    """The study's test prompts before and after: the same set, or its next version."""

    def __init__(self, study: Study, delivery: Delivery, refusals: Refusals) -> None:
        self._study = study
        self._delivery = delivery
        sets = list(study.prompt_sets.filter(role=PromptSet.Role.TEST).order_by("pk"))
        if len(sets) > 1:
            raise ImportRefused.whole(
                f"The study has {len(sets)} test prompt sets; an import fills one.",
                "Leave one test set in the study.",
            )
        self.source = sets[0] if sets else None
        self._unwritten: set[str] = set()
        fields = ("key", "digest", "group", "context", "context_role")
        self._known: list[tuple[str, str, str, str, str]] = (
            list(self.source.prompts.order_by("order", "pk").values_list(*fields))
            if self.source
            else []
        )
        self._compare(refusals)
        keys = {known[0] for known in self._known}
        self.new = [key for key in delivery.survey.prompts if key not in keys]
        self._next_order = len(self._known)

    def _compare(self, refusals: Refusals) -> None:
        """A prompt id that the study has already must mean the same prompt."""
        for key, digest, group, context, role in self._known:
            mark = self._delivery.survey.prompts.get(key)
            if mark is None:
                continue
            for what, differs in (
                ("text", mark.text_digest != digest),
                ("group", mark.group is not None and mark.group != group),
                ("context", bool(mark.context) and self._context(mark) != context),
                ("context role", bool(mark.context_role) and mark.context_role != role),
            ):
                if differs:
                    refusals.add(
                        mark.line,
                        f"prompt {quoted(key)} has another {what} in this study already.",
                        "Use another prompt id, or import into a new study.",
                    )

    def _context(self, mark: PromptMark) -> str:
        return self._delivery.pictures[mark.context].digest if mark.context else ""

    def settle(self) -> PromptSet:
        """Find or make the set that holds all prompts; `write` fills a fresh one."""
        if self.source is not None and not self.new:
            return self.source
        digest = list_digest(itertools.chain(self._old_rows(), self._new_rows()))
        name = self.source.name if self.source else self._study.name
        self._target, created = _prompt_set(name, digest)
        if created:
            self._unwritten = set(self.new)
            self._copy_old()
        return self._target

    def _copy_old(self) -> None:
        if self.source is None:
            return
        for old in batches(self.source.prompts.order_by("order", "pk").iterator(BATCH)):
            for prompt in old:
                prompt.pk, prompt.prompt_set = None, self._target
            Prompt.objects.bulk_create(old)

    def _old_rows(self) -> Iterator[PromptRow]:
        if self.source is None:
            return
        for prompt in self.source.prompts.order_by("order", "pk").iterator(BATCH):
            yield PromptRow(
                prompt.key, prompt.text, prompt.group, prompt.context, prompt.context_role
            )

    def _new_rows(self) -> Iterator[PromptRow]:
        """Read from the manifest once more, rather than holding every text until now."""
        unread = set(self.new)
        for row in read_rows(self._delivery.manifest, Refusals()):
            if row.prompt_id in unread:
                unread.remove(row.prompt_id)
                context = self._context(self._delivery.survey.prompts[row.prompt_id])
                yield PromptRow(
                    row.prompt_id, row.prompt, row.group or "", context, row.context_role
                )

    def write(self, rows: list[Row]) -> None:
        """Write the prompts that these rows are the first to name."""
        fresh: list[Prompt] = []
        for row in rows:
            if row.prompt_id not in self._unwritten:
                continue
            self._unwritten.remove(row.prompt_id)
            mark = self._delivery.survey.prompts[row.prompt_id]
            fresh.append(
                Prompt(
                    prompt_set=self._target,
                    key=row.prompt_id,
                    text=row.prompt,
                    digest=mark.text_digest,
                    group=row.group or "",
                    order=self._next_order,
                    context=self._context(mark),
                    context_role=row.context_role,
                )
            )
            self._next_order += 1
        Prompt.objects.bulk_create(fresh)


def _prompt_set(name: str, digest: str) -> tuple[PromptSet, bool]:
    """The test set of this name and content, else a next version.

    Studies of one name may import at once: who comes second finds the number taken and looks again.
    """
    sets = PromptSet.objects.filter(name=name)
    while True:
        same = sets.filter(digest=digest, role=PromptSet.Role.TEST).first()
        if same is not None:
            return same, False
        version = (sets.aggregate(last=Max("version"))["last"] or 0) + 1
        try:
            with transaction.atomic():
                return PromptSet.objects.create(name=name, version=version, digest=digest), True
        except IntegrityError:
            if not sets.filter(version__gte=version).exists():
                raise
