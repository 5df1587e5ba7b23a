"""Invitations keep nothing but the hash of their link; keys that people who left may know are listed."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_pending_memberships")]

    operations = [
        migrations.AlterField("invitation", "token_hash", models.CharField(max_length=64, unique=True)),
        migrations.RemoveField("invitation", "token"),
        migrations.CreateModel(
            name="ExposedKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("object_id", models.BigIntegerField()),
                (
                    "person",
                    models.CharField(
                        help_text="Name and e-mail of who may know it: the user may be deleted", max_length=400
                    ),
                ),
                ("since", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exposed_keys",
                        to="accounts.account",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["kind", "object_id"], name="exposed_key_by_object")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "kind", "object_id", "person"), name="one_row_per_exposed_key"
                    )
                ],
            },
        ),
    ]
