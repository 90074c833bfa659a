"""Comparisons, votes and problems in Django's admin, under pseudonyms.

It must not change or delete a vote: undo and invalidation keep the old one and its reason.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from annotate.judging.models import (
    Answer,
    Assignment,
    Comparison,
    ContrastItem,
    PlannedItem,
    Report,
    Skip,
    Verdict,
    Vote,
    VoteRevision,
)
from annotate.people.admin import ReadMostly
from annotate.studies.models import Membership

if TYPE_CHECKING:
    Inline = admin.TabularInline[Answer, Vote]
else:  # generic for the type checker only
    Inline = admin.TabularInline


class Pseudonymous(ReadMostly):
    """Names annotators by their pseudonym in the study; who that is, memberships say."""

    study_path = "study"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        place = Membership.objects.filter(
            study=OuterRef(self.study_path), user=OuterRef("annotator")
        )
        rows: QuerySet[Any] = super().get_queryset(request)
        named: QuerySet[Any] = rows.annotate(alias=Subquery(place.values("pseudonym")[:1]))
        return named

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        names = super().get_readonly_fields(request, obj)
        return ["pseudonym", *(n for n in names if n not in {"annotator", "actor"})]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [*self.get_readonly_fields(request, obj), *self.may_change]

    @admin.display(ordering=F("alias").asc(nulls_first=True), empty_value="–")
    def pseudonym(self, row: Any) -> str | None:
        name: str | None = row.alias
        return name


@admin.register(Comparison)
class ComparisonAdmin(ReadMostly):
    list_display = ("id", "study", "kind", "prompt_id", "order", "identical", "held")
    list_filter = ("kind", "held", "identical")
    list_select_related = ("study",)
    search_fields = ("study__name",)


@admin.register(ContrastItem)
class ContrastItemAdmin(ReadMostly):
    list_display = ("id", "contrast_id", "prompt_id", "replica", "comparison_id", "a_is_first")
    list_filter = ("a_is_first",)


@admin.register(PlannedItem)
class PlannedItemAdmin(ReadMostly):
    """Items of a study whose pictures are still made; one without a time is not open yet."""

    list_display = ("id", "study", "contrast_id", "prompt_id", "replica", "order", "opened_at")
    list_select_related = ("study",)


@admin.register(Assignment)
class AssignmentAdmin(Pseudonymous):
    list_display = ("id", "study", "comparison_id", "slot", "state", "pseudonym", "lease_until")
    list_filter = ("state", "returned", "held")
    list_select_related = ("study",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # The token is the lease's secret: with it a vote could be sent in somebody's name.
        return [n for n in super().get_readonly_fields(request, obj) if n != "token"]


class AnswerInline(Inline):
    """What a vote says criterion by criterion; to be read only."""

    model = Answer
    fields = readonly_fields = ("criterion", "choice")
    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return ReadMostly._is_admin(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(Vote)
class VoteAdmin(Pseudonymous):
    inlines = (AnswerInline,)
    list_display = (
        "id",
        "study",
        "comparison_id",
        "pseudonym",
        "choice",
        "deciding",
        "side",
        "active_ms",
        "simulated",
        "late",
        "too_fast",
        "created_at",
    )
    list_filter = ("choice", "simulated", "late", "too_fast")
    list_select_related = ("study",)
    date_hierarchy = "created_at"


@admin.register(VoteRevision)
class VoteRevisionAdmin(Pseudonymous):
    study_path = "comparison__study"
    list_display = ("id", "comparison_id", "pseudonym", "reason", "at")
    list_filter = ("reason",)


@admin.register(Verdict)
class VerdictAdmin(ReadMostly):
    list_display = ("comparison_id", "outcome", "reason", "rule", "deciding", "votes", "decided_at")
    list_filter = ("outcome", "reason")


@admin.register(Skip)
class SkipAdmin(Pseudonymous):
    study_path = "comparison__study"
    list_display = ("comparison_id", "pseudonym", "at")


@admin.register(Report)
class ReportAdmin(Pseudonymous):
    """A problem may be marked as seen to; what the annotator said stays as it is."""

    study_path = "comparison__study"
    list_display = ("comparison_id", "pseudonym", "reason", "comment", "at", "resolved_at")
    list_filter = ("reason",)
    may_change = ("resolved_at",)
