"""The cost of incidents, estimated by a task from the usual numbers of the weekday; pages read the stored results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from babel import Locale
from babel.numbers import format_decimal
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.operations.fair_order import rank_by_account
from accounts.operations.task_runs import run_each
from reports.baseline import WEEK, WEEKS, find_earlier_stretches, find_usual, query_metric
from reports.dashboard.presenters.formatting import format_money
from reports.incident_costs.models import IncidentPrice
from reports.query import Period, Query, ask
from sites.uptime.models import Incident
from tracking.store import StoreAway

SETTLING_TIME = timedelta(minutes=30)  # after the end of an incident, for events that are still in spools
MAX_AGE = timedelta(days=400)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
MAX_INCIDENTS = 100  # estimated in one run of the task
ENGLISH = Locale("en")


@dataclass(frozen=True)
class IncidentCost:
    """The cost of an incident in words: short, and as a sentence that explains the estimate."""

    short: str
    sentence: str


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
            "usual_visits": find_usual(site.pk, site.timezone, "visits", incident.start, until, now),
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
    oldest = find_earlier_stretches(start, end, zone)[-1][0]
    period = Period(oldest, oldest + WEEKS * WEEK, zone)
    result = ask(Query(sites=(site_id,), period=period, metrics=("visits", "revenue")), now=now)
    visits, revenue = float(result.rows[0]["visits"] or 0), float(result.rows[0]["revenue"] or 0)
    return (max(0.0, revenue / visits), result.meta.currency) if visits and revenue else (0.0, "")


def describe_costs(incidents: Iterable[Incident]) -> dict[int, IncidentCost]:
    """Return the costs of the incidents that have been estimated, by the incident's id."""
    by_id = {incident.pk: incident for incident in incidents}
    rows = IncidentPrice.objects.filter(incident__in=list(by_id))
    return {row.pk: IncidentCost(describe_briefly(row), explain_estimate(row, by_id[row.pk])) for row in rows}


def describe_briefly(row: IncidentPrice) -> str:
    """Return the cost in a few words, such as "40 visits and €50.00 lost"."""
    if not row.visits_lost:
        return "no visits lost"
    visits = f"{format_decimal(row.visits_lost, locale=ENGLISH)} visit{'' if row.visits_lost == 1 else 's'}"
    if not row.revenue_lost:
        return f"{visits} lost"
    return f"{visits} and {format_money(row.revenue_lost, ENGLISH, row.currency)} lost"


def explain_estimate(row: IncidentPrice, incident: Incident) -> str:
    """Return the sentence that explains the estimate with its numbers."""
    actual = format_decimal(round(row.actual_visits), locale=ENGLISH)
    usual = format_decimal(row.usual_visits, format="#,##0.#", locale=ENGLISH)
    text = (
        f"{actual} visits came while it was down{'' if incident.end else ' so far'}, and {usual} usually do (the median"
        f" of the same clock times on the same weekday in the four weeks before)"
    )
    if row.visits_lost and row.value_per_visit:
        text += (
            f"; a visit of those weeks brought {format_money(row.value_per_visit, ENGLISH, row.currency)} on average"
        )
    return text + "."
