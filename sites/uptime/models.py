"""Models of monitors, their incidents, watched times and response times."""

from __future__ import annotations

import re

from django.core.validators import BaseValidator, MaxValueValidator, MinValueValidator, URLValidator
from django.db import models

from accounts.security.encrypted_fields import EncryptedDictField
from accounts.validators import build_choice_check

METHODS = [("GET", "GET"), ("HEAD", "HEAD"), ("POST", "POST")]
MIN_INTERVAL, MAX_INTERVAL = 30, 3600  # seconds between two checks
MAX_TIMEOUT = 30  # seconds


def accept_seconds(shortest: int, longest: int) -> list[BaseValidator]:
    """Return the validators of a number of seconds."""
    sentence = f"Choose {shortest} to {longest} seconds."
    return [MinValueValidator(shortest, sentence), MaxValueValidator(longest, sentence)]


class MonitorURLValidator(URLValidator):
    """Accept what URLValidator accepts, and host names of private networks: without a dot, or with underscores."""

    LABEL = r"[a-z\u00a1-\uffff0-9_](?:[a-z\u00a1-\uffff0-9_-]{0,61}[a-z\u00a1-\uffff0-9_])?"
    regex = re.compile(
        rf"^[a-z]+://(?:[^\s:@/]+(?::[^\s:@/]*)?@)?(?:{URLValidator.ipv4_re}|{URLValidator.ipv6_re}|"
        rf"(?![0-9.]+(?:[:/?#]|\Z)){LABEL}(?:\.{LABEL})*\.?)(?::[0-9]{{1,5}})?(?:[/?#]\S*)?\Z",
        re.IGNORECASE,
    )
    schemes = ["http", "https"]


class MonitorURLField(models.URLField):  # type: ignore[type-arg]
    """The URL of a monitor. In migrations it is a plain URLField, since the column is the same."""

    default_validators = [MonitorURLValidator()]

    def deconstruct(self) -> tuple[str, str, list[object], dict[str, object]]:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.URLField", list(args), dict(kwargs)


class MonitorState(models.TextChoices):
    """UNSURE: a failure that no second check has confirmed yet; nobody is notified. UNKNOWN: never checked, or this
    installation cannot or must not check it; the monitor's `cause` then says why."""

    UNKNOWN = "unknown", "Not checked"
    UP = "up", "Up"
    UNSURE = "unsure", "Checking again"
    DOWN = "down", "Down"


class Monitor(models.Model):
    """An address that is checked every `interval` seconds. The worker that moves `next_due` makes the check."""

    site = models.ForeignKey("sites.Site", models.CASCADE, related_name="monitors")
    name = models.CharField(max_length=120, blank=True)
    url = MonitorURLField(max_length=2000)
    method = models.CharField(max_length=4, choices=METHODS, default="GET")
    interval = models.PositiveIntegerField(
        default=60,
        validators=accept_seconds(MIN_INTERVAL, MAX_INTERVAL),
        help_text="Seconds between checks, 30 to 3600",
    )
    timeout = models.PositiveIntegerField(
        default=15, validators=accept_seconds(1, MAX_TIMEOUT), help_text="Seconds until an answer counts as missing"
    )
    expected_status = models.CharField(max_length=60, default="200-399", help_text="Such as 200-299, 401")
    must_contain = models.CharField(max_length=200, blank=True)
    must_not_contain = models.CharField(max_length=200, blank=True)
    headers = EncryptedDictField(default=dict, blank=True)
    follow_redirects = models.BooleanField(default=True)
    enabled = models.BooleanField(default=True)
    public = models.BooleanField(default=False, help_text="Shown on the public status page")
    link_id = models.BigIntegerField(null=True, blank=True, help_text="The tracked link whose destination this is")

    next_due = models.DateTimeField()
    claim = models.CharField(max_length=32, blank=True, db_index=True)
    state = models.CharField(max_length=10, choices=MonitorState.choices, default=MonitorState.UNKNOWN)
    state_since = models.DateTimeField(null=True, blank=True)
    first_failure = models.DateTimeField(null=True, blank=True)
    checked = models.DateTimeField(null=True, blank=True)
    milliseconds = models.PositiveIntegerField(default=0, help_text="Of the last check")
    cause = models.CharField(max_length=200, blank=True, help_text="Why the last check failed")
    tls_expires = models.DateTimeField(null=True, blank=True)
    watched_since = models.DateTimeField(null=True, blank=True, help_text="Checked without a gap since then")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            build_choice_check("state", MonitorState, "monitor_state_is_known"),
            models.CheckConstraint(
                condition=models.Q(method__in=[name for name, _ in METHODS]), name="monitor_method_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(interval__range=(MIN_INTERVAL, MAX_INTERVAL)), name="monitor_interval_in_range"
            ),
            models.CheckConstraint(
                condition=models.Q(timeout__range=(1, MAX_TIMEOUT)), name="monitor_timeout_in_range"
            ),
        ]
        indexes = [
            models.Index(fields=["enabled", "next_due"]),
            models.Index(fields=["link_id"], condition=models.Q(link_id__isnull=False), name="monitor_of_link"),
        ]

    def __str__(self) -> str:
        return self.name or self.url


class Incident(models.Model):
    """An outage, from the first failed check to the first successful one.

    `start_notified` and `end_notified` are the times when the notifications of its start and end were queued.
    """

    monitor = models.ForeignKey(Monitor, models.CASCADE, related_name="incidents")
    start = models.DateTimeField(db_index=True)
    end = models.DateTimeField(null=True, blank=True)
    cause = models.CharField(max_length=200)
    start_notified = models.DateTimeField(null=True, blank=True)
    end_notified = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["monitor"], condition=models.Q(end__isnull=True), name="one_open_incident_per_monitor"
            )
        ]
        indexes = [models.Index(fields=["monitor", "-start"], name="incident_by_monitor_start")]

    def __str__(self) -> str:
        return f"{self.monitor} down since {self.start:%Y-%m-%d %H:%M}"


class WatchedPeriod(models.Model):
    """A time [start, end) in which a monitor was checked without a gap; the current one is `Monitor.watched_since`."""

    monitor = models.ForeignKey(Monitor, models.CASCADE, related_name="watched_periods")
    start = models.DateTimeField()
    end = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["monitor", "end"]),
            models.Index(fields=["end"]),  # for the deletion of old ones
        ]
        constraints = [models.CheckConstraint(condition=models.Q(end__gt=models.F("start")), name="watched_for_a_time")]

    def __str__(self) -> str:
        return f"{self.monitor} watched from {self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M}"


class UptimeHour(models.Model):
    """The checks of a monitor in one hour. `histogram` counts responses by `history.find_bucket` of their time."""

    monitor = models.ForeignKey(Monitor, models.CASCADE, related_name="hours")
    hour = models.DateTimeField()
    checks = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    histogram = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["monitor", "hour"], name="one_row_per_monitor_and_hour"),
            models.CheckConstraint(condition=models.Q(failures__lte=models.F("checks")), name="failures_are_checks"),
        ]
        indexes = [models.Index(fields=["hour"], name="uptime_hour")]  # for the deletion of old ones

    def __str__(self) -> str:
        return f"{self.monitor} at {self.hour:%Y-%m-%d %H}:00"
