"""Webhooks of the operator's billing system are channels without an account."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0001_initial")]

    operations = [
        migrations.AlterField(
            "channel",
            "account",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="channels",
                to="accounts.account",
            ),
        ),
        migrations.AddConstraint(
            "channel",
            models.CheckConstraint(
                condition=models.Q(account__isnull=False) | models.Q(kind="webhook"),
                name="channel_of_installation_is_webhook",
            ),
        ),
    ]
