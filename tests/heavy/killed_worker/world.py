"""Data in which every periodic task has work to do, and a snapshot of the results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management import call_command

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
COUNTS = {
    "events": "SELECT site_id, count() AS n, sum(cityHash64(id, ts, path)) AS content FROM events GROUP BY site_id",
    "visits": "SELECT site_id, count() AS n, sum(views) AS views FROM visits FINAL GROUP BY site_id",
    "firsts": "SELECT site_id, uniqExact(device) AS n FROM firsts GROUP BY site_id",
    "corrections": "SELECT count() AS n FROM corrections",
}


def seed(base: str, now: datetime) -> None:
    """Fill an empty DATA_DIR. `base`: the HTTP server that monitors, hooks and links lead to."""
    from tracking import store

    call_command("migrate", verbosity=0)
    store.migrate()
    account, site = people(now)
    traffic(site, now)
    uptime(site, base, now)
    alerts(account, site, base, now)
    store.close()


def people(now: datetime) -> Any:
    from accounts.models import Account, Membership, User
    from reports.digests.models import DigestSubscription
    from sites.services import site_create

    account = Account.objects.create(name="Alice & Co", monthly_events=5)
    site = site_create(account=account, domain="example.com")
    site.retention_months = 1
    site.save()
    for name in ("alice", "zoe"):
        user = User.objects.create_user(f"{name}@example.com", "correct horse battery")
        Membership.objects.create(user=user, account=account, role="owner")
        DigestSubscription.objects.create(user=user, frequency="day")
    DigestSubscription.objects.update(created=now - 30 * DAY)
    return account, site


def traffic(site: Any, now: datetime) -> None:
    from tests.support import event, visit
    from tracking import spool

    made = [
        *[one for back in range(1, 5) for n in range(3) for one in visit(
            site, "/", "/b", at=now - back * DAY + n * MINUTE, visitor=(back, n), ip=f"192.0.2.{n}"
        )],
        *[one for week in range(1, 5) for one in visit(site, "/", at=now - 7 * week * DAY, visitor=("week", week))],
        *[one for n in range(4) for one in visit(site, "/old", at=now - 100 * DAY, visitor=("old", n))],
        event(site, at=now - DAY, kind="goal", name="Signed up", visitor=(1, 1)),
    ]  # fmt: skip
    for one in made:
        spool.write_event(one)
    spool.flush()
    spool.stop()


def uptime(site: Any, base: str, now: datetime) -> None:
    from sites.uptime.models import Incident, Monitor, UptimeHour

    def monitor(path: str, **fields: Any) -> Any:
        return Monitor.objects.create(site=site, url=f"{base}/{path}", interval=60, next_due=now, **fields)

    for number in range(4):
        monitor(f"ping/{number}")
    monitor("ping/status/500", state="unsure", first_failure=now - MINUTE, state_since=now - DAY)
    resting = monitor("ping/resting", enabled=False)
    Incident.objects.create(monitor=resting, start=now - 2 * DAY, end=now - 2 * DAY + 9 * MINUTE, cause="It broke.")
    for number in range(20):
        UptimeHour.objects.create(monitor=resting, hour=now - 500 * DAY + number * 60 * MINUTE)


def alerts(account: Any, site: Any, base: str, now: datetime) -> None:
    from links.models import Destination
    from links.monitoring.destination_checks import update_watched_destinations
    from links.services.links import datapoint_create
    from sites.alerts.condition_registry import AlertNotification
    from sites.alerts.models import Alert, Channel
    from sites.alerts.services import delivery_queue

    hook = Channel.objects.create(account=account, kind="webhook", name="hook", target=f"{base}/hook")
    post = Channel.objects.create(account=account, kind="email", name="mail", target="ops@example.com", confirmed=now)
    for condition, parameters in (
        ("uptime", {}), ("link", {"contains": ""}), ("quota", {"percent": 80.0}), ("silence", {"hours": 6.0}),
    ):  # fmt: skip
        alert = Alert.objects.create(site=site, name=condition, condition=condition, parameters=parameters)
        alert.channels.set([hook, post])
    datapoint_create(account=account, alias="dead", url=f"{base}/dest/status/404")
    datapoint_create(account=account, alias="fine", url=f"{base}/dest/fine")
    update_watched_destinations(now - DAY)
    Destination.objects.filter(url__contains="404").update(first_failure=now - 20 * MINUTE)
    for number, channel in enumerate((hook, post, hook, post)):
        notification = AlertNotification(f"seed-{number}", f"Seed {number}", "Something happened.")
        delivery_queue(channel=channel, notification=notification, now=now - DAY + number * MINUTE)


def picture(now: datetime) -> dict[str, Any]:
    """What tasks change, without clocks, attempts and numbers of builds."""
    from accounts.models import Account
    from accounts.operations.models import TaskRun
    from goals.models import Goal
    from links.models import Destination
    from reports.digests.models import DigestMail
    from reports.incident_costs.models import IncidentPrice
    from sites.alerts.models import Delivery
    from sites.uptime.models import Incident, Monitor, UptimeHour

    def listed(rows: Any) -> list[Any]:
        return sorted([list(row) for row in rows], key=repr)

    return {
        "accounts": listed(Account.objects.values_list("name", "events_used", "over_quota")),
        "goals": listed(Goal.objects.values_list("name", "site__domain")),
        "monitors": listed(Monitor.objects.values_list("url", "state", "cause")),
        "incidents": listed(Incident.objects.values_list("monitor__url", "start", "end", "cause")),
        "untold": Incident.objects.filter(start_notified=None, end=None).count(),
        "old hours": UptimeHour.objects.filter(hour__lt=now - 401 * DAY).count(),
        "prices": listed(
            IncidentPrice.objects.values_list(
                "incident__monitor__url", "usual_visits", "actual_visits", "value_per_visit"
            )
        ),
        "destinations": listed(Destination.objects.values_list("url", "cause")),
        "dead": Destination.objects.exclude(dead_since=None).count(),
        "digests": listed(DigestMail.objects.values_list("subscription__user__email", "period")),
        "hooks": listed(Delivery.objects.filter(channel__kind="webhook").values_list("subject", "text", "state")),
        "mails": listed(Delivery.objects.filter(channel__kind="email").values_list("subject", "text")),
        "claims": TaskRun.objects.exclude(running_until=None).count(),
        "failures": listed(TaskRun.objects.filter(failures__gt=0).values_list("name", "error")),
        "salts": list(salts()),
        **stored(now),
    }  # fmt: skip


def salts() -> Mapping[str, str]:
    path = settings.DATA_DIR / "salts.json"
    found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return found


def stored(now: datetime) -> dict[str, Any]:
    """What lies in the event store, what is rolled up, and one answer that comes from there."""
    from reports.query import Period, Query, ask
    from reports.query.rollups.read import read_published_days
    from sites.models import Site
    from tracking import store

    site = Site.objects.get(domain="example.com")
    period = Period(now - 30 * DAY, now, "UTC")
    answer = ask(Query(sites=(site.pk,), period=period, metrics=("visits", "views"), dimensions=("page",)), now=now)
    found: dict[str, Any] = {
        name: [sorted(row.items()) for row in store.rows(f"{sql} ORDER BY 1")] for name, sql in COUNTS.items()
    }
    found["rolled up"] = [str(day.day) for day in read_published_days(site.pk, "UTC", period)]
    found["answer"] = sorted((row["page"], row["visits"], row["views"]) for row in answer.rows)
    return found
