"""Pictures, samples and imports in Django's admin, to look things up. It must not touch files."""

from django.contrib import admin

from annotate.people.admin import ReadMostly
from annotate.sampling.models import Image, ImportRun, Job, Sample


@admin.register(Image)
class ImageAdmin(ReadMostly):
    list_display = ("digest", "width", "height", "bytes", "created_at")
    search_fields = ("digest__startswith",)


@admin.register(Sample)
class SampleAdmin(ReadMostly):
    list_display = ("id", "state", "method_digest", "prompt_digest", "seed", "replica", "image")
    list_filter = ("state",)
    list_select_related = ("image",)
    search_fields = ("method_digest__startswith", "prompt_digest__startswith")


@admin.register(Job)
class JobAdmin(ReadMostly):
    list_display = ("id", "kind", "state", "attempt", "study", "queue", "queued_at", "error")
    list_filter = ("state", "kind", "queue")
    list_select_related = ("study",)
    search_fields = ("error", "study__name")


@admin.register(ImportRun)
class ImportRunAdmin(ReadMostly):
    list_display = ("at", "study", "name", "rows", "images", "actor")
    list_select_related = ("study", "actor")
    search_fields = ("name", "study__name")
