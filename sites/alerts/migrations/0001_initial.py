"""The tables of channels, alerts and deliveries."""

import secrets
import uuid

import django.db.models.deletion
from django.db import migrations, models

import accounts.security.encrypted_fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        ("sites", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Channel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("email", "E-mail"), ("slack", "Slack"), ("webhook", "Webhook")], max_length=10
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                (
                    "target",
                    accounts.security.encrypted_fields.EncryptedCharField(
                        help_text="An e-mail address, or the https:// address of a hook", max_length=2000
                    ),
                ),
                (
                    "secret",
                    accounts.security.encrypted_fields.EncryptedCharField(
                        default=secrets.token_urlsafe, help_text="Webhooks are signed with it", max_length=64
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                ("quiet_from", models.TimeField(blank=True, help_text="Messages wait from here …", null=True)),
                (
                    "quiet_until",
                    models.TimeField(blank=True, help_text="… until here, in the account's zone", null=True),
                ),
                (
                    "confirmed",
                    models.DateTimeField(
                        blank=True, help_text="When the recipient confirmed an e-mail address", null=True
                    ),
                ),
                ("failing_since", models.DateTimeField(blank=True, null=True)),
                (
                    "switched_off",
                    models.CharField(blank=True, help_text="Why it was switched off by itself", max_length=200),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="channels", to="accounts.account"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["email", "slack", "webhook"])), name="channel_kind_is_known"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("condition", models.CharField(max_length=30)),
                ("parameters", models.JSONField(blank=True, default=dict)),
                (
                    "throttle_minutes",
                    models.PositiveIntegerField(default=60, help_text="Minutes between two messages, at least"),
                ),
                ("enabled", models.BooleanField(default=True)),
                ("last_fired", models.DateTimeField(blank=True, null=True)),
                (
                    "memory",
                    models.JSONField(
                        blank=True, default=dict, help_text="State of the condition since its last evaluation"
                    ),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="alerts", to="sites.site"
                    ),
                ),
                ("channels", models.ManyToManyField(blank=True, related_name="alerts", to="alerts.channel")),
            ],
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=120)),
                ("subject", models.CharField(max_length=200)),
                ("text", models.TextField()),
                ("payload", models.JSONField(blank=True, default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("sending", "Being sent"),
                            ("sent", "Sent"),
                            ("failed", "Given up"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_try", models.DateTimeField()),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("sent", models.DateTimeField(blank=True, null=True)),
                ("error", models.CharField(blank=True, max_length=300)),
                (
                    "alert",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="deliveries",
                        to="alerts.alert",
                    ),
                ),
                (
                    "channel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="alerts.channel"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["state", "next_try"], name="alerts_deli_state_51522e_idx"),
                    models.Index(fields=["alert", "-created"], name="delivery_log_of_alert"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("channel", "key"), name="one_delivery_per_channel_and_key"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "sending", "sent", "failed"])),
                        name="delivery_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("sent__isnull", False), ("state", "sent")),
                            models.Q(models.Q(("state", "sent"), _negated=True), ("sent", None)),
                            _connector="OR",
                        ),
                        name="sent_delivery_says_when",
                    ),
                ],
            },
        ),
    ]
