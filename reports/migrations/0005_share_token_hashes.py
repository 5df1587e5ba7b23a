"""Shared links are looked up by a hash of their token, which is encrypted; stop links of digests carry a signed number."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

import accounts.security.encrypted_fields
import reports.sharing.models
from accounts.keys import hash_key
from accounts.security.encrypted_fields import list_stored_texts


def hash_tokens(apps: Any, schema_editor: Any) -> None:
    """Store the hash of every token, and the token encrypted.

    In one update of each row: PostgreSQL checks foreign keys of a row that is updated twice only at the end, and
    meanwhile lets nobody alter the table."""
    alias = schema_editor.connection.alias
    shares = apps.get_model("reports", "Share").objects.using(alias)
    for pk, token in list(list_stored_texts(shares.model, "token", alias)):
        shares.filter(pk=pk).update(token=token, token_hash=hash_key(token))


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
                default=reports.sharing.models.share_token, max_length=40
            ),
        ),
        migrations.RunPython(hash_tokens),
        migrations.AlterField(
            model_name="share",
            name="token_hash",
            field=models.CharField(editable=False, max_length=64, unique=True),
        ),
    ]
