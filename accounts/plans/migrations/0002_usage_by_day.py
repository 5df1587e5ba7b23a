"""What accounts use by day: events and API calls."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("plans", "0001_initial"), ("accounts", "0013_plans")]

    operations = [
        migrations.CreateModel(
            name="EventDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("site", models.BigIntegerField()),
                ("day", models.DateField()),
                ("events", models.BigIntegerField(default=0)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="event_days", to="accounts.account"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "day"], name="event_days_of_account"),
                    models.Index(fields=["day", "account", "events"], name="event_days_by_day"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("site", "day"), name="one_event_day_per_site"),
                    models.CheckConstraint(condition=models.Q(("events__gte", 0)), name="event_day_not_negative"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiCallDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "api",
                    models.CharField(
                        choices=[
                            ("management", "Management API"),
                            ("clickport", "Clickport API"),
                            ("clicky", "Clicky API"),
                            ("clickmeter", "ClickMeter API"),
                        ],
                        max_length=20,
                    ),
                ),
                ("day", models.DateField()),
                ("calls", models.BigIntegerField(default=0)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_call_days",
                        to="accounts.account",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["day", "account", "calls"], name="api_call_days_by_day")],
                "constraints": [
                    models.UniqueConstraint(fields=("account", "day", "api"), name="one_api_call_day"),
                    models.CheckConstraint(
                        condition=models.Q(("api__in", ["management", "clickport", "clicky", "clickmeter"])),
                        name="api_of_calls_is_known",
                    ),
                    models.CheckConstraint(condition=models.Q(("calls__gte", 0)), name="api_call_day_not_negative"),
                ],
            },
        ),
    ]
