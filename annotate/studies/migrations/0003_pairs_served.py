from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("studies", "0002_qualified_version"),
    ]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="served",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="membership",
            name="next_extra",
            field=models.PositiveIntegerField(default=0),
        ),
    ]
