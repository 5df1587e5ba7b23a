"""Addresses and secrets of channels, headers of monitors and proxies' secret words are encrypted."""

from __future__ import annotations

from typing import Any

from django.db import migrations

import accounts.security.encrypted_fields
import sites.alerts.models
from accounts.security.encrypted_fields import encrypt_stored

COLUMNS = (("Channel", "target"), ("Channel", "secret"), ("Monitor", "headers"), ("Site", "proxy_secret"))


def encrypt_what_is_stored(apps: Any, schema_editor: Any) -> None:
    for model, field in COLUMNS:
        encrypt_stored(apps.get_model("sites", model), field, schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [
        ("sites", "0004_visitors_marked_by_hand"),
    ]

    operations = [
        migrations.AlterField(
            model_name="channel",
            name="target",
            field=accounts.security.encrypted_fields.EncryptedCharField(
                help_text="An e-mail address, or the https:// address of a hook", max_length=2000
            ),
        ),
        migrations.AlterField(
            model_name="channel",
            name="secret",
            field=accounts.security.encrypted_fields.EncryptedCharField(
                default=sites.alerts.models.webhook_secret, max_length=64
            ),
        ),
        migrations.AlterField(
            model_name="monitor",
            name="headers",
            field=accounts.security.encrypted_fields.EncryptedDictField(blank=True, default=dict),
        ),
        migrations.AlterField(
            model_name="site",
            name="proxy_secret",
            field=accounts.security.encrypted_fields.EncryptedCharField(blank=True, max_length=40),
        ),
        migrations.RunPython(encrypt_what_is_stored),
    ]
