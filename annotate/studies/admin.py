"""Studies in Django's admin, to look things up. It must not launch, move or change a study."""

from django.contrib import admin

from annotate.people.admin import ReadMostly
from annotate.studies.models import (
    Contrast,
    Event,
    Membership,
    Method,
    Prompt,
    PromptSet,
    ProtocolTemplate,
    Study,
)


@admin.register(Study)
class StudyAdmin(ReadMostly):
    list_display = ("name", "state", "owner", "created_at", "launched_at", "protocol_hash")
    list_filter = ("state",)
    list_select_related = ("owner",)
    search_fields = ("name", "uid")
    readonly_fields = ("uid",)


@admin.register(Membership)
class MembershipAdmin(ReadMostly):
    """The one place that says who is behind a pseudonym; only admins see it."""

    list_display = ("study", "pseudonym", "role", "user", "active", "joined_at")
    list_filter = ("role", "active")
    list_select_related = ("study", "user")
    search_fields = ("pseudonym", "user__username", "study__name")


@admin.register(PromptSet)
class PromptSetAdmin(ReadMostly):
    list_display = ("name", "version", "role", "digest", "created_at")
    list_filter = ("role",)
    search_fields = ("name",)


@admin.register(Prompt)
class PromptAdmin(ReadMostly):
    list_display = ("key", "prompt_set", "group", "order", "text")
    list_select_related = ("prompt_set",)
    search_fields = ("key", "text")


@admin.register(Method)
class MethodAdmin(ReadMostly):
    list_display = ("name", "label", "kind", "study")
    list_filter = ("kind",)
    list_select_related = ("study",)
    search_fields = ("name", "study__name")


@admin.register(Contrast)
class ContrastAdmin(ReadMostly):
    list_display = ("study", "a", "b", "primary")
    list_select_related = ("study", "a", "b")


@admin.register(ProtocolTemplate)
class ProtocolTemplateAdmin(ReadMostly):
    """A template may be renamed; studies made from it keep their own copy."""

    list_display = ("name", "created_by", "created_at")
    list_select_related = ("created_by",)
    may_change = ("name",)


@admin.register(Event)
class EventAdmin(ReadMostly):
    list_display = ("at", "study", "kind", "actor", "data")
    list_filter = ("kind",)
    list_select_related = ("study", "actor")
    date_hierarchy = "at"
