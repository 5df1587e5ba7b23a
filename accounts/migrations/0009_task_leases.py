"""Claims of periodic tasks are leases that their worker renews; failures in a row are counted."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_exposed_keys")]

    operations = [
        migrations.AddField("taskrun", "claim", models.CharField(blank=True, max_length=32)),
        migrations.AddField("taskrun", "failures_in_a_row", models.PositiveBigIntegerField(default=0)),
    ]
