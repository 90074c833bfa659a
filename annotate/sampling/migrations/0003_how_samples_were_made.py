"""What was executed for a sample: record, latents, decision, steps, forwards, seconds, scores."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sampling", "0002_jobs")]

    operations = [
        migrations.AddField("sample", "record", models.JSONField(blank=True, default=dict)),
        migrations.AddField(
            "sample", "latents_digest", models.CharField(blank=True, max_length=64)
        ),
        migrations.AddField(
            "sample",
            "parent",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="improved",
                to="sampling.sample",
            ),
        ),
        migrations.AddField(
            "sample",
            "decision",
            models.CharField(
                blank=True,
                choices=[("kept", "Kept"), ("refined", "Refined"), ("regenerated", "Regenerated")],
                max_length=12,
            ),
        ),
        migrations.AddField("sample", "steps", models.PositiveIntegerField(null=True)),
        migrations.AddField("sample", "forwards", models.PositiveIntegerField(null=True)),
        migrations.AddField("sample", "seconds", models.FloatField(null=True)),
        migrations.AddIndex(
            "sample",
            models.Index(
                condition=models.Q(("latents_digest", ""), _negated=True),
                fields=["latents_digest"],
                name="sample_latents",
            ),
        ),
        migrations.CreateModel(
            name="Score",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("estimator_digest", models.CharField(max_length=64)),
                ("value", models.FloatField()),
                (
                    "sample",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scores",
                        to="sampling.sample",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("sample", "estimator_digest"), name="score_once"
                    )
                ]
            },
        ),
    ]
