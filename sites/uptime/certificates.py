"""Warnings of certificates that expire soon: they go to the site's uptime alerts, once for each number of days."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from sites.alerts.conditions import Condition, Firing, Parameter
from sites.alerts.models import Alert
from sites.uptime.models import Monitor

DEFAULT_DAYS = "30, 14, 7"
MAX_DAYS = 365
DAYS = "certificate_days"  # the alert's parameter


def parse_days(text: str) -> list[int]:
    """Read days before the end such as "30, 14, 7", in rising order; empty text stands for the default, "0" for none.
    Raises ValueError with a sentence."""
    parts = [part.strip() for part in (text.strip() or DEFAULT_DAYS).split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) <= 3 and int(part) <= MAX_DAYS for part in parts):
        raise ValueError(f"Write whole numbers of days up to {MAX_DAYS} with commas, such as {DEFAULT_DAYS}.")
    return sorted({int(part) for part in parts} - {0})


def watch_certificates(alert: Alert, now: datetime) -> Sequence[Firing]:
    """Warnings that have become due since this alert was told last. Without a channel nothing counts as told."""
    days = parse_days(str(alert.parameters.get(DAYS, "")))
    if not days or not alert.channels.usable().exists():
        return []
    due = {
        str(monitor.pk): build_warning(monitor, days, now) for monitor in find_expiring(alert.site_id, days[-1], now)
    }
    told: dict[str, str] = alert.memory.get("certificates", {})
    alert.memory = {**alert.memory, "certificates": {number: firing.key for number, firing in due.items()}}
    return [firing for number, firing in due.items() if told.get(number) != firing.key]


def days_left(expires: datetime, now: datetime) -> int:
    """The days until then, a part of one counted as a whole; 0 or less afterwards."""
    return math.ceil((expires - now) / timedelta(days=1))


def find_expiring(site_id: int, days: int, now: datetime) -> list[Monitor]:
    """The site's monitors whose certificate expires within so many days, the first one first."""
    soon = Monitor.objects.filter(tls_expires__gt=now, tls_expires__lte=now + timedelta(days=days))
    return list(soon.filter(site_id=site_id, enabled=True).order_by("tls_expires", "pk"))


def build_warning(monitor: Monitor, days: Sequence[int], now: datetime) -> Firing:
    """The words about a certificate, which expires within the last of `days`; the key names the one that is reached."""
    expires = monitor.tls_expires
    assert expires is not None  # `find_expiring` asked for it
    number = days_left(expires, now)
    reached = next(day for day in days if number <= day)
    when = "within a day" if number == 1 else f"in {number} days"
    text = (
        f"A certificate that {monitor.url} needs, its own or one of an address it redirects to, is valid until"
        f" {expires:%Y-%m-%d %H:%M} UTC. Browsers refuse it afterwards. Renew it, or see why that does not happen by"
        " itself."
    )
    payload = {
        "event": "certificate", "site_id": monitor.site_id, "monitor": str(monitor), "url": monitor.url,
        "expires": expires.isoformat(), "days": number,
    }  # fmt: skip
    key = f"certificate-{monitor.pk}-{expires:%Y%m%d%H%M}-{reached}"
    return Firing(key, f"The certificate of {monitor} expires {when}", text, payload)


CONDITIONS = (
    Condition(
        "uptime",
        "The site goes down or comes back",
        "Told when a second check confirms a failure, when the site answers again, and some days before a certificate"
        " expires.",
        (
            Parameter(
                DAYS,
                "Warn so many days before a certificate expires",
                DEFAULT_DAYS,
                f"Numbers with commas. Empty stands for {DEFAULT_DAYS}; 0 for no warning.",
                required=False,
                check=parse_days,
            ),
        ),
        watch_certificates,
    ),
)
