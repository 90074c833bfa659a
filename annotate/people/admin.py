"""People and invitations in Django's admin, and the manners all its pages share.

Read-mostly: what changes has a page or a verb of its own, and nothing is deleted here.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from annotate.people.models import Invitation, User

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:  # generic for the type checker only
    AnyModelAdmin = admin.ModelAdmin


class ReadMostly(AnyModelAdmin):
    """Shows rows to admins. Only fields named in `may_change` can be changed; none deleted."""

    may_change: tuple[str, ...] = ()
    list_per_page = 50
    # Counting millions of votes for a heading costs more than the page itself.
    show_full_result_count = False
    actions = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._is_admin(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return self._is_admin(request)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return bool(self.may_change) and self._is_admin(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:  # noqa: ARG002
        names = [f.name for f in self.model._meta.get_fields() if getattr(f, "editable", False)]
        return [n for n in [*names, *self.readonly_fields] if n not in self.may_change]

    @staticmethod
    def _is_admin(request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_admin", False))


@admin.register(User)
class UserAdmin(ReadMostly):
    """Roles and deactivation are on the people page, which also returns leases."""

    list_display = ("username", "role", "is_active", "simulated", "last_login", "date_joined")
    list_filter = ("role", "is_active", "simulated")
    search_fields = ("username", "email")
    fields = ("username", "email", "role", "is_active", "simulated", "last_login", "date_joined")
    may_change = ("email",)


@admin.register(Invitation)
class InvitationAdmin(ReadMostly):
    list_display = ("id", "role", "note", "created_by", "created_at", "expires_at", "used_by")
    list_filter = ("role",)
    list_select_related = ("created_by", "used_by")
    fields = (
        "role",
        "note",
        "created_by",
        "created_at",
        "expires_at",
        "used_at",
        "used_by",
        "withdrawn_at",
    )
