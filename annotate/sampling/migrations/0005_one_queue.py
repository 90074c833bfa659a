from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sampling", "0004_calibrations"),
    ]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="queue",
            field=models.CharField(choices=[("gpu", "GPU")], default="gpu", max_length=8),
        ),
    ]
