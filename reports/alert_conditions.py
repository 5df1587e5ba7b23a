"""Conditions on traffic that alerts can watch, each a query. `config.wiring` registers them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings

from goals.predicates import Filter, is_one_of
from reports import baseline
from reports.query import Period
from reports.query.analyses import visit_lists
from sites.alerts.condition_registry import AlertCondition, AlertNotification, ConditionParameter
from sites.alerts.models import Alert

HOUR = timedelta(hours=1)


def measure(
    alert: Alert, metric: str, start: datetime, end: datetime, now: datetime, where: Filter | None = None
) -> float:
    """Return one metric of the alert's site between two instants."""
    return baseline.query_metric(alert.site_id, alert.site.timezone, metric, start, end, now, where)


def find_last_full_hour(now: datetime) -> tuple[datetime, datetime]:
    end = now.replace(minute=0, second=0, microsecond=0)
    return end - HOUR, end


def find_newest_visit(alert: Alert, where: Filter, now: datetime) -> str:
    """Return the id of the newest visit of the last day that satisfies the filter; "" without one."""
    last_day = Period(now - timedelta(days=1), now + timedelta(seconds=1), alert.site.timezone)
    rows = visit_lists.list_visits((alert.site_id,), last_day, [where], 1, now=now)
    return str(rows[0]["visit"]) if rows else ""


def link_to_visit(alert: Alert, visit: str) -> str:
    """Return the address of a visit, as the end of a message; empty without one."""
    return f" {settings.BASE_URL}/sites/{alert.site_id}/visits/{visit}" if visit else ""


def watch_goal(alert: Alert, now: datetime) -> Sequence[AlertNotification]:
    """Fire when a goal is reached: each time, or each `per_hour` times within the running hour."""
    goal = alert.site.goals.filter(name=alert.parameters["goal"]).first()
    if goal is None:
        return []
    start = now.replace(minute=0, second=0, microsecond=0)
    count = int(measure(alert, "conversions", start, start + HOUR, now, {"goal": goal.pk}))
    needed = int(alert.parameters.get("per_hour") or 1)
    memory = alert.memory if alert.memory.get("hour") == start.isoformat() else {}
    notified = int(memory.get("notified", 0))  # the count of which the last notification was sent
    alert.memory = {"hour": start.isoformat(), "notified": notified}
    if count // needed <= notified // needed:
        return []
    alert.memory["notified"] = count
    visit = find_newest_visit(alert, {"goal": goal.pk}, now)
    times = f"{count} time{'s' if count > 1 else ''}"
    text = f"“{goal.name}” was reached {times} since {start:%H:%M} UTC on {alert.site}.{link_to_visit(alert, visit)}"
    payload = {"event": "goal", "site_id": alert.site_id, "goal": goal.name, "count": count, "session_id": visit}
    return [
        AlertNotification(f"goal-{alert.pk}-{start:%Y%m%d%H}-{count}", f"Goal “{goal.name}” reached", text, payload)
    ]


def watch_online(alert: Alert, now: datetime) -> Sequence[AlertNotification]:
    """Fire once when more or fewer visitors than a limit are online, until the number is within the limits again."""
    count = int(measure(alert, "online", now - HOUR, now, now))
    above, below = alert.parameters.get("above"), alert.parameters.get("below")
    outside = (above and count > above) or (below and count < below)
    was_outside, alert.memory = alert.memory.get("outside"), {"outside": bool(outside)}
    if not outside or was_outside:
        return []
    payload = {"event": "online", "site_id": alert.site_id, "online": count}
    text = f"{count} visitors are on {alert.site} now."
    return [
        AlertNotification(f"online-{alert.pk}-{now:%Y%m%d%H%M}", f"{count} visitors on {alert.site}", text, payload)
    ]


def watch_unusual(alert: Alert, now: datetime) -> Sequence[AlertNotification]:
    """Fire when the last full hour had far more or fewer visits than this hour of the weekday usually has."""
    start, end = find_last_full_hour(now)
    usual = baseline.find_usual_value(alert.site_id, alert.site.timezone, "visits", start, end, now)
    if usual < float(alert.parameters["least"]):
        return []  # too few visits to call anything unusual
    count = measure(alert, "visits", start, end, now)
    change = 100 * (count - usual) / usual
    if abs(change) < float(alert.parameters["percent"]):
        return []
    kind = "Spike" if change > 0 else "Drop"
    text = f"{count:.0f} visits in the hour to {end:%H:%M} UTC on {alert.site}; usually {usual:.0f} on this weekday."
    payload = {"event": kind.lower(), "site_id": alert.site_id, "visits": int(count), "usual": usual}
    return [
        AlertNotification(
            f"unusual-{alert.pk}-{end:%Y%m%d%H}", f"{kind}: {change:+.0f} % on {alert.site}", text, payload
        )
    ]


def watch_silence(alert: Alert, now: datetime) -> Sequence[AlertNotification]:
    """Fire once when nothing was tracked for `hours` hours, though something was in the two weeks before."""
    hours = float(alert.parameters["hours"])
    since = now - timedelta(hours=hours)
    if measure(alert, "actions", since, now, now):
        alert.memory = {}
        return []
    if alert.memory.get("silent") or not measure(alert, "actions", since - timedelta(days=14), since, now):
        return []
    alert.memory = {"silent": since.isoformat()}
    payload = {"event": "silence", "site_id": alert.site_id, "hours": hours}
    text = f"Nothing was tracked on {alert.site} for {hours:g} hours. Is the tracking code still in the pages?"
    return [AlertNotification(f"silence-{alert.pk}-{now:%Y%m%d%H%M}", f"No data from {alert.site}", text, payload)]


def watch_tag(alert: Alert, now: datetime) -> Sequence[AlertNotification]:
    """Fire when a visitor with a tag, such as a username, has arrived within the last quarter of an hour."""
    key, value = alert.parameters["key"], alert.parameters["value"]
    where = is_one_of(f"tag:{key}", value)
    visits = int(measure(alert, "visits", now - timedelta(minutes=15), now, now, where))
    was_here, alert.memory = alert.memory.get("here"), {"here": bool(visits)}
    if not visits or was_here:
        return []
    visit = find_newest_visit(alert, where, now)
    payload = {"event": "visitor", "site_id": alert.site_id, "tag": {key: value}, "session_id": visit}
    text = f"{key} is {value}.{link_to_visit(alert, visit)}"
    return [AlertNotification(f"tag-{alert.pk}-{now:%Y%m%d%H%M}", f"{value} is on {alert.site}", text, payload)]


TRAFFIC_CONDITIONS = (
    AlertCondition(
        "goal",
        "A goal is reached",
        doc="Each time, or each time it was reached this often within an hour.",
        parameters=(
            ConditionParameter("goal", "Goal", default="", help="The name of the goal"),
            ConditionParameter("per_hour", "Times per hour", default=1),
        ),
        evaluate=watch_goal,
    ),
    AlertCondition(
        "online",
        "Many or few people are online",
        doc="Once, until the number is within the limits again.",
        parameters=(
            ConditionParameter("above", "More than", default=100.0),
            ConditionParameter("below", "Fewer than", default=0.0),
        ),
        evaluate=watch_online,
    ),
    AlertCondition(
        "unusual",
        "Traffic is unusual",
        doc="The last hour, compared with the same hour of this weekday in the last four weeks.",
        parameters=(
            ConditionParameter("percent", "Differs by percent", default=100.0),
            ConditionParameter("least", "Only with usually at least … visits", default=20.0),
        ),
        evaluate=watch_unusual,
    ),
    AlertCondition(
        "silence",
        "No data arrives",
        doc="Nothing was tracked, although there was traffic in the two weeks before.",
        parameters=(ConditionParameter("hours", "For hours", default=6.0),),
        evaluate=watch_silence,
    ),
    AlertCondition(
        "visitor",
        "A certain visitor arrives",
        doc="By any custom data, such as username or email.",
        parameters=(
            ConditionParameter("key", "Tag", default="username"),
            ConditionParameter("value", "Value", default=""),
        ),
        evaluate=watch_tag,
    ),
)
