"""Availability is a share of the time that was watched. What was watched so far is known by the hour: every hour with
checks counts, from when the monitor was made and until its last check's time was over."""

from datetime import timedelta

import django.db.models.deletion
from django.db import migrations, models

HOUR = timedelta(hours=1)


def fill_from_hours(apps, schema_editor):
    using = schema_editor.connection.alias
    Period = apps.get_model("sites", "WatchedPeriod")
    for monitor in apps.get_model("sites", "Monitor").objects.using(using).defer("headers").iterator():
        hours = monitor.hours.filter(checks__gt=0).order_by("hour").values_list("hour", flat=True)
        rows = [Period(monitor=monitor, start=start, end=end) for start, end in merge_hours(hours, monitor)]
        Period.objects.using(using).bulk_create(rows, batch_size=500)


def merge_hours(hours, monitor):
    """Consecutive hours as one (start, end), oldest first."""
    merged = []
    for hour in hours:
        start, end = hour, hour + HOUR
        if start < monitor.created < end:
            start = monitor.created
        if monitor.checked and start <= monitor.checked < end:
            end = min(end, monitor.checked + timedelta(seconds=monitor.interval))
        if merged and merged[-1][1] == start:
            merged[-1][1] = end
        else:
            merged.append([start, end])
    return [(start, end) for start, end in merged if start < end]


class Migration(migrations.Migration):
    dependencies = [("sites", "0006_channel_confirmation")]

    operations = [
        migrations.AddField(
            "monitor",
            "watched_since",
            models.DateTimeField(blank=True, null=True, help_text="Checked without a gap since then"),
        ),
        migrations.CreateModel(
            "WatchedPeriod",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("start", models.DateTimeField()),
                ("end", models.DateTimeField()),
                (
                    "monitor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="watched_periods", to="sites.monitor"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["monitor", "end"], name="sites_watch_monitor_end")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("end__gt", models.F("start"))), name="watched_for_a_time"
                    )
                ],
            },
        ),
        migrations.RunPython(fill_from_hours, migrations.RunPython.noop),
    ]
