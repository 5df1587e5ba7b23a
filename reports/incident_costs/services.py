"""Estimates the cost of incidents in a task, from the usual numbers of the weekday; pages read the stored results."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.run_each import run_each
from accounts.selectors import rank_by_account
from reports.baseline import WEEK, WEEKS, find_earlier_intervals, find_usual_value, query_metric
from reports.incident_costs.models import IncidentPrice
from reports.query import Period, Query, ask
from sites.uptime.models import Incident
from tracking.store import StoreAway

SETTLING_TIME = timedelta(minutes=30)  # after the end of an incident, for events that are still in spools
MAX_AGE = timedelta(days=400)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
MAX_INCIDENTS = 100  # estimated in one run of the task


def incident_costs_estimate(*, now: datetime) -> int:
    """Estimate the cost of incidents that have no final one, and return how many were estimated.

    Monitors of link destinations have no costs. The incident estimated longest ago comes first, so that many ongoing
    incidents do not delay the others.
    """
    final = IncidentPrice.objects.filter(final=True).values("incident")
    recent = Incident.objects.filter(start__gte=now - MAX_AGE, start__lt=now, monitor__link_id=None)
    pending = recent.exclude(pk__in=final).select_related("monitor__site")
    priced_until = IncidentPrice.objects.filter(incident=OuterRef("pk")).values("until")
    pending = pending.annotate(priced_until=Coalesce(Subquery(priced_until[:1]), Value(NEVER)))
    rows = rank_by_account(pending, "monitor__site__account_id", "priced_until")[:MAX_INCIDENTS]
    estimated = run_each(
        rows,
        lambda incident: incident_cost_estimate(incident=incident, now=now),
        what="Incident",
        stop_for=(StoreAway,),
    )
    return len(estimated)


def incident_cost_estimate(*, incident: Incident, now: datetime) -> IncidentPrice:
    """Compare the visits during the incident with the same clock times on the same weekdays of the four weeks before.

    Raises QueryRefused, StoreError.
    """
    site, until = incident.monitor.site, min(incident.end or now, now)
    visit_value, currency = query_visit_value(site.pk, site.timezone, incident.start, until, now)
    row, _ = IncidentPrice.objects.update_or_create(
        incident=incident,
        defaults={
            "usual_visits": find_usual_value(site.pk, site.timezone, "visits", incident.start, until, now),
            "actual_visits": query_metric(site.pk, site.timezone, "visits", incident.start, until, now),
            "value_per_visit": visit_value,
            "currency": currency,
            "until": until,
            "final": bool(incident.end and now >= incident.end + SETTLING_TIME),
        },
    )
    return row


def query_visit_value(site_id: int, zone: str, start: datetime, end: datetime, now: datetime) -> tuple[float, str]:
    """Return (revenue per visit, currency) of the complete weeks that the usual numbers are taken from."""
    oldest = find_earlier_intervals(start, end, zone)[-1][0]
    period = Period(oldest, oldest + WEEKS * WEEK, zone)
    result = ask(Query(sites=(site_id,), period=period, metrics=("visits", "revenue")), now=now)
    visits, revenue = float(result.rows[0]["visits"] or 0), float(result.rows[0]["revenue"] or 0)
    return (max(0.0, revenue / visits), result.meta.currency) if visits and revenue else (0.0, "")
