"""The tables of monitors, incidents, watched times and hours of checks."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import accounts.security.encrypted_fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("sites", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Monitor",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(blank=True, max_length=120)),
                ("url", models.URLField(max_length=2000)),
                (
                    "method",
                    models.CharField(
                        choices=[("GET", "GET"), ("HEAD", "HEAD"), ("POST", "POST")], default="GET", max_length=4
                    ),
                ),
                (
                    "interval",
                    models.PositiveIntegerField(
                        default=60,
                        help_text="Seconds between checks, 30 to 3600",
                        validators=[
                            django.core.validators.MinValueValidator(30, "Choose 30 to 3600 seconds."),
                            django.core.validators.MaxValueValidator(3600, "Choose 30 to 3600 seconds."),
                        ],
                    ),
                ),
                (
                    "timeout",
                    models.PositiveIntegerField(
                        default=15,
                        help_text="Seconds until an answer counts as missing",
                        validators=[
                            django.core.validators.MinValueValidator(1, "Choose 1 to 30 seconds."),
                            django.core.validators.MaxValueValidator(30, "Choose 1 to 30 seconds."),
                        ],
                    ),
                ),
                (
                    "expected_status",
                    models.CharField(default="200-399", help_text="Such as 200-299, 401", max_length=60),
                ),
                ("must_contain", models.CharField(blank=True, max_length=200)),
                ("must_not_contain", models.CharField(blank=True, max_length=200)),
                ("headers", accounts.security.encrypted_fields.EncryptedDictField(blank=True, default=dict)),
                ("follow_redirects", models.BooleanField(default=True)),
                ("enabled", models.BooleanField(default=True)),
                ("public", models.BooleanField(default=False, help_text="Shown on the public status page")),
                (
                    "link_id",
                    models.BigIntegerField(
                        blank=True, help_text="The tracked link whose destination this is", null=True
                    ),
                ),
                ("next_due", models.DateTimeField()),
                ("claim", models.CharField(blank=True, db_index=True, max_length=32)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("unknown", "Not checked"),
                            ("up", "Up"),
                            ("unsure", "Checking again"),
                            ("down", "Down"),
                        ],
                        default="unknown",
                        max_length=10,
                    ),
                ),
                ("state_since", models.DateTimeField(blank=True, null=True)),
                ("first_failure", models.DateTimeField(blank=True, null=True)),
                ("checked", models.DateTimeField(blank=True, null=True)),
                ("milliseconds", models.PositiveIntegerField(default=0, help_text="Of the last check")),
                ("cause", models.CharField(blank=True, help_text="Why the last check failed", max_length=200)),
                ("tls_expires", models.DateTimeField(blank=True, null=True)),
                (
                    "watched_since",
                    models.DateTimeField(blank=True, help_text="Checked without a gap since then", null=True),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="monitors", to="sites.site"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["enabled", "next_due"], name="uptime_moni_enabled_72719d_idx"),
                    models.Index(
                        condition=models.Q(("link_id__isnull", False)), fields=["link_id"], name="monitor_of_link"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["unknown", "up", "unsure", "down"])),
                        name="monitor_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("method__in", ["GET", "HEAD", "POST"])), name="monitor_method_is_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("interval__range", (30, 3600))), name="monitor_interval_in_range"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("timeout__range", (1, 30))), name="monitor_timeout_in_range"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Incident",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("start", models.DateTimeField(db_index=True)),
                ("end", models.DateTimeField(blank=True, null=True)),
                ("cause", models.CharField(max_length=200)),
                ("start_notified", models.DateTimeField(blank=True, null=True)),
                ("end_notified", models.DateTimeField(blank=True, null=True)),
                (
                    "monitor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="incidents", to="uptime.monitor"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("end__isnull", True)),
                        fields=("monitor",),
                        name="one_open_incident_per_monitor",
                    )
                ],
                "indexes": [models.Index(fields=["monitor", "-start"], name="incident_by_monitor_start")],
            },
        ),
        migrations.CreateModel(
            name="UptimeHour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField()),
                ("checks", models.PositiveIntegerField(default=0)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("histogram", models.JSONField(default=dict)),
                (
                    "monitor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="hours", to="uptime.monitor"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("monitor", "hour"), name="one_row_per_monitor_and_hour"),
                    models.CheckConstraint(
                        condition=models.Q(("failures__lte", models.F("checks"))), name="failures_are_checks"
                    ),
                ],
                "indexes": [models.Index(fields=["hour"], name="uptime_hour")],
            },
        ),
        migrations.CreateModel(
            name="WatchedPeriod",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("start", models.DateTimeField()),
                ("end", models.DateTimeField()),
                (
                    "monitor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="watched_periods", to="uptime.monitor"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["monitor", "end"], name="uptime_watc_monitor_f98075_idx"),
                    models.Index(fields=["end"], name="uptime_watc_end_bd2092_idx"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("end__gt", models.F("start"))), name="watched_for_a_time"
                    )
                ],
            },
        ),
    ]
