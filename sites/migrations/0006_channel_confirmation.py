"""E-mail channels are confirmed by whoever reads the address. Those that exist go on: an installation that is being
updated must not fall silent."""

from django.db import migrations, models


def confirm_existing(apps, schema_editor):
    channels = apps.get_model("sites", "Channel").objects.using(schema_editor.connection.alias).filter(kind="email")
    channels.update(confirmed=models.F("created"))


class Migration(migrations.Migration):
    dependencies = [("sites", "0005_encrypted_secrets")]

    operations = [
        migrations.AddField(
            "channel",
            "confirmed",
            models.DateTimeField(blank=True, null=True, help_text="When the recipient confirmed an e-mail address"),
        ),
        migrations.AlterField(
            "monitor",
            "state",
            models.CharField(
                choices=[("unknown", "Not checked"), ("up", "Up"), ("unsure", "Checking again"), ("down", "Down")],
                default="unknown",
                max_length=10,
            ),
        ),
        migrations.RunPython(confirm_existing, migrations.RunPython.noop),
    ]
