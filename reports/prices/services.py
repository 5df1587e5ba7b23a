"""Incidents are priced against the weekday's baseline, by a task; pages read what it wrote."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from babel import Locale
from babel.numbers import format_decimal
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.operations.fair_order import rank_by_account
from accounts.operations.run import run_each
from reports.baseline import WEEK, WEEKS, earlier, measure, usual
from reports.engine import Period, Query, ask
from reports.pages.numbers import money
from reports.prices.models import IncidentPrice
from sites.uptime.models import Incident
from tracking.store import StoreAway

SETTLED = timedelta(minutes=30)  # after the end, for what lay in spools
OLDEST = timedelta(days=400)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
MOST = 100  # priced in one round
ENGLISH = Locale("en")


@dataclass(frozen=True)
class Cost:
    """An incident's price in words: short, and the sentence that says how it was made."""

    short: str
    sentence: str


def incidents_price(*, now: datetime) -> int:
    """Price what has no final price yet; the number of prices made. A monitor of a link's destination has none.

    What was priced longest ago comes first, so that many incidents that go on do not keep the others from their price.
    """
    done = IncidentPrice.objects.filter(final=True).values("incident")
    recent = Incident.objects.filter(start__gte=now - OLDEST, start__lt=now, monitor__link_id=None)
    waiting = recent.exclude(pk__in=done).select_related("monitor__site")
    priced_until = IncidentPrice.objects.filter(incident=OuterRef("pk")).values("until")
    waiting = waiting.annotate(priced_until=Coalesce(Subquery(priced_until[:1]), Value(NEVER)))
    rows = rank_by_account(waiting, "monitor__site__account_id", "priced_until")[:MOST]
    priced = run_each(
        rows, lambda incident: incident_price(incident=incident, now=now), what="Incident", stop_for=(StoreAway,)
    )
    return len(priced)


def incident_price(*, incident: Incident, now: datetime) -> IncidentPrice:
    """Compare the incident's time with the same clock times on the same weekdays of the four weeks before."""
    site, until = incident.monitor.site, min(incident.end or now, now)
    worth, currency = worth_of_visit(site.pk, site.timezone, incident.start, until, now)
    row, _ = IncidentPrice.objects.update_or_create(
        incident=incident,
        defaults={
            "usual": usual(site.pk, site.timezone, "visits", incident.start, until, now),
            "came": measure(site.pk, site.timezone, "visits", incident.start, until, now),
            "worth": worth,
            "currency": currency,
            "until": until,
            "final": bool(incident.end and now >= incident.end + SETTLED),
        },
    )
    return row


def worth_of_visit(site_id: int, zone: str, start: datetime, end: datetime, now: datetime) -> tuple[float, str]:
    """Revenue per visit over the whole weeks that the baseline is taken from, and its currency."""
    oldest = earlier(start, end, zone)[-1][0]
    period = Period(oldest, oldest + WEEKS * WEEK, zone)
    result = ask(Query(sites=(site_id,), period=period, metrics=("visits", "revenue")), now=now)
    visits, revenue = float(result.rows[0]["visits"] or 0), float(result.rows[0]["revenue"] or 0)
    return (max(0.0, revenue / visits), result.meta.currency) if visits and revenue else (0.0, "")


def costs(incidents: Iterable[Incident]) -> dict[int, Cost]:
    """incident -> its price in words, for those that have one."""
    known = {incident.pk: incident for incident in incidents}
    rows = IncidentPrice.objects.filter(incident__in=list(known))
    return {row.pk: Cost(in_short(row), in_a_sentence(row, known[row.pk])) for row in rows}


def in_short(row: IncidentPrice) -> str:
    """Such as "40 visits and €50.00 lost"."""
    if not row.visits_lost:
        return "no visits lost"
    visits = f"{format_decimal(row.visits_lost, locale=ENGLISH)} visit{'' if row.visits_lost == 1 else 's'}"
    return f"{visits} and {worded(row.revenue_lost, row)} lost" if row.revenue_lost else f"{visits} lost"


def in_a_sentence(row: IncidentPrice, incident: Incident) -> str:
    """How the price was made, with its numbers."""
    came = format_decimal(round(row.came), locale=ENGLISH)
    usually = format_decimal(row.usual, format="#,##0.#", locale=ENGLISH)
    text = (
        f"{came} visits came while it was down{'' if incident.end else ' so far'}, and {usually} usually do (the median"
        f" of the same clock times on the same weekday in the four weeks before)"
    )
    if row.visits_lost and row.worth:
        text += f"; a visit of those weeks brought {worded(row.worth, row)} on average"
    return text + "."


def worded(amount: float, row: IncidentPrice) -> str:
    return money(amount, ENGLISH, row.currency)
