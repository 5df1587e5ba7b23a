"""Writes of uptime: monitors made and changed, and a round of checks that tells whoever wants to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.limits import check_limit
from accounts.models import Account
from accounts.operations.fair_order import rank_by_account
from accounts.operations.run import run_each
from accounts.services import account_lock
from sites.alerts.conditions import Firing
from sites.alerts.models import Alert
from sites.alerts.services import alert_fire
from sites.models import Site
from sites.outbound import OutboundError, check_host, origin_of
from sites.uptime.check import check
from sites.uptime.expectations import expectation_errors
from sites.uptime.models import LONGEST, SHORTEST, Incident, Monitor, State, UptimeHour, WatchedPeriod
from sites.uptime.run import FIELDS, apply_all, hours_of, run_round, write_change
from sites.uptime.state import Verdict, next_moment
from sites.uptime.watched import end_watching

MAX_LATE_NOTIFICATIONS = 500  # incidents per round
EDITABLE = (
    "name", "url", "method", "interval", "timeout", "expected_status", "must_contain", "must_not_contain",
    "headers", "follow_redirects", "enabled", "public",
)  # fmt: skip


@transaction.atomic
def monitor_create(*, site: Site, url: str, now: datetime | None = None, **fields: Any) -> Monitor:
    """A new monitor of `site`, first checked at once. Raises ValidationError with a sentence per field."""
    monitor = Monitor(site=site, url=url, next_due=now or timezone.now(), **fields)
    account_lock(site.account)
    check_limit(site.account, "monitors", used=monitors_of(site.account).count(), field="url", what="monitors")
    validate(monitor)
    monitor.save()
    return monitor


@transaction.atomic
def monitor_update(*, monitor: Monitor, changes: Mapping[str, Any], now: datetime | None = None) -> Monitor:
    """Change the editable fields named in `changes`; the next check follows the new interval. Raises ValidationError
    with a sentence per field."""
    if changes.get("enabled") and not Monitor.objects.filter(pk=monitor.pk, enabled=True).exists():
        account = monitor.site.account
        account_lock(account)
        running = monitors_of(account).filter(enabled=True).count()
        check_limit(account, "monitors", used=running, field="enabled", what="monitors that are on")
    for name in EDITABLE:
        if name in changes:
            setattr(monitor, name, changes[name])
    validate(monitor)
    now = now or timezone.now()
    before = Monitor.objects.select_for_update().get(pk=monitor.pk)
    if not monitor.enabled:
        monitoring_end(before, now)
    elif monitor.interval < before.interval:
        watching_end(before, now)  # its last check covers the time of the longer interval
    for name in FIELDS:
        setattr(monitor, name, getattr(before, name))  # a round may have written them since the caller read the row
    if origin_of(monitor.url) != origin_of(before.url):
        monitor.tls_expires = None
    monitor.next_due = next_moment(monitor.pk, monitor.interval, now)
    monitor.save()
    return monitor


def watching_end(monitor: Monitor, now: datetime) -> None:
    """End the watched period that goes on: it is stored, the monitor is not."""
    period = end_watching(monitor, now)
    if period is not None:
        period.save()


def monitoring_end(monitor: Monitor, now: datetime) -> None:
    """End what is known of a monitor that is paused (its row is not saved): its state, and an open incident without a
    message, because nobody sees any longer whether it is down."""
    watching_end(monitor, now)
    monitor.incidents.filter(end=None).update(end=now, told_end=now)
    if monitor.state != State.UNKNOWN:
        monitor.state, monitor.state_since = State.UNKNOWN, now
    monitor.first_failure, monitor.cause = None, ""


@transaction.atomic
def monitor_url_set(*, monitor: Monitor, url: str, enabled: bool) -> None:
    """Change a monitor's URL. Its headers are deleted if the origin changes, since they were meant for the old one."""
    row = Monitor.objects.select_for_update().get(pk=monitor.pk)
    if origin_of(url) != origin_of(row.url):
        row.headers, row.tls_expires = {}, None
    if not enabled:
        monitoring_end(row, timezone.now())
    row.url, row.enabled = url, enabled
    row.save(update_fields=["url", "enabled", "headers", *FIELDS])


def monitors_of(account: Account) -> QuerySet[Monitor]:
    """All monitors of the account's sites that are not deleted."""
    return Monitor.objects.filter(site__account=account, site__deleted=None)


def validate(monitor: Monitor) -> None:
    """Raise ValidationError for an invalid monitor. Only forms look its host name up (`check_reachable`)."""
    monitor.full_clean(exclude=["next_due"])
    if not SHORTEST <= monitor.interval <= LONGEST:
        raise ValidationError({"interval": f"Choose {SHORTEST} to {LONGEST} seconds."})
    if not 1 <= monitor.timeout <= 30:
        raise ValidationError({"timeout": "Choose 1 to 30 seconds."})
    if errors := expectation_errors(monitor):
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
def checks_replay(*, monitor: Monitor, verdicts: Sequence[tuple[Verdict, datetime]]) -> list[Incident]:
    """Write down checks of a new monitor that were made earlier, oldest first, as if each had just been made; the
    incidents they began or ended. Nobody is told of them: that would be news of the past."""
    found: dict[int, Incident] = {}
    changed, ended = apply_all([(monitor, verdict, at) for verdict, at in verdicts])
    for _, change, verdict in changed:
        incident = write_change(monitor, change, verdict)
        if incident is not None:
            incident.told, incident.told_end = incident.start, incident.end
            incident.save(update_fields=["told", "told_end"])
            found[incident.pk] = incident
    WatchedPeriod.objects.bulk_create(ended, batch_size=500)
    UptimeHour.objects.bulk_create(hours_of(monitor, verdicts), batch_size=500)
    monitor.save(update_fields=FIELDS)
    return list(found.values())


@transaction.atomic  # claimed and queued together: a worker that dies here leaves it to the next one
def incident_tell(incident: Incident, *, now: datetime | None = None) -> int:
    """Tell the site's uptime alerts that an incident began or ended, each once; the number of deliveries queued."""
    now = now or timezone.now()
    field = "told_end" if incident.end else "told"
    if not Incident.objects.filter(Q(**{field: None}), pk=incident.pk).update(**{field: now}):
        return 0
    firing = told(incident)
    alerts = Alert.objects.filter(site=incident.monitor.site, condition="uptime", enabled=True)
    return sum(alert_fire(alert=alert, firing=firing, now=now) for alert in alerts)


def told(incident: Incident) -> Firing:
    """The words of an incident's beginning or end."""
    monitor = incident.monitor
    payload = {"event": "uptime", "site_id": monitor.site_id, "monitor": str(monitor), "url": monitor.url}
    start = incident.start.isoformat()
    if incident.end is None:
        text = f"{monitor.url} has not answered properly since {incident.start:%Y-%m-%d %H:%M} UTC.\n{incident.cause}"
        more = {"state": "down", "start": start, "cause": incident.cause}
        return Firing(f"incident-{incident.pk}-down", f"{monitor} is down", text, payload | more)
    lasted = duration(int((incident.end - incident.start).total_seconds()))
    text = f"{monitor.url} answers again. It was down for {lasted}, from {incident.start:%Y-%m-%d %H:%M} UTC."
    more = {"state": "up", "start": start, "end": incident.end.isoformat()}
    return Firing(f"incident-{incident.pk}-up", f"{monitor} is up again after {lasted}", text, payload | more)


def duration(seconds: int) -> str:
    """Seconds in the two largest units, such as "2 h 5 min"."""
    units = [("d", 86400), ("h", 3600), ("min", 60), ("s", 1)]
    parts = []
    for unit, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def monitors_check(*, now: datetime | None = None) -> int:
    """One round over everything that is due; the number of checks made."""
    return run_round(check, incident_tell, now)


def incidents_tell_late(*, now: datetime) -> int:
    """Tell what a worker that died between writing and telling left untold; the number of deliveries queued."""
    untold = Incident.objects.filter(Q(told=None, end=None) | Q(told_end=None, end__isnull=False))
    rows = rank_by_account(untold.select_related("monitor__site"), "monitor__site__account_id", "start")[
        :MAX_LATE_NOTIFICATIONS
    ]
    return sum(run_each(rows, lambda incident: incident_tell(incident, now=now), what="Incident"))
