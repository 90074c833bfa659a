from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def name_their_protocol(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    """A study that grew has votes of several protocols, which its log tells apart by their time."""
    studies = apps.get_model("studies", "Study").objects.exclude(protocol_hash="")
    events = apps.get_model("studies", "Event").objects.all()
    votes = apps.get_model("judging", "Vote").objects.all()
    for pk, present in studies.values_list("pk", "protocol_hash"):
        mine = votes.filter(study=pk)
        grown = events.filter(study=pk, kind="study_grown").order_by("at", "pk")
        launched = events.filter(study=pk, kind="study_launched").order_by("at", "pk")
        first = next(iter(launched.values_list("data__protocol", flat=True)), None)
        mine.update(protocol_hash=(first if grown.exists() else None) or present)
        for at, digest in grown.values_list("at", "data__protocol"):
            mine.filter(created_at__gte=at).update(protocol_hash=digest)


class Migration(migrations.Migration):
    dependencies = [("judging", "0009_rings_in_explanations")]

    operations = [
        migrations.AddField(
            model_name="vote",
            name="protocol_hash",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.RunPython(name_their_protocol, migrations.RunPython.noop),
    ]
