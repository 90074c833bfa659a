"""Names the admin site so that it can demand our admin role. It must know no models."""

from django.contrib.admin.apps import AdminConfig


class TriptychAdminConfig(AdminConfig):
    default_site = "annotate.config.admin_site.TriptychAdminSite"

    def ready(self) -> None:
        from annotate.config import checks  # noqa: F401 (registers them)

        super().ready()
