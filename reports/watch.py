"""Conditions on traffic that alerts watch, each a question to the engine. `config.registrations` makes them known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from reports import baseline
from reports.engine import Period, lists
from sites.alerts.conditions import Condition, Firing, Parameter
from sites.alerts.models import Alert

HOUR = timedelta(hours=1)


def measure(alert: Alert, metric: str, start: datetime, end: datetime, now: datetime, where: Any = None) -> float:
    """One number of the alert's site between two moments."""
    return baseline.measure(alert.site_id, alert.site.timezone, metric, start, end, now, where)


def last_hour(now: datetime) -> tuple[datetime, datetime]:
    end = now.replace(minute=0, second=0, microsecond=0)
    return end - HOUR, end


def newest_visit(alert: Alert, where: Any, now: datetime) -> str:
    """The number of the newest visit of the last day that the alert is about; "" without one."""
    lately = Period(now - timedelta(days=1), now + timedelta(seconds=1), alert.site.timezone)
    found = lists.visits((alert.site_id,), lately, [where], 1, now=now)
    return str(found[0]["visit"]) if found else ""


def seen_in(alert: Alert, visit: str) -> str:
    """Where to look, as the end of a message."""
    return f" {settings.BASE_URL}/sites/{alert.site_id}/visits/{visit}" if visit else ""


def watch_goal(alert: Alert, now: datetime) -> Sequence[Firing]:
    """A goal was reached: each time, or so many times within the running hour."""
    goal = alert.site.goals.filter(name=alert.parameters["goal"]).first()
    if goal is None:
        return []
    start = now.replace(minute=0, second=0, microsecond=0)
    count = int(measure(alert, "conversions", start, start + HOUR, now, {"goal": goal.pk}))
    needed = int(alert.parameters.get("per_hour") or 1)
    memory = alert.memory if alert.memory.get("hour") == start.isoformat() else {}
    told = int(memory.get("told", 0))
    alert.memory = {"hour": start.isoformat(), "told": told}
    if count // needed <= told // needed:
        return []
    alert.memory["told"] = count
    visit = newest_visit(alert, {"goal": goal.pk}, now)
    times = f"{count} time{'s' if count > 1 else ''}"
    text = f"“{goal.name}” was reached {times} since {start:%H:%M} UTC on {alert.site}.{seen_in(alert, visit)}"
    payload = {"event": "goal", "site_id": alert.site_id, "goal": goal.name, "count": count, "session_id": visit}
    return [Firing(f"goal-{alert.pk}-{start:%Y%m%d%H}-{count}", f"Goal “{goal.name}” reached", text, payload)]


def watch_online(alert: Alert, now: datetime) -> Sequence[Firing]:
    """More or fewer people than a limit are on the site now; told once until it is back inside."""
    count = int(measure(alert, "online", now - HOUR, now, now))
    above, below = alert.parameters.get("above"), alert.parameters.get("below")
    outside = (above and count > above) or (below and count < below)
    was, alert.memory = alert.memory.get("outside"), {"outside": bool(outside)}
    if not outside or was:
        return []
    payload = {"event": "online", "site_id": alert.site_id, "online": count}
    text = f"{count} visitors are on {alert.site} now."
    return [Firing(f"online-{alert.pk}-{now:%Y%m%d%H%M}", f"{count} visitors on {alert.site}", text, payload)]


def watch_unusual(alert: Alert, now: datetime) -> Sequence[Firing]:
    """The last full hour had far more or far fewer visits than this weekday's hour usually has."""
    start, end = last_hour(now)
    usual = baseline.usual(alert.site_id, alert.site.timezone, "visits", start, end, now)
    if usual < float(alert.parameters["least"]):
        return []  # too few visits to call anything unusual
    count = measure(alert, "visits", start, end, now)
    change = 100 * (count - usual) / usual
    if abs(change) < float(alert.parameters["percent"]):
        return []
    word = "Spike" if change > 0 else "Drop"
    text = f"{count:.0f} visits in the hour to {end:%H:%M} UTC on {alert.site}; usually {usual:.0f} on this weekday."
    payload = {"event": word.lower(), "site_id": alert.site_id, "visits": int(count), "usual": usual}
    return [Firing(f"unusual-{alert.pk}-{end:%Y%m%d%H}", f"{word}: {change:+.0f} % on {alert.site}", text, payload)]


def watch_silence(alert: Alert, now: datetime) -> Sequence[Firing]:
    """Nothing was tracked for so many hours, though something was before."""
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
    return [Firing(f"silence-{alert.pk}-{now:%Y%m%d%H%M}", f"No data from {alert.site}", text, payload)]


def watch_tag(alert: Alert, now: datetime) -> Sequence[Firing]:
    """A visitor with a tag, such as a user name, has arrived within the last quarter of an hour."""
    key, value = alert.parameters["key"], alert.parameters["value"]
    where = {"dimension": f"tag:{key}", "operator": "is", "value": [value]}
    visits = int(measure(alert, "visits", now - timedelta(minutes=15), now, now, where))
    was, alert.memory = alert.memory.get("here"), {"here": bool(visits)}
    if not visits or was:
        return []
    visit = newest_visit(alert, where, now)
    payload = {"event": "visitor", "site_id": alert.site_id, "tag": {key: value}, "session_id": visit}
    text = f"{key} is {value}.{seen_in(alert, visit)}"
    return [Firing(f"tag-{alert.pk}-{now:%Y%m%d%H%M}", f"{value} is on {alert.site}", text, payload)]


CONDITIONS = (
    Condition(
        "goal", "A goal is reached", "Each time, or when it was reached so many times within an hour.",
        (Parameter("goal", "Goal", "", "Its name"), Parameter("per_hour", "Times per hour", 1)), watch_goal,
    ),
    Condition(
        "online", "Many or few people are online", "Told once, until it is back inside the limits.",
        (Parameter("above", "More than", 100.0), Parameter("below", "Fewer than", 0.0)), watch_online,
    ),
    Condition(
        "unusual", "Traffic is unusual", "The last hour against the same hour of this weekday in the last four weeks.",
        (Parameter("percent", "Differs by percent", 100.0), Parameter("least", "If usually at least … visits", 20.0)),
        watch_unusual,
    ),
    Condition(
        "silence", "No data arrives", "Nothing was tracked, though something was in the two weeks before.",
        (Parameter("hours", "For hours", 6.0),), watch_silence,
    ),
    Condition(
        "visitor", "A certain visitor arrives", "By any custom data, such as username or email.",
        (Parameter("key", "Tag", "username"), Parameter("value", "Value", "")), watch_tag,
    ),
)  # fmt: skip
