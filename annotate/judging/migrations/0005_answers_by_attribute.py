"""An answer may be the level of an attribute: the names are longer, and no winner is named."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("judging", "0004_qualification")]

    operations = [
        migrations.AlterField("answer", "criterion", models.CharField(max_length=16)),
        migrations.AlterField("answer", "choice", models.CharField(max_length=6)),
    ]
