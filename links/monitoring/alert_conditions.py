"""The alert condition on destinations of links: it fires when some die and when they recover."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from links.models import Destination
from links.monitoring.destination_checks import CONDITION
from links.public_urls import build_tracking_url
from links.selectors import MAX_SEARCH
from sites.alerts.condition_registry import AlertCondition, AlertNotification, ConditionParameter
from sites.alerts.models import Alert
from sites.alerts.services import is_throttled

MAX_LISTED = 20


def evaluate_dead_destinations(alert: Alert, now: datetime) -> Sequence[AlertNotification]:
    """Find destinations of the account's links that died or recovered since this alert last fired."""
    if is_throttled(alert, now):  # what happens meanwhile is reported in one notification afterwards
        return []
    rows = Destination.objects.filter(datapoint__account_id=alert.site.account_id)
    words = str(alert.parameters.get("contains") or "").strip()[:MAX_SEARCH]
    if words:
        rows = rows.filter(url__icontains=words)
    rows = rows.select_related("datapoint__domain")
    dead = {str(row.pk): row for row in rows.exclude(dead_since=None)}
    reported: dict[str, str] = alert.memory.get("dead", {})
    alive = rows.filter(pk__in=[int(number) for number in reported if number not in dead])
    died = [row for number, row in dead.items() if number not in reported]
    alert.memory = {"dead": {number: row.url[:200] for number, row in dead.items()}}
    return [build_notification(alert, died, list(alive))] if died or alive else []


def build_notification(alert: Alert, died: list[Destination], alive: list[Destination]) -> AlertNotification:
    """Build one notification for these destinations. Its deduplication key changes only when a destination dies or
    recovers, so nobody is notified twice."""
    rows = [*died, *alive]
    lines = [
        f"{build_tracking_url(row.datapoint)} leads to {row.url}\n  {row.cause or 'It works again.'}" for row in rows
    ]
    if len(lines) > MAX_LISTED:
        lines = [*lines[:MAX_LISTED], f"and {len(lines) - MAX_LISTED} more"]
    since = [(row.pk, str(row.dead_since or row.checked)) for row in rows]
    key = f"{CONDITION}-{alert.pk}-{sha256(repr(since).encode()).hexdigest()[:16]}"
    payload = {
        "event": "link",
        "site_id": alert.site_id,
        "dead": serialize_destinations(died),
        "found": serialize_destinations(alive),
    }
    return AlertNotification(key, format_subject(died, alive), "\n".join(lines), payload)


def serialize_destinations(rows: list[Destination]) -> list[dict[str, object]]:
    """Serialize destinations for the notification's payload, at most MAX_LISTED."""
    return [{"link": row.datapoint_id, "url": row.url, "cause": row.cause} for row in rows[:MAX_LISTED]]


def format_subject(died: list[Destination], alive: list[Destination]) -> str:
    """Format the subject: one destination by its link's name, several by their number."""
    what = "is broken" if died else "works again"
    rows = died or alive
    if len(rows) == 1:
        return f"The link {str(rows[0].datapoint)[:80]} {what}"
    return f"{len(rows)} destinations of links " + ("are broken" if died else "work again")


CONDITIONS = (
    AlertCondition(
        CONDITION, label="A link is broken",
        doc="A destination of one of the account's active links fails twice in ten minutes: its name does not resolve, "
        "its certificate is wrong, nothing answers, or the answer is an error (4xx or 5xx, except 401, 403 and 429, "
        "with which servers reject programs). Checked every six hours; you are also notified when it works again.",
        parameters=(
            ConditionParameter(
                "contains", "Only destinations with", default="", help="Contained in the address; empty: all"
            ),
        ),
        evaluate=evaluate_dead_destinations,
    ),
)  # fmt: skip
