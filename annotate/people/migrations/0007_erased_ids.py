from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0006_known_browsers"),
    ]

    operations = [
        migrations.CreateModel(
            name="ErasedId",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
            ],
        ),
    ]
