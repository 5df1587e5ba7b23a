"""Memberships wait for their person's acceptance; invitations keep a hash of their link.

Guests whom an account made by itself and who never logged in did not agree to anything: they become pending, and a
password that was chosen for them ends. Their own keys go on, and "Send again" on the team's page invites them.
"""

import hashlib
from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import migrations, models


def hash_tokens(apps: Any, schema_editor: Any) -> None:
    for row in apps.get_model("accounts", "Invitation").objects.using(schema_editor.connection.alias):
        row.token_hash = hashlib.sha256(row.token.encode()).hexdigest()
        row.save(update_fields=["token_hash"])


def unaccepted_guests(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    memberships = apps.get_model("accounts", "Membership").objects.using(alias)
    users = apps.get_model("accounts", "User").objects.using(alias)
    memberships.update(accepted=models.F("created"))
    made = memberships.filter(role="guest", options__has_key="guestName", user__last_login=None)
    numbers = list(made.values_list("pk", flat=True))
    for start in range(0, len(numbers), 500):
        memberships.filter(pk__in=numbers[start : start + 500]).update(accepted=None)
    agreed = memberships.exclude(accepted=None).values("user")
    waiting = memberships.filter(accepted=None).values("user")
    never_came = users.filter(last_login=None, is_operator=False, pk__in=waiting).exclude(pk__in=agreed)
    for user in never_came:
        user.password = make_password(None)
        user.save(update_fields=["password"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_host_claims")]

    operations = [
        migrations.AddField(
            "user",
            "last_account",
            models.ForeignKey(
                blank=True,
                help_text="Used last; opens by default",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="accounts.account",
            ),
        ),
        migrations.AddField(
            "membership",
            "accepted",
            models.DateTimeField(
                blank=True,
                default=django.utils.timezone.now,
                help_text="When the person agreed; empty = invited only",
                null=True,
            ),
        ),
        migrations.AddField(
            "invitation",
            "membership",
            models.ForeignKey(
                blank=True,
                help_text="The pending membership that is accepted by it",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="invitations",
                to="accounts.membership",
            ),
        ),
        migrations.AddField(
            "invitation",
            "invited_by",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField("invitation", "revoked", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("invitation", "token_hash", models.CharField(default="", max_length=64)),
        migrations.RunPython(hash_tokens, migrations.RunPython.noop),
        migrations.RunPython(unaccepted_guests, migrations.RunPython.noop),
    ]
