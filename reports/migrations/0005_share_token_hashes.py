"""Shared links are looked up by a hash of their token, which is encrypted; stop links of digests carry a signed number."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

import accounts.security.encrypted_fields
import reports.share.models
from accounts.keys import key_hash
from accounts.security.encrypted_fields import encrypt_stored


def hash_tokens(apps: Any, schema_editor: Any) -> None:
    """Store the hash of every token, and the token encrypted."""
    alias = schema_editor.connection.alias
    shares = apps.get_model("reports", "Share").objects.using(alias)
    encrypt_stored(shares.model, "token", alias)
    for row in shares.only("pk", "token"):
        shares.filter(pk=row.pk).update(token_hash=key_hash(row.token))


class Migration(migrations.Migration):
    dependencies = [
        ("reports", "0004_prices_of_incidents"),
    ]

    operations = [
        migrations.RemoveField(model_name="digestsubscription", name="token"),
        migrations.AddField(
            model_name="share",
            name="token_hash",
            field=models.CharField(default="", editable=False, max_length=64),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="share",
            name="token",
            field=accounts.security.encrypted_fields.EncryptedCharField(
                default=reports.share.models.share_token, max_length=40
            ),
        ),
        migrations.RunPython(hash_tokens),
        migrations.AlterField(
            model_name="share",
            name="token_hash",
            field=models.CharField(editable=False, max_length=64, unique=True),
        ),
    ]
