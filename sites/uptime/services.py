"""Writes to monitors and incidents, and the notifications of incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.account_limits import check_limit
from accounts.audit.recording import read_fields, record_action, record_change
from accounts.audit.subjects import AuditSubject
from accounts.models import Account
from accounts.run_each import run_each
from accounts.selectors import rank_by_account
from accounts.services import account_lock
from sites.alerts.condition_registry import AlertNotification
from sites.alerts.models import Alert
from sites.alerts.services import alert_notify
from sites.models import Site
from sites.outbound import OutboundError, check_host, extract_origin
from sites.uptime.checks import check_monitor, find_expectation_errors
from sites.uptime.models import Incident, Monitor, MonitorState, UptimeHour, WatchedPeriod
from sites.uptime.scheduler import MAX_CAUSE_LENGTH, STATE_FIELDS, apply_all, build_hours, run_round
from sites.uptime.state_machine import CheckResult, find_next_check
from sites.uptime.watched_time import end_watching

AUDIT_SUBJECT = AuditSubject(
    name="monitor",
    label="Monitor",
    account="site.account_id",
    shown=frozenset({
        "site_id", "name", "url", "method", "interval", "timeout", "expected_status", "must_contain",
        "must_not_contain", "follow_redirects", "enabled", "public", "link_id",
    }),
    ignored=frozenset({"next_due", "tls_expires", *STATE_FIELDS}),
)  # fmt: skip
MAX_LATE_NOTIFICATIONS = 500  # incidents per round
EDITABLE = (
    "name", "url", "method", "interval", "timeout", "expected_status", "must_contain", "must_not_contain",
    "headers", "follow_redirects", "enabled", "public",
)  # fmt: skip


@transaction.atomic
def monitor_create(*, site: Site, url: str, now: datetime | None = None, **fields: object) -> Monitor:
    """Create a monitor, due at once. Raises ValidationError with a sentence per field."""
    monitor = Monitor(site=site, url=url, next_due=now or timezone.now(), **fields)
    account_lock(site.account)
    check_limit(site.account, "monitors", used=select_monitors(site.account).count(), field="url", what="monitors")
    validate_monitor(monitor)
    monitor.save()
    record_action("monitor.created", monitor)
    return monitor


@transaction.atomic
def monitor_update(*, monitor: Monitor, changes: Mapping[str, object], now: datetime | None = None) -> Monitor:
    """Change editable fields of a monitor; the next check follows the new interval.

    Raises ValidationError with a sentence per field.
    """
    if changes.get("enabled") and not Monitor.objects.filter(pk=monitor.pk, enabled=True).exists():
        account = monitor.site.account
        account_lock(account)
        running = select_monitors(account).filter(enabled=True).count()
        check_limit(account, "monitors", used=running, field="enabled", what="monitors that are on")
    for name in EDITABLE:
        if name in changes:
            setattr(monitor, name, changes[name])
    validate_monitor(monitor)
    now = now or timezone.now()
    before = Monitor.objects.select_for_update().get(pk=monitor.pk)
    stored = read_fields(before)
    if not monitor.enabled:
        stop_monitoring(before, now)
    elif monitor.interval < before.interval:
        end_watched_period(before, now)  # its last check covers the longer interval
    for name in STATE_FIELDS:
        setattr(monitor, name, getattr(before, name))  # a round may have written them since the caller read the row
    if extract_origin(monitor.url) != extract_origin(before.url):
        monitor.tls_expires = None
    monitor.next_due = find_next_check(monitor.pk, monitor.interval, now)
    monitor.save()
    record_change("monitor.changed", monitor, stored)
    return monitor


def end_watched_period(monitor: Monitor, now: datetime) -> None:
    """End and store the current watched period; the monitor itself is not saved."""
    period = end_watching(monitor, now)
    if period is not None:
        period.save()


def stop_monitoring(monitor: Monitor, now: datetime) -> None:
    """Reset the state of a monitor that is paused (unsaved), and end its open incident without a notification.

    From now on nobody knows whether the address is down.
    """
    end_watched_period(monitor, now)
    monitor.incidents.filter(end=None).update(end=now, end_notified=now)
    if monitor.state != MonitorState.UNKNOWN:
        monitor.state, monitor.state_since = MonitorState.UNKNOWN, now
    monitor.first_failure, monitor.cause = None, ""


@transaction.atomic
def monitor_url_set(*, monitor: Monitor, url: str, enabled: bool) -> None:
    """Change a monitor's URL. Its headers are deleted if the origin changes, since they were meant for the old one."""
    row = Monitor.objects.select_for_update().get(pk=monitor.pk)
    before = read_fields(row)
    if extract_origin(url) != extract_origin(row.url):
        row.headers, row.tls_expires = {}, None
    if not enabled:
        stop_monitoring(row, timezone.now())
    row.url, row.enabled = url, enabled
    row.save(update_fields=["url", "enabled", "headers", *STATE_FIELDS])
    record_change("monitor.changed", row, before)


@transaction.atomic
def monitor_delete(*, monitor: Monitor) -> None:
    """Delete a monitor with its incidents and response times."""
    record_action("monitor.deleted", monitor)
    monitor.delete()


def select_monitors(account: Account) -> QuerySet[Monitor]:
    """Select the monitors of all sites of the account that are not deleted."""
    return Monitor.objects.filter(site__account=account, site__deleted=None)


def validate_monitor(monitor: Monitor) -> None:
    """Raise ValidationError for an invalid monitor. Only the form resolves its host name (`check_reachable`)."""
    monitor.full_clean(exclude=["next_due"])
    if errors := find_expectation_errors(monitor):
        raise ValidationError(errors)
    if not monitor.url.startswith(("http://", "https://")):
        raise ValidationError({"url": "Start the address with http:// or https://."})
    if "@" in urlsplit(monitor.url).netloc:
        raise ValidationError({"url": "The address must not contain a name and password; put them into a header."})
    try:
        if monitor.enabled:
            check_host(monitor.url)
    except OutboundError as error:
        raise ValidationError({"url": str(error)}) from error


@transaction.atomic
def checks_replay(*, monitor: Monitor, results: Sequence[tuple[CheckResult, datetime]]) -> list[Incident]:
    """Store earlier checks of a new monitor, oldest first, as if each had just been made.

    Returns the incidents that they started. Nobody is notified of them, since they are in the past.
    """
    applied, ended_periods = apply_all([(monitor, result, at) for result, at in results])
    incidents: list[Incident] = []
    for _, transition, result in applied:
        if transition.incident_start:
            start, cause = transition.incident_start, result.cause[:MAX_CAUSE_LENGTH]
            incidents.append(Incident(monitor=monitor, start=start, start_notified=start, cause=cause))
        elif transition.incident_end:
            incidents[-1].end = incidents[-1].end_notified = transition.incident_end
    Incident.objects.bulk_create(incidents, batch_size=500)
    WatchedPeriod.objects.bulk_create(ended_periods, batch_size=500)
    UptimeHour.objects.bulk_create(build_hours(monitor, results), batch_size=500)
    monitor.save(update_fields=STATE_FIELDS)
    return incidents


@transaction.atomic  # claim and deliveries together: if the worker dies here, a later round repeats it
def incident_notify(incident: Incident, *, now: datetime | None = None) -> int:
    """Notify the site's uptime alerts of the start or end of an incident, each once; returns the queued deliveries."""
    now = now or timezone.now()
    field = "end_notified" if incident.end else "start_notified"
    if not Incident.objects.filter(Q(**{field: None}), pk=incident.pk).update(**{field: now}):
        return 0
    notification = build_incident_notification(incident)
    alerts = Alert.objects.filter(site=incident.monitor.site, condition="uptime", enabled=True)
    return sum(alert_notify(alert=alert, notifications=[notification], now=now) for alert in alerts)


def build_incident_notification(incident: Incident) -> AlertNotification:
    """Build the notification of an incident's start, or of its end if it has one."""
    monitor = incident.monitor
    payload = {"event": "uptime", "site_id": monitor.site_id, "monitor": str(monitor), "url": monitor.url}
    start = incident.start.isoformat()
    if incident.end is None:
        text = f"{monitor.url} has not answered properly since {incident.start:%Y-%m-%d %H:%M} UTC.\n{incident.cause}"
        details = {"state": "down", "start": start, "cause": incident.cause}
        return AlertNotification(f"incident-{incident.pk}-down", f"{monitor} is down", text, payload | details)
    duration = format_duration(int((incident.end - incident.start).total_seconds()))
    text = f"{monitor.url} answers again. It was down for {duration}, from {incident.start:%Y-%m-%d %H:%M} UTC."
    details = {"state": "up", "start": start, "end": incident.end.isoformat()}
    return AlertNotification(
        f"incident-{incident.pk}-up", f"{monitor} is up again after {duration}", text, payload | details
    )


def format_duration(seconds: int) -> str:
    """Format seconds in the two largest units, such as "2 h 5 min"."""
    units = [("d", 86400), ("h", 3600), ("min", 60), ("s", 1)]
    parts = []
    for unit, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def monitors_check(*, now: datetime | None = None) -> int:
    """Check all monitors that are due; returns the number of checks."""
    return run_round(check_monitor, incident_notify, now)


def incidents_notify_late(*, now: datetime) -> int:
    """Send notifications that a worker stored no deliveries for before it died; returns the queued deliveries."""
    pending = Incident.objects.filter(Q(start_notified=None, end=None) | Q(end_notified=None, end__isnull=False))
    rows = rank_by_account(pending.select_related("monitor__site"), "monitor__site__account_id", "start")[
        :MAX_LATE_NOTIFICATIONS
    ]
    return sum(run_each(rows, lambda incident: incident_notify(incident, now=now), what="Incident"))
