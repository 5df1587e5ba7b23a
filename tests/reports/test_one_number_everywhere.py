"""The dashboard, its exports, Clicky, Clickport, ClickMeter and digests give the same number.

Each number is read from every place that shows it, about the same day of traffic, and compared with the number that
was counted by hand.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client

from accounts.models import Account, User
from goals.models import Goal
from goals.services import goal_create
from links.models import DatapointKind
from links.services.links import datapoint_create
from reports.digests.models import DigestSubscription
from reports.digests.services import digests_send, subscription_save
from sites.models import Site
from tests.support import browse, event, insert_recorded, log_in, record, state
from tests.support.clickmeter_client import use_account_key
from tests.support.clickport_client import Api
from tests.support.clicky_client import Clicky
from tests.support.endpoints import send_request
from tests.support.links import Browser, flush_clicks, refresh_caches, reset_state
from tests.support.types import Store
from tracking import spool

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)  # a Tuesday
DAY = datetime(2026, 3, 2, tzinfo=UTC)  # the day asked about


@dataclass
class Surfaces:
    """The ways to ask about yesterday."""

    site: Site
    user: User
    key: str
    client: Client

    def page(self, path: str = "", **given: Any) -> Any:
        """The context of a page of the dashboard."""
        address = f"/sites/{self.site.pk}/{path}"
        answer = self.client.get(address, {"period": "yesterday", **given}, headers={"accept-language": "en"})
        assert answer.status_code == 200, answer.content
        return answer.context

    def key_figure(self, name: str, **given: Any) -> str:
        """A key figure of the overview."""
        shown: str = next(one.formatted.exact for one in self.page(**given)["key_figures"].numbers if one.name == name)
        return shown

    def panel(self, panel: str, tab: str, **given: Any) -> dict[str, str]:
        """Name -> first number of a panel's rows."""
        rows = self.page(f"panel/{panel}/{tab}", **given)["panel"]["table"].rows
        return {row.name: row.formatted.exact for row in rows}

    def file(self, dimension: str, **given: Any) -> dict[str, dict[str, str]]:
        """The CSV export of a table: value -> column -> cell."""
        address = f"/sites/{self.site.pk}/details/{dimension}"
        answer = self.client.get(address, {"period": "yesterday", "format": "csv", **given})
        assert answer.status_code == 200
        rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
        return {row[dimension]: row for row in rows}

    def query(self, *metrics: str, filters: Any = (), **more: Any) -> Any:
        """The results of /api/query."""
        body = {"period": "yesterday", "metrics": list(metrics), "filters": list(filters), **more}
        return Api(self.key).post(body)["results"]

    def clicky(self, type: str, **given: Any) -> list[dict[str, Any]]:
        return Clicky(self.site).items(type, date="yesterday", **given)

    def mail(self) -> str:
        """The text of the daily report."""
        subscription_save(user=self.user, frequency="day", sites=[self.site], attach_csv=False)
        DigestSubscription.objects.update(created=DAY)
        assert digests_send(now=NOW) == 1
        return str(mail.outbox[-1].body)


@pytest.fixture
def purchase(site: Site) -> Goal:
    return goal_create(site=site, name="Purchase", kind="event", pattern="Purchase")


@pytest.fixture
def ways(site: Site, store: Store, alice: User, api_key: str, purchase: Goal) -> Iterator[Surfaces]:
    """Five visitors of one day: jane and ben of Germany buy (EUR, jane USD too), jane gets some back."""
    people: tuple[tuple[str, int, dict[str, Any]], ...] = (
        ("jane", 0, {"country": "DE", "language": "de", "source": "Google", "channel": "Organic Search",
                     "person": "jane", "browser": "Firefox"}),
        ("ben", 9, {"country": "DE", "language": "de-AT", "source": "News", "channel": "Email"}),
        ("cat", 9, {"country": "EE", "language": "et", "source": "Google", "channel": "Organic Search"}),
        ("dan", 17, {"country": "", "source": "", "channel": "Direct"}),
        ("eve", 23, {"country": "US", "language": "en-US", "source": "Google", "channel": "Organic Search"}),
    )  # fmt: skip
    orders = {"jane": ((40.5, "EUR"), (9, "USD"), (-10.25, "EUR")), "ben": ((20, "EUR"),)}
    with time_machine.travel(NOW, tick=False):
        for number, (name, hour, fields) in enumerate(people, 1001):
            at = DAY + timedelta(hours=hour, minutes=10)
            browse(site, "/", "/pricing", at=at, visitor=name, visit=number, **fields)
            same = {"visitor": name, "visit": number, "visit_start": at, **fields}
            for n, (amount, currency) in enumerate(orders.get(name, ())):
                bought = amount > 0
                record(event(site, "/done", at=at + timedelta(seconds=60 + n), kind="event", revenue=amount,
                             currency=currency, name="Purchase" if bought else "Refund", **same))  # fmt: skip
        insert_recorded()
        yield Surfaces(site, alice, api_key, log_in(alice))


@pytest.mark.parametrize("text", ["DE", "de", "Germany"])
def test_visitors_from_germany_are_one_number_everywhere(ways: Surfaces, text: str) -> None:
    country = {"dimension": "country", "operator": "is", "value": text}
    assert ways.key_figure("visitors", country=text) == "2"
    assert ways.query("visitors", filters=[country]) == {"visitors": 2}
    assert ways.clicky("segmentation", segments="visitors-unique", country=text)[0]["value"] == "2"
    assert ways.clicky("countries", item=text)[0]["value"] == "2"
    assert ways.panel("places", "countries")["Germany"] == "2"
    assert ways.file("country")["DE"]["visitors"] == "2" and ways.file("country", country=text).keys() == {"DE"}
    assert "Germany: 2" in ways.mail()


def test_visitors_by_language_are_one_number_everywhere(ways: Surfaces) -> None:
    language = {"dimension": "language", "operator": "is", "value": "German (Austria)"}
    assert ways.key_figure("visitors", language="de-at") == "1"
    assert ways.query("visitors", filters=[language]) == {"visitors": 1}
    assert ways.clicky("segmentation", segments="visitors-unique", language="German (Austria)")[0]["value"] == "1"
    assert ways.panel("places", "languages")["German (Austria)"] == ways.file("language")["de-AT"]["visitors"] == "1"


def test_conversions_are_one_number_everywhere(ways: Surfaces, purchase: Goal) -> None:
    goal = {"goal": purchase.pk}
    assert ways.key_figure("conversions", goal=purchase.pk) == ways.key_figure("conversions") == "3"
    assert ways.query("conversions", filters=[goal]) == ways.query("conversions") == {"conversions": 3}
    (row,) = Api(ways.key).get("/api/goals", start_date="2026-03-02", end_date="2026-03-03")["goals"]
    assert (row["events"], row["visitors"]) == (3, 2)
    assert ways.clicky("goals")[0]["value"] == "3"
    assert ways.file("goal")[str(purchase.pk)]["conversions"] == "3"
    assert "Conversions: 3" in (text := ways.mail()) and "Goals\n  Purchase: 3" in text


def test_numbers_of_converting_visits_are_the_same_everywhere(ways: Surfaces, purchase: Goal) -> None:
    goal = {"goal": purchase.pk}
    wanted = {"visitors": 2, "sessions": 2, "pageviews": 4}
    assert ways.query(*wanted, filters=[goal]) == wanted
    assert [ways.key_figure(name, goal=purchase.pk) for name in ("visitors", "views")] == ["2", "4"]
    for segment, value in (("visitors-unique", "2"), ("visitors", "2"), ("actions-pageviews", "4")):
        assert ways.clicky("segmentation", segments=segment, goal=purchase.pk)[0]["value"] == value
    assert ways.panel("pages", "top", goal=purchase.pk) == {"/": "2", "/pricing": "2"}
    assert {name: row["visitors"] for name, row in ways.file("page", goal=purchase.pk).items() if row["views"] != "0"} \
        == {"/": "2", "/pricing": "2"}  # fmt: skip


def test_conversion_rates_are_one_number_everywhere(ways: Surfaces, purchase: Goal) -> None:
    assert ways.query("conversion_rate", filters=[{"goal": purchase.pk}]) == {"conversion_rate": 40.0}
    assert ways.key_figure("conversion_rate", goal=purchase.pk) == "40%"
    assert float(ways.file("goal")[str(purchase.pk)]["conversion_rate"]) == 40
    by_source = {row["source"]: row["conversion_rate"] for row in
                 ways.query("conversion_rate", filters=[{"goal": purchase.pk}], dimensions=["source"])}  # fmt: skip
    table = ways.page("panel/sources/sources", goal=purchase.pk)["panel"]["table"]
    assert {row.name: row.second.exact for row in table.rows} == {"Google": "33.3%", "News": "100%"}
    assert (by_source["Google"], by_source["News"]) == (33.33, 100.0)


def test_revenue_by_currency_is_one_number_everywhere(ways: Surfaces) -> None:
    answer = Api(ways.key).post({"period": "yesterday", "metrics": ["revenue"]})
    assert answer["results"] == {"revenue": 50.25}
    assert (answer["meta"]["currency"], answer["meta"]["other_currencies"]) == ("EUR", {"USD": 9.0})
    rows = ways.query("revenue", dimensions=["currency"])
    assert {row["currency"]: row["revenue"] for row in rows} == {"EUR": 50.25, "USD": 9.0}
    assert ways.key_figure("revenue") == "€50.25" and ways.key_figure("revenue", currency="usd") == "$9.00"
    assert {name: Decimal(row["revenue"]) for name, row in ways.file("currency").items()} == {
        "EUR": Decimal("50.25"), "USD": Decimal(9)
    }  # fmt: skip
    assert "Revenue: €50.25" in ways.mail()


def test_refunds_are_one_number_everywhere(ways: Surfaces) -> None:
    assert ways.query("refunds", "avg_order") == {"refunds": 10.25, "avg_order": 30.25}
    assert ways.page("explain", metric="refunds")["explanation"].formatted.exact == "€10.25"
    sold = sum(row["refunds"] for row in ways.query("refunds", dimensions=["country"]))
    assert sold == 10.25


def test_visitors_by_hour_are_one_number_everywhere(ways: Surfaces) -> None:
    wanted = {0: 1, 9: 2, 17: 1, 23: 1}
    rows = ways.query("visitors", dimensions=["hour_of_day"])
    assert {row["hour_of_day"]: row["visitors"] for row in rows} == wanted
    panel = ways.panel("visitors", "hours")
    assert len(panel) == 24 and {int(name[:2]): int(n) for name, n in panel.items() if n != "0"} == wanted
    assert {int(hour): int(row["visitors"]) for hour, row in ways.file("hour_of_day").items()} == wanted
    hourly = ways.clicky("visitors-unique", hourly=1)[::-1]  # Clicky's newest hour comes first
    assert {hour: int(one["value"]) for hour, one in enumerate(hourly) if one["value"]} == wanted
    graph = ways.page()["key_figures"].graph.buckets
    assert {int(one.key[11:13]): int(one.value) for one in graph if one.value != "0"} == wanted


def test_numbers_of_a_person_are_the_same_everywhere(ways: Surfaces) -> None:
    person = {"dimension": "person", "operator": "is", "value": "jane"}
    assert ways.query("sessions", "pageviews", filters=[person]) == {"sessions": 1, "pageviews": 2}
    (visit,) = ways.clicky("visitors-list", **{"custom[username]": "jane"})
    assert visit["custom"]["username"] == "jane" and visit["session_id"] == "1001"
    assert ways.panel("visitors", "people") == {"jane": "1"} and ways.file("person")["jane"]["views"] == "2"
    assert ways.key_figure("views", person="jane") == "2"


def test_visitors_by_source_are_one_number_everywhere(ways: Surfaces) -> None:
    wanted = {"Google": 3, "News": 1, "Direct": 1}
    assert {row["source"]: row["visitors"] for row in ways.query("visitors", dimensions=["source"])} == wanted
    (found,) = [Api(ways.key).get("/api/sources", start_date="2026-03-02", end_date="2026-03-03")["results"]]
    assert {row["source"]: row["visitors"] for row in found} == wanted
    assert {name: int(n) for name, n in ways.panel("sources", "sources").items()} == wanted
    assert {name or "Direct": int(row["visitors"]) for name, row in ways.file("source").items()} == wanted
    assert ways.key_figure("visitors", source="Direct") == ways.key_figure("visitors", source="") == "1"
    direct = {"dimension": "source", "operator": "is", "value": "direct"}
    assert ways.query("visitors", filters=[direct]) == {"visitors": 1}
    kinds = {row["title"]: row["value"] for row in ways.clicky("traffic-sources")}
    assert kinds == {"Searches": "3", "Email": "1", "Direct": "1"}
    assert "Google: 3" in ways.mail()


def test_the_bounce_rate_is_one_number_everywhere(ways: Surfaces) -> None:
    browse(ways.site, "/", at=DAY + timedelta(hours=5), visitor="fay", visit=1006, source="Google")
    insert_recorded()
    assert ways.key_figure("bounce_rate") == "16.7%"
    assert ways.clicky("bounce-rate")[0]["value"] == "16.7"
    assert ways.query("bounce_rate") == {"bounce_rate": 17}  # Clickport's own: single-page sessions, a whole number
    assert "Bounce rate: 16.7%" in ways.mail()


def test_visitors_of_the_last_thirty_minutes_are_one_number_everywhere(ways: Surfaces) -> None:
    for number, minutes in enumerate((29, 10, 3, 3, 0, 30, 45)):
        browse(ways.site, "/now", at=NOW - timedelta(minutes=minutes), visitor=f"now{number}")
    insert_recorded()
    assert ways.key_figure("visitors", period="realtime") == "5"
    graph = ways.page(period="realtime")["key_figures"].graph.buckets
    assert len(graph) == 30 and sum(int(one.value) for one in graph) == 5
    assert ways.query("visitors", period="realtime") == {"visitors": 5}
    rows = ways.query("pageviews", period="realtime", dimensions=["minute"])
    assert len(rows) == 30 and sum(row["pageviews"] for row in rows) == 5
    assert ways.file("page", period="realtime")["/now"]["visitors"] == "5"
    assert ways.panel("pages", "top", period="realtime") == {"/now": "5"}


def test_a_return_from_a_payment_page_leaves_the_source_as_it_was(
    site: Site, store: Store, alice: User, api_key: str
) -> None:
    """Real beacons of one visit: from a search, through the shop, out to pay and back."""
    state.restart()
    ways = Surfaces(site, alice, api_key, log_in(alice))
    came = (("/", "https://www.google.com/"), ("/cart", ""), ("/thanks", "https://www.paypal.com/checkout"))
    for minutes, (path, referrer) in enumerate(came):
        with time_machine.travel(DAY + timedelta(hours=9, minutes=minutes), tick=False):
            send_request("/in.php", {"site_id": site.pk, "type": "pageview", "href": path, "ref": referrer})
    spool.flush()
    with time_machine.travel(NOW, tick=False):
        assert [(row["source"], row["sessions"]) for row in ways.query("sessions", dimensions=["source"])] == [
            ("Google", 1)
        ]  # fmt: skip
        told = {name: row["visits"] for name, row in ways.file("source").items() if row["visits"] != "0"}
        assert told == {"Google": "1"}
        assert [(row["title"], row["value"]) for row in ways.clicky("traffic-sources")] == [("Searches", "1")]
        assert [row["referrer_domain"] for row in ways.clicky("visitors-list")] == ["google.com"]
        assert ways.panel("sources", "sources") == {"Google": "1"}
        assert "Google: 1" in ways.mail()
        assert "paypal" not in mail.outbox[-1].body.lower()


def test_unique_views_of_a_pixel_are_one_number_everywhere(store: Store, account: Account, alice: User) -> None:
    reset_state()
    pixel = datapoint_create(account=account, kind=DatapointKind.PIXEL, title="newsletter")
    refresh_caches()
    with time_machine.travel(NOW, tick=False):
        for ip, minutes in (("203.0.113.1", 0), ("203.0.113.1", 5), ("203.0.113.2", 6), ("203.0.113.1", 50)):
            Browser(ip=ip).open(f"/l/{pixel.alias}", at=NOW - timedelta(hours=2) + timedelta(minutes=minutes))
        flush_clicks()
        program = use_account_key(account)
        for path in (f"/datapoints/{pixel.pk}/aggregated", "/aggregated"):
            found = program.get(f"{path}?timeFrame=today")
            assert (found["totalViews"], found["uniqueViews"]) == (4, 3)
        page = log_in(alice).get(f"/links/{pixel.pk}?period=today", headers={"accept-language": "en"})
        assert dict(page.context["figures"])["Unique"] == "3" and dict(page.context["figures"])["Views"] == "4"
    reset_state()
