"""An account can be suspended, with a reason, and with a time until which its hits are still recorded."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_personal_tokens_and_idempotent_requests")]

    operations = [
        migrations.AddField("account", "suspended", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("account", "suspension_reason", models.CharField(blank=True, max_length=300)),
        migrations.AddField(
            "account",
            "collection_ends",
            models.DateTimeField(blank=True, help_text="While suspended: hits are recorded until then", null=True),
        ),
    ]
