"""The cost of incidents in visits and revenue, from the same times of the weekday in the last four weeks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from reports.annotations.selectors import list_graph_marks
from reports.incident_costs.models import IncidentPrice
from reports.incident_costs.selectors import describe_costs
from reports.incident_costs.services import incident_costs_estimate
from sites.models import Site
from sites.uptime.models import Incident
from sites.uptime.services import monitor_create
from tests.support import browse, record, visit
from tests.support.types import Store

MONDAY = datetime(2026, 3, 30, 10, tzinfo=UTC)  # Estonia changed its clocks the day before
WEEK = timedelta(days=7)


@pytest.fixture
def incident(site: Site, store: Store) -> Incident:
    monitor = monitor_create(site=site, url="https://example.com/", name="Shop")
    return Incident.objects.create(
        monitor=monitor, start=MONDAY, end=MONDAY + timedelta(minutes=30), cause="Answered 503."
    )


def visits(site: Site, count: int, at: datetime, **fields: Any) -> None:
    for number in range(count):
        record(*visit(site, "/", at=at + timedelta(seconds=number), visitor=(number, at), **fields))


def priced(incident: Incident, now: datetime = MONDAY + timedelta(hours=2)) -> IncidentPrice:
    incident_costs_estimate(now=now)
    return IncidentPrice.objects.get(incident=incident)


def test_the_cost_is_the_usual_visits_minus_the_actual_ones(site: Site, incident: Incident) -> None:
    for week, count in enumerate((6, 8, 10, 40), start=1):
        visits(site, count, MONDAY - week * WEEK)
    visits(site, 2, MONDAY)
    visits(site, 50, MONDAY - WEEK + timedelta(days=1))  # a Tuesday says nothing of a Monday
    visits(site, 50, MONDAY - WEEK + timedelta(minutes=31))
    row = priced(incident)
    assert (row.usual_visits, row.actual_visits, row.visits_lost, row.revenue_lost) == (9, 2, 7, 0)
    words = describe_costs([incident])[incident.pk]
    assert words.short == "7 visits lost"
    assert words.sentence == (
        "2 visits came while it was down, and 9 usually do (the median of the same clock times on the same weekday "
        "in the four weeks before)."
    )


def test_lost_revenue_is_the_missing_visits_times_the_average_revenue_of_a_visit(
    site: Site, incident: Incident
) -> None:
    for week in range(1, 5):
        visits(site, 4, MONDAY - week * WEEK)
        visits(site, 4, MONDAY - week * WEEK + timedelta(days=2), revenue=25, currency="EUR", kind="event", name="buy")
    row = priced(incident)
    assert (row.visits_lost, row.value_per_visit, row.currency) == (4, 12.5, "EUR")
    words = describe_costs([incident])[incident.pk]
    assert words.short == "4 visits and €50.00 lost"
    assert "a visit of those weeks brought €12.50 on average" in words.sentence


def test_visits_are_compared_by_local_time_across_a_clock_change(site: Site, incident: Incident) -> None:
    site.timezone = "Europe/Tallinn"
    site.save()
    for week in range(1, 5):
        visits(site, 5, MONDAY - week * WEEK + timedelta(hours=1))  # 13:00 in Tallinn, before and after
    assert priced(incident).usual_visits == 5


def test_an_incident_that_cost_nothing_says_so(site: Site, incident: Incident) -> None:
    visits(site, 3, MONDAY)
    assert priced(incident).visits_lost == 0
    assert describe_costs([incident])[incident.pk].short == "no visits lost"


def test_the_cost_grows_during_an_incident_and_becomes_final_once(site: Site, incident: Incident) -> None:
    Incident.objects.update(end=None)
    for week in range(1, 5):
        visits(site, 5, MONDAY - week * WEEK)
        visits(site, 5, MONDAY - week * WEEK + timedelta(minutes=50))
    assert priced(incident, MONDAY + timedelta(minutes=10)).visits_lost == 5
    assert "so far" in describe_costs([Incident.objects.get()])[incident.pk].sentence
    row = priced(incident, MONDAY + timedelta(hours=1))
    assert (row.visits_lost, row.final) == (10, False)
    Incident.objects.update(end=MONDAY + timedelta(hours=1))
    assert priced(incident, MONDAY + timedelta(hours=2)).final
    assert incident_costs_estimate(now=MONDAY + timedelta(hours=3)) == 0


def test_incidents_of_link_destinations_have_no_cost(site: Site, incident: Incident) -> None:
    incident.monitor.link_id = 7
    incident.monitor.save()
    assert incident_costs_estimate(now=MONDAY + timedelta(hours=2)) == 0


def test_the_graph_its_table_and_the_incidents_page_show_the_cost(
    site: Site, incident: Incident, client: Client, alice: User
) -> None:
    for week in range(1, 5):
        visits(site, 5, MONDAY - week * WEEK)
    priced(incident)
    (mark,) = list_graph_marks(site, MONDAY - timedelta(days=1), MONDAY + timedelta(days=1))
    assert mark.text == "Shop was down for 30 min: Answered 503. (5 visits lost)"
    client.force_login(alice)
    graph = client.get(f"/sites/{site.pk}/?period=2026-03-29..2026-03-31").content.decode()
    assert graph.count("5 visits lost") >= 3  # spoken, in the bubble, in the table behind
    for page in (f"/sites/{site.pk}/uptime", f"/sites/{site.pk}/uptime/{incident.monitor_id}"):
        text = client.get(page).content.decode()
        assert "5 visits lost" in text and "the median of the same clock times" in text


def test_the_public_status_page_shows_no_cost(site: Site, incident: Incident, client: Client) -> None:
    browse(site, "/", at=MONDAY - WEEK)
    incident.monitor.public = True
    incident.monitor.save()
    priced(incident)
    text = client.get(f"/status/{site.pk}").content.decode()
    assert "Answered 503." in text and "visits" not in text


def test_visits_of_other_sites_do_not_affect_the_cost(site: Site, incident: Incident, charlies_site: Site) -> None:
    for week in range(1, 5):
        visits(charlies_site, 5, MONDAY - week * WEEK)
    assert priced(incident).usual_visits == 0
