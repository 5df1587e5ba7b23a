"""The audit log: entries, the chain of their seals, and the switch for deletions."""

import django.db.models.deletion
from django.db import migrations, models

import accounts.security.encrypted_fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0003_words_of_verification"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditChain",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("key", accounts.security.encrypted_fields.EncryptedCharField(max_length=64)),
                ("first_number", models.BigIntegerField(default=1)),
                ("anchor", models.CharField(blank=True, help_text="The hash before the first number", max_length=64)),
                ("last_number", models.BigIntegerField(default=0)),
                ("last_digest", models.CharField(blank=True, max_length=64)),
                ("signature", models.CharField(blank=True, max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="AuditDeletion",
            fields=[
                ("id", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
            ],
        ),
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("entry_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("chain_id", models.BigIntegerField()),
                ("number", models.BigIntegerField(help_text="1, 2, 3 … without gaps")),
                ("previous", models.CharField(blank=True, max_length=64)),
                ("digest", models.CharField(help_text="An HMAC, in hexadecimal", max_length=64)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("chain_id", "number"), name="one_audit_seal_per_number")
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("action", models.CharField(max_length=60)),
                (
                    "actor_type",
                    models.CharField(
                        choices=[
                            ("user", "Person"),
                            ("key", "API key"),
                            ("operator", "Operator"),
                            ("system", "System"),
                            ("anonymous", "Nobody logged in"),
                        ],
                        max_length=10,
                    ),
                ),
                ("actor_id", models.BigIntegerField(null=True)),
                ("actor_label", models.CharField(blank=True, max_length=300)),
                (
                    "via",
                    models.CharField(
                        choices=[("web", "Page"), ("api", "API"), ("command", "Command"), ("task", "Periodic task")],
                        max_length=10,
                    ),
                ),
                ("target_type", models.CharField(max_length=40)),
                ("target_id", models.CharField(blank=True, max_length=40)),
                ("target_label", models.CharField(blank=True, max_length=200)),
                ("changes", models.JSONField(blank=True, default=dict)),
                ("address", models.CharField(blank=True, help_text="The client's IP address", max_length=45)),
                ("user_agent", models.CharField(blank=True, max_length=300)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "id"], name="audit_entry_by_account"),
                    models.Index(fields=["account", "at"], name="audit_entry_by_time"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("actor_type__in", ["user", "key", "operator", "system", "anonymous"])),
                        name="audit_actor_type_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("via__in", ["web", "api", "command", "task"])), name="audit_via_is_known"
                    ),
                ],
            },
        ),
    ]
