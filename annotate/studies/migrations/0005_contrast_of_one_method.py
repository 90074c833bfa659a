"""A diversity study pairs two replicas of one method: its contrasts are of a method by itself."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("studies", "0004_entry_links")]

    operations = [
        migrations.RemoveConstraint(model_name="contrast", name="contrast_of_two_methods"),
    ]
