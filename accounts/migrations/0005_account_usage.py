from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_task_runs")]

    operations = [
        migrations.AddField(
            "account",
            "events_used",
            models.BigIntegerField(default=0, help_text="Of the running month, as last counted"),
        ),
        migrations.AddField("account", "events_counted", models.DateTimeField(blank=True, null=True)),
    ]
