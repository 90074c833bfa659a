"""Whoever has an account accepts a further study's invitation with it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0002_invitation_made_on_the_command_line")]

    operations = [
        migrations.AlterField(
            model_name="invitation",
            name="used_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="invitations_used",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
