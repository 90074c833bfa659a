"""Studies whose votes were cast elsewhere: they have a report and are never open."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("studies", "0005_contrast_of_one_method")]

    operations = [
        migrations.AddField(
            model_name="study",
            name="external",
            field=models.BooleanField(default=False),
        ),
        migrations.AddConstraint(
            model_name="study",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("external", False), ("state__in", ["closed", "archived"]), _connector="OR"
                ),
                name="study_external_is_never_open",
            ),
        ),
    ]
