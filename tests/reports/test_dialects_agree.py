"""One week of traffic through all three dialects: the numbers agree as documented."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest

from reports.query import Period
from sites.models import Site
from tests.support import ask, browse, event, record
from tests.support.clickport_client import Api
from tests.support.clicky_client import Clicky
from tests.support.types import Store

pytestmark = pytest.mark.django_db
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
START, END = TODAY - timedelta(days=7), TODAY
PAGES = ("/", "/pricing", "/blog", "/docs", "/contact")
SOURCES = (("Google", "Organic Search", "EE"), ("", "Direct", "DE"), ("News", "Email", "US"))
METRICS = ("visitors", "visits", "views", "actions", "bounce_rate", "single_page_rate", "avg_duration",
           "total_duration", "engagement", "views_per_visit")  # fmt: skip


@pytest.fixture
def week(site: Site, store: Store) -> None:
    """60 visits of 20 visitors over the seven days before today: views, downloads, outbound links, events, pings."""
    chance = Random(7)
    for n in range(60):
        at = START + timedelta(days=n % 7, hours=chance.randrange(22), minutes=chance.randrange(60))
        source, channel, country = chance.choice(SOURCES)
        said: dict[str, Any] = {
            "source": source, "channel": channel, "country": country, "scroll": chance.choice([0, 50, 100]),
            "engaged": chance.choice([0, 0, 15_000, 45_000]),
        }  # fmt: skip
        pages = [chance.choice(PAGES) for _ in range(chance.choice([1, 1, 2, 3]))]
        done = browse(site, *pages, at=at, visitor=n % 20, visit=1000 + n, **said)
        for kind in chance.sample(["download", "outbound", "event", "click"], chance.choice([0, 0, 1, 2])):
            record(event(site, pages[-1], at=at + timedelta(seconds=50), visitor=n % 20, visit=1000 + n, kind=kind,
                         name=kind, target=f"https://example.com/{kind}", visit_start=done[0]["visit_start"],
                         **{**said, "engaged": 0}))  # fmt: skip


def ours(site: Site, *metrics: str, **more: Any) -> Any:
    return ask(site, *metrics, period=Period(START, END, "UTC"), now=datetime.now(UTC), **more)


def days() -> list[date]:
    return [(START + timedelta(days=n)).date() for n in range(7)]


def rounded(value: Any, places: int = 0) -> float:
    from decimal import Decimal

    return float(Decimal(str(value or 0)).quantize(Decimal(1).scaleb(-places), "ROUND_HALF_UP"))


def test_tallies_agree_between_the_dialects_as_documented(site: Site, api_key: str, week: None) -> None:
    dashboard = ours(site, *METRICS)
    clickport = Api(api_key).post({
        "metrics": ["visitors", "sessions", "pageviews", "views_per_visit", "bounce_rate", "avg_duration",
                    "engagement"],
        "date_range": {"start": str(START.date()), "end": str(END.date())},
    })["results"]  # fmt: skip
    clicky = Clicky(site)

    def tally(name: str) -> str:
        return clicky.value(name, date=f"{days()[0]},{days()[-1]}")

    # visitors: distinct in the period; Clicky's unique visitors are the sum of each day's
    assert clickport["visitors"] == dashboard["visitors"] == 20
    by_day = ours(site, "visitors", by="day", order=(("day", "asc"),))
    assert list(by_day) == [str(day) for day in days()]
    assert tally("visitors-unique") == str(sum(by_day.values()))
    assert sum(by_day.values()) > 20
    # visits: Clickport's sessions, Clicky's visitors
    assert clickport["sessions"] == dashboard["visits"] == int(tally("visitors")) == 60
    # views
    assert clickport["pageviews"] == dashboard["views"] == int(tally("actions-pageviews"))
    assert clickport["views_per_visit"] == rounded(dashboard["views_per_visit"], 2)
    # actions
    parts = [int(tally(f"actions-{name}")) for name in ("pageviews", "downloads", "outbounds", "clicks")]
    assert dashboard["actions"] == int(tally("actions")) == sum(parts)
    assert all(parts)
    assert tally("actions-average") == f"{rounded(dashboard['actions'] / 60, 1)}"
    # bounce: the dashboard's and Clicky's are one; Clickport's is the share of single-page sessions, a whole number
    assert tally("bounce-rate") == f"{rounded(dashboard['bounce_rate'], 1)}"
    assert clickport["bounce_rate"] == rounded(dashboard["single_page_rate"])
    assert dashboard["single_page_rate"] > dashboard["bounce_rate"]
    # time: whole seconds
    assert clickport["avg_duration"] == int(tally("time-average")) == rounded(dashboard["avg_duration"])
    assert int(tally("time-total")) == rounded(dashboard["total_duration"])
    # engagement, 0 to 100
    assert clickport["engagement"] == rounded(dashboard["engagement"]) > 0


@pytest.mark.parametrize(
    ("dimension", "metric", "theirs", "type", "title"),
    [
        ("page", "views", ("page", "pageviews"), "pages", "url"),
        ("entry_page", "visits", ("entry_page", "sessions"), "pages-entrance", "url"),
        ("exit_page", "visits", ("exit_page", "sessions"), "pages-exit", "url"),
        ("country", "visits", ("country", "sessions"), "countries", "title"),
    ],
)
def test_breakdowns_agree_between_the_dialects(
    site: Site, api_key: str, week: None, dimension: str, metric: str, theirs: tuple[str, str], type: str, title: str
) -> None:
    dashboard = ours(site, metric, by=dimension)
    rows = Api(api_key).post({
        "metrics": [theirs[1]], "dimensions": [theirs[0]],
        "date_range": {"start": str(START.date()), "end": str(END.date())},
    })["results"]  # fmt: skip
    items = Clicky(site).items(type, date=f"{days()[0]},{days()[-1]}")
    names = {"EE": "Estonia", "DE": "Germany", "US": "United States"}
    shown = {f"http://example.com{name}" if title == "url" else names[name]: n for name, n in dashboard.items()}
    assert {row[theirs[0]]: row[theirs[1]] for row in rows} == dashboard
    assert {item[title]: int(item["value"]) for item in items} == shown


def test_days_agree_between_the_dialects(site: Site, api_key: str, week: None) -> None:
    dashboard = ours(site, "visits", by="day", order=(("day", "asc"),))
    rows = Api(api_key).post({
        "metrics": ["sessions"], "dimensions": ["date"],
        "date_range": {"start": str(START.date()), "end": str(END.date())},
    })["results"]  # fmt: skip
    (block,) = Clicky(site).json("visitors", date=f"{days()[0]},{days()[-1]}", daily=1)
    assert {row["date"]: row["sessions"] for row in rows} == dashboard
    assert {day["date"]: int(day["items"][0]["value"]) for day in block["dates"]} == dashboard
