"""The estimated costs of incidents in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from babel import Locale
from babel.numbers import format_decimal

from reports.formatting import format_money
from reports.incident_costs.models import IncidentPrice
from sites.uptime.models import Incident

ENGLISH = Locale("en")


@dataclass(frozen=True)
class IncidentCost:
    """The cost of an incident in words: short, and as a sentence that explains the estimate."""

    short: str
    sentence: str


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
