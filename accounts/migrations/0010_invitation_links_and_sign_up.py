"""Links of invitations have their own last moment, and operators choose who may sign up."""

from datetime import timedelta

from django.db import migrations, models
from django.utils import timezone


def keep_old_ends(apps, schema_editor):
    """Let links that exist work as long as their mails say: 14 days, and 24 hours for those that set up."""
    invitations = apps.get_model("accounts", "Invitation").objects
    invitations.filter(account=None).update(expires=models.F("created") + timedelta(hours=24))
    invitations.exclude(account=None).update(expires=models.F("created") + timedelta(days=14))


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_list_earlier_sessions")]

    operations = [
        migrations.AddField(
            "invitation",
            "link_shown",
            models.BooleanField(
                default=False, help_text="Somebody else than the invited person saw the link: it proves no address"
            ),
        ),
        migrations.AlterField(
            "invitation",
            "created",
            models.DateTimeField(default=timezone.now, help_text="When its link was made"),
        ),
        migrations.AddField(
            "invitation",
            "expires",
            models.DateTimeField(default=timezone.now, help_text="When its link stops working"),
            preserve_default=False,
        ),
        migrations.RunPython(keep_old_ends, migrations.RunPython.noop),
        migrations.CreateModel(
            "InstallationSettings",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "sign_up",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("open", "Everybody, after entering a code that is mailed to the address"),
                            ("invitation", "Invited people"),
                            ("closed", "Nobody new"),
                        ],
                        max_length=10,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(sign_up__in=["", "open", "invitation", "closed"]),
                        name="installation_sign_up_is_known",
                    ),
                    models.CheckConstraint(condition=models.Q(pk=1), name="installation_has_one_row"),
                ],
            },
        ),
    ]
