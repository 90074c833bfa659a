from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def name_their_protocol(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    """Studies have not grown yet: every verdict was made under its study's one protocol."""
    studies = apps.get_model("studies", "Study").objects.exclude(protocol_hash="")
    verdicts = apps.get_model("judging", "Verdict").objects.all()
    for pk, digest in studies.values_list("pk", "protocol_hash"):
        verdicts.filter(comparison__study=pk).update(protocol_hash=digest)


class Migration(migrations.Migration):
    dependencies = [("judging", "0005_answers_by_attribute")]

    operations = [
        migrations.AddField(
            model_name="verdict",
            name="protocol_hash",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.RunPython(name_their_protocol, migrations.RunPython.noop),
    ]
