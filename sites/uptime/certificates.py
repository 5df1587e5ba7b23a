"""Warnings before certificates expire, sent to the site's uptime alerts, once for each number of days."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from sites.alerts.condition_registry import AlertCondition, AlertNotification, ConditionParameter
from sites.alerts.models import Alert
from sites.uptime.models import Monitor

DEFAULT_DAYS = "30, 14, 7"
MAX_DAYS = 365
DAYS_PARAMETER = "certificate_days"  # of the alert


def parse_days(text: str) -> list[int]:
    """Parse days before the expiry such as "30, 14, 7" into ascending order.

    Empty text stands for the default, "0" for none. Raises ValueError with a sentence.
    """
    parts = [part.strip() for part in (text.strip() or DEFAULT_DAYS).split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) <= 3 and int(part) <= MAX_DAYS for part in parts):
        raise ValueError(f"Write whole numbers of days up to {MAX_DAYS} with commas, such as {DEFAULT_DAYS}.")
    return sorted({int(part) for part in parts} - {0})


def evaluate_certificates(alert: Alert, now: datetime) -> Sequence[AlertNotification]:
    """Return the warnings that have become due since the last call; nothing counts as sent without a channel."""
    days = parse_days(str(alert.parameters.get(DAYS_PARAMETER, "")))
    if not days or not alert.channels.usable().exists():
        return []
    due = {
        str(monitor.pk): build_warning(monitor, days, now) for monitor in find_expiring(alert.site_id, days[-1], now)
    }
    sent_keys: dict[str, str] = alert.memory.get("certificates", {})
    alert.memory = {**alert.memory, "certificates": {monitor_id: warning.key for monitor_id, warning in due.items()}}
    return [warning for monitor_id, warning in due.items() if sent_keys.get(monitor_id) != warning.key]


def count_days_left(expires: datetime, now: datetime) -> int:
    """Return the days until `expires`, rounded up; 0 or less afterwards."""
    return math.ceil((expires - now) / timedelta(days=1))


def find_expiring(site_id: int, days: int, now: datetime) -> list[Monitor]:
    """Find the site's monitors whose certificate expires within `days`, the earliest first."""
    soon = Monitor.objects.filter(tls_expires__gt=now, tls_expires__lte=now + timedelta(days=days))
    return list(soon.filter(site_id=site_id, enabled=True).order_by("tls_expires", "pk"))


def build_warning(monitor: Monitor, days: Sequence[int], now: datetime) -> AlertNotification:
    """Build the warning for a certificate that expires within the last of `days`.

    Its key contains the number of days that is reached, so that each is sent once.
    """
    expires = monitor.tls_expires
    assert expires is not None  # `find_expiring` selects only such monitors
    number = count_days_left(expires, now)
    reached = next(day for day in days if number <= day)
    when = "within a day" if number == 1 else f"in {number} days"
    text = (
        f"A certificate that {monitor.url} needs, its own or one of an address it redirects to, is valid until"
        f" {expires:%Y-%m-%d %H:%M} UTC. Browsers reject it afterwards. Renew it, or find out why it is not"
        " renewed automatically."
    )
    payload = {
        "event": "certificate", "site_id": monitor.site_id, "monitor": str(monitor), "url": monitor.url,
        "expires": expires.isoformat(), "days": number,
    }  # fmt: skip
    key = f"certificate-{monitor.pk}-{expires:%Y%m%d%H%M}-{reached}"
    return AlertNotification(key, f"The certificate of {monitor} expires {when}", text, payload)


CONDITIONS = (
    AlertCondition(
        "uptime",
        "The site goes down or comes back",
        doc="Notifies when a second check confirms a failure, when the site answers again, and some days before a"
        " certificate expires.",
        parameters=(
            ConditionParameter(
                DAYS_PARAMETER,
                label="Days before a certificate expires",
                default=DEFAULT_DAYS,
                help=f"Numbers with commas. Empty stands for {DEFAULT_DAYS}; 0 for no warning.",
                required=False,
                check=parse_days,
            ),
        ),
        evaluate=evaluate_certificates,
    ),
)
