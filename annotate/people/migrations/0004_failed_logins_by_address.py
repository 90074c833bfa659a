"""Wrong passwords are counted by address too, whatever the account."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0003_one_person_uses_several_invitations")]

    operations = [
        migrations.CreateModel(
            name="FailedLogin",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("source", models.CharField(max_length=43)),
                ("at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["source", "at"], name="failed_login_source_at")]
            },
        ),
    ]
