"""The table of exports."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0009_list_earlier_sessions")]

    operations = [
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=30)),
                ("parameters", models.JSONField(blank=True, default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Being written"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("rows", models.PositiveIntegerField(default=0, help_text="Without the line of headings")),
                ("size", models.PositiveBigIntegerField(default=0, help_text="Bytes")),
                (
                    "is_complete",
                    models.BooleanField(default=True, help_text="False: the table has more rows than a file may have"),
                ),
                ("error", models.CharField(blank=True, max_length=300)),
                ("file", models.CharField(blank=True, help_text="Its name in the folder of exports", max_length=80)),
                ("created", models.DateTimeField(db_index=True)),
                ("started", models.DateTimeField(blank=True, null=True)),
                ("finished", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="exports", to="accounts.account"
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        blank=True,
                        help_text="Whose export it is; empty: the account key's",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exports",
                        to="accounts.membership",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "-id"], name="export_by_account"),
                    models.Index(fields=["state", "created"], name="export_by_state"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "running", "done", "failed"])),
                        name="export_state_is_known",
                    )
                ],
            },
        ),
    ]
