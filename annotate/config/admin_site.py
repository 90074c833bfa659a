"""Django's admin for what has no page of its own. It must not register models: the apps do."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest


class TriptychAdminSite(AdminSite):
    site_header = site_title = "Triptych administration"

    def has_permission(self, request: HttpRequest) -> bool:
        """Only active people whose role is admin."""
        user = request.user
        return bool(user.is_active and getattr(user, "is_admin", False))
