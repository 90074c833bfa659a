"""Codes for whoever failed the exam for good, and for work done before a place ended."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("studies", "0007_review_role")]

    operations = [
        migrations.AddField(
            model_name="entrylink",
            name="early_url",
            field=models.CharField(blank=True, default="", max_length=300),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="completioncode",
            name="reason",
            field=models.CharField(
                choices=[
                    ("quota", "All pairs of one person answered"),
                    ("empty", "Nothing left to judge"),
                    ("closed", "Study closed"),
                    ("screened", "Exam not passed"),
                    ("ended", "Place ended before the work"),
                ],
                max_length=8,
            ),
        ),
    ]
