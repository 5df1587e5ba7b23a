"""The Stats API's tallies and popular types, days and hours, errors and limits."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from goals.services import goal_create
from reports.clicky.dates import EXAMPLES
from reports.clicky.stats_request import MAX_TYPES
from reports.clicky.types import EMPTY, STATS_TYPES
from reports.clicky.visit_lists import LIST_TYPES
from sites import site_cache
from sites.models import Site
from sites.services import site_update
from tests.support import browse, event, record
from tests.support.clicky_client import Clicky
from tests.support.types import Store

pytestmark = pytest.mark.django_db
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
DAY = timedelta(days=1)
IMPOSSIBLE_DATES = (
    "2026-02-30", "2026-03-00", "2026-00", "2026-00-00", "2026-03-01,2026-03-00", "9999", "tomorrow", "11/28/2026",
    "last-99999-days", "2026-03-01,tomorrow",
)  # fmt: skip


@pytest.fixture
def clicky(site: Site, store: Store) -> Clicky:
    return Clicky(site)


@pytest.fixture
def traffic(site: Site, store: Store) -> None:
    """Yesterday: ann (Tallinn) sees two pages and downloads; ben (Berlin) sees one. The day before: ann sees one."""
    tallinn: dict[str, Any] = {"country": "EE", "city": "Tallinn", "browser": "Chrome", "browser_version": "120"}
    first = browse(site, "/", "/pricing", at=NOON, visitor="ann", channel="Organic Search", source="Google",
                   search_term="web statistics", title="A & B", step=timedelta(seconds=70), **tallinn)  # fmt: skip
    record(
        event(site, "/pricing", at=NOON + timedelta(seconds=90), visitor="ann", kind="download",
              target="https://example.com/a.pdf", visit=first[0]["visit"], visit_start=NOON, **tallinn),
    )  # fmt: skip
    browse(site, "/", at=NOON, visitor="ben", country="DE", city="Berlin", channel="Direct")
    browse(site, "/", at=NOON - DAY, visitor="ann", channel="Direct", **tallinn)


@pytest.mark.parametrize(
    ("type", "yesterday", "two_days"),
    [
        ("visitors", "2", "3"),
        ("visitors-unique", "2", "3"),
        ("visitors-new", "1", "2"),
        ("actions", "4", "5"),
        ("actions-pageviews", "3", "4"),
        ("actions-downloads", "1", "1"),
        ("actions-outbounds", "0", "0"),
        ("actions-clicks", "0", "0"),
        ("actions-average", "2.0", "1.7"),
        ("time-total", "90", "90"),
        ("time-total-pretty", "1m 30s", "1m 30s"),
        ("time-average", "45", "30"),
        ("time-average-pretty", "45s", "30s"),
        ("bounce-rate", "50.0", "66.7"),
        ("visitors-online", "0", "0"),
    ],
)
def test_a_tally_is_one_item_with_a_value(
    clicky: Clicky, traffic: None, type: str, yesterday: str, two_days: str
) -> None:
    assert clicky.items(type, date="yesterday") == [{"value": yesterday}]
    assert clicky.value(type, date="previous-2-days") == two_days


def test_a_range_s_unique_visitors_are_the_sum_of_its_days(clicky: Clicky, site: Site) -> None:
    for back in range(3):
        browse(site, "/", at=NOON - back * DAY, visitor="ann")
    assert clicky.value("visitors-unique", date="previous-3-days") == "3"


def test_days_come_newest_first_with_empty_ones(clicky: Clicky, traffic: None) -> None:
    (block,) = clicky.json("visitors", date="last-4-days", daily=1)
    days = [str((NOON + DAY - n * DAY).date()) for n in range(4)]
    assert [day["date"] for day in block["dates"]] == days
    assert [day["items"][0]["value"] for day in block["dates"]] == ["0", "2", "1", "0"]


SKIPPED = ["2011-12-31", "2011-12-30", "2011-12-29"]  # Samoa crossed the date line, and never had the second


@pytest.fixture
def samoa(clicky: Clicky, site: Site) -> Clicky:
    """A visit on the day before and on the day after the one that Samoa skipped."""
    site_update(site=site, timezone="Pacific/Apia")
    site_cache.refresh()
    for hours in (0, 24):
        browse(site, "/", at=datetime(2011, 12, 29, 22, tzinfo=UTC) + timedelta(hours=hours), visit=hours + 1)
    return clicky


@pytest.mark.parametrize("given", [{"daily": 1}, {"hourly": 1}])
def test_a_day_that_the_zone_skipped_is_as_empty_as_one_without_data(samoa: Clicky, given: dict[str, int]) -> None:
    types = [row.name for row in STATS_TYPES if row.name not in ("visitors-online", "summary")]  # have no days
    if "hourly" in given:
        types = [name for name in types if name not in {row.name for row in LIST_TYPES}]  # have no hours
    for at in range(0, len(types), MAX_TYPES):
        for block in samoa.json(",".join(types[at : at + MAX_TYPES]), date="2011-12-29,2011-12-31", **given):
            assert [day["date"] for day in block["dates"]] == SKIPPED, block["type"]


def test_the_days_around_one_that_the_zone_skipped_have_their_data(samoa: Clicky) -> None:
    numbers, visits = samoa.json("visitors,visitors-list", date="2011-12-29,2011-12-31", daily=1)
    assert [day["items"] for day in numbers["dates"]] == [[{"value": "1"}], [{"value": "0"}], [{"value": "1"}]]
    assert [len(day["items"]) for day in visits["dates"]] == [1, 0, 1]


@pytest.mark.parametrize("type", ["visitors", "pages", "visitors-list", "uptime"])
def test_a_day_that_the_zone_skipped_is_refused_alone(samoa: Clicky, type: str) -> None:
    assert "never happened" in samoa.error(type, date="2011-12-30", daily=1)


def test_a_range_is_labelled_with_its_first_and_last_day(clicky: Clicky, traffic: None) -> None:
    (block,) = clicky.json("visitors", date="previous-2-days")
    assert block["dates"][0]["date"] == f"{(NOON - DAY).date()},{NOON.date()}"


def test_hours_in_json_are_items_newest_first(clicky: Clicky, traffic: None) -> None:
    (block,) = clicky.json("visitors", date="yesterday", hourly=1)
    values = [item["value"] for item in block["dates"][0]["items"]]
    assert (len(values), values[11]) == (24, 2)
    assert max(values) == 2 and all(isinstance(value, int) for value in values)
    (block,) = clicky.json("actions-average", date="yesterday", hourly=1)
    assert block["dates"][0]["items"][11] == {"value": 2.0}


def test_hours_in_xml_are_values_of_one_item_midnight_first(clicky: Clicky, traffic: None) -> None:
    found = clicky.xml("visitors", date="yesterday", hourly=1)
    values = [value.text for value in found.findall("type/date/item/value")]
    assert (len(found.findall("type/date/item")), len(values), values[12]) == (1, 24, "2")


def test_today_has_all_its_hours(clicky: Clicky, site: Site) -> None:
    (block,) = clicky.json("visitors", hourly=1)
    assert len(block["dates"][0]["items"]) == 24


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2025-10-26", 25)])
def test_a_day_of_a_clock_change_has_23_or_25_hours(clicky: Clicky, site: Site, day: str, hours: int) -> None:
    site_update(site=site, timezone="Europe/Tallinn")
    site_cache.refresh()
    (block,) = clicky.json("visitors", date=day, hourly=1)
    assert len(block["dates"][0]["items"]) == hours


def test_hours_of_a_popular_type_are_in_each_item(clicky: Clicky, traffic: None) -> None:
    (block,) = clicky.json("pages", date="yesterday", hourly=1)
    first = block["dates"][0]["items"][0]
    assert first["url"].endswith("example.com/") and first["value"][12] == "2" and len(first["value"]) == 24


def test_popular_items_have_text_values_shares_titles_and_links(clicky: Clicky, site: Site, traffic: None) -> None:
    items = clicky.items("pages", date="yesterday")
    assert [(item["value"], item["value_percent"], item["title"], item["url"]) for item in items] == [
        ("2", "66.7", "A &amp; B", "http://example.com/"),
        ("1", "33.3", "A &amp; B", "http://example.com/pricing"),
    ]
    assert items[0]["stats_url"].startswith(f"http://testserver/sites/{site.pk}/content?period=")


@pytest.mark.parametrize(
    ("type", "titles"),
    [
        ("pages-entrance", {"A &amp; B": "2"}),
        ("countries", {"Estonia": "1", "Germany": "1"}),
        ("cities", {"Tallinn, Estonia": "1", "Berlin, Germany": "1"}),
        ("web-browsers", {"Google Chrome 120": "1", "Unknown": "1"}),
        ("traffic-sources", {"Searches": "1", "Direct": "1"}),
        ("searches", {"web statistics": "1"}),
        ("searches-keywords", {"web": "1", "statistics": "1"}),
        ("searches-engines", {"Google": "1"}),
        ("downloads", {"https://example.com/a.pdf": "1"}),
        ("engagement-actions", {"1 action": "1", "3 actions": "1"}),
        ("engagement-times", {"0-1m": "1", "1-2m": "1"}),
    ],
)
def test_popular_items_have_the_titles_that_clients_expect(
    clicky: Clicky, traffic: None, type: str, titles: dict[str, str]
) -> None:
    found = {item["title"]: item["value"] for item in clicky.items(type, date="yesterday")}
    assert found == titles


def test_exit_pages_are_distinguished_by_url(clicky: Clicky, traffic: None) -> None:
    found = {item["url"]: item["value"] for item in clicky.items("pages-exit", date="yesterday")}
    assert found == {"http://example.com/": "1", "http://example.com/pricing": "1"}


def test_goals_show_completions_and_revenue(clicky: Clicky, site: Site, traffic: None) -> None:
    goal_create(site=site, name="Saw <prices>", pattern="/pricing", fixed_revenue="9.50")
    goal_create(site=site, name="Never", pattern="/never")
    (item,) = clicky.items("goals", date="yesterday")
    assert (item["title"], item["value"], item["revenue"]) == ("Saw &lt;prices&gt;", "1", "9.50")


@pytest.mark.parametrize(("worth", "currency"), [("1.005", "KWD"), ("500", "JPY"), ("9.50", "EUR"), ("9.50", "")])
def test_amounts_have_the_decimals_of_their_currency(clicky: Clicky, site: Site, worth: str, currency: str) -> None:
    browse(site, "/pricing", at=NOON)
    goal_create(site=site, name="Prices", pattern="/pricing", fixed_revenue=worth, currency=currency)
    (goal,) = clicky.items("goals", date="yesterday")
    (visitor,) = clicky.items("visitors-list", date="yesterday")
    assert goal["revenue"] == visitor["goals"]["revenue"] == worth


def test_item_selects_one_item_and_filter_a_part_of_the_title(clicky: Clicky, traffic: None) -> None:
    one = clicky.items("pages", date="yesterday", item="http://example.com/pricing")
    assert [item["value"] for item in one] == ["1"]
    assert one[0]["value_percent"] == "33.3"
    assert len(clicky.items("pages", date="yesterday", filter="/pri")) == 1
    assert [i["title"] for i in clicky.items("countries", date="yesterday", item="Estonia")] == ["Estonia"]
    assert [i["title"] for i in clicky.items("cities", date="yesterday", item="Tallinn, Estonia")] == [
        "Tallinn, Estonia"
    ]
    assert len(clicky.items("web-browsers", date="yesterday", item="Google Chrome 120")) == 1


def test_a_comma_list_gives_one_block_per_type_in_that_order(clicky: Clicky, traffic: None) -> None:
    blocks = clicky.json("pages,visitors,exit-links", date="yesterday")
    assert [block["type"] for block in blocks] == ["pages", "visitors", "exit-links"]
    assert blocks[2]["dates"][0]["items"] == []


@pytest.mark.parametrize("segments", ["", "segmentation", "visitors"])
def test_a_segmentation_without_segments_is_of_visitors(clicky: Clicky, traffic: None, segments: str) -> None:
    (block,) = clicky.json("segmentation", date="yesterday", segments=segments, country="EE")
    assert (block["type"], block["dates"][0]["items"]) == ("visitors", [{"value": "1"}])


def test_pages_of_items_follow_each_other(clicky: Clicky, site: Site) -> None:
    browse(site, *[f"/{n}" for n in range(7)], at=NOON)
    whole = [item["url"] for item in clicky.items("pages", date="yesterday", limit="all")]
    parts = [clicky.items("pages", date="yesterday", limit=3, page=page) for page in (1, 2, 3, 4)]
    assert [len(part) for part in parts] == [3, 3, 1, 0]
    assert [item["url"] for part in parts for item in part] == whole


@pytest.mark.parametrize(
    ("limit", "expected"), [("", 50), ("all", 60), ("2000", 60), ("0", 50), ("-1", 50), ("x", 50), ("5", 5)]
)
def test_invalid_limits_fall_back_to_the_default(clicky: Clicky, site: Site, limit: str, expected: int) -> None:
    browse(site, *[f"/{n}" for n in range(60)], at=NOON)
    assert len(clicky.items("pages", date="yesterday", limit=limit)) == expected


@pytest.mark.parametrize("type", [*EMPTY, *(alias for row in STATS_TYPES for alias in row.aliases), "custom"])
def test_types_without_data_answer_with_no_items(clicky: Clicky, type: str) -> None:
    (block,) = clicky.json(type)
    assert (block["type"], block["dates"][0]["items"]) == (type, [])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"sitekey": "wrong"}, "Invalid sitekey."),
        ({"site_id": "77"}, "Invalid sitekey."),
        ({"site_id": "x\x00"}, "Invalid sitekey."),
        ({"type": "nonsense"}, "Invalid type: nonsense."),
        ({"type": ""}, "No type specified."),
        *(({"date": bad}, f"Invalid date: {bad}. Use one such as {EXAMPLES}.") for bad in IMPOSSIBLE_DATES),
        ({"date": "2024-01-01,2026-12-31"}, "The maximum date range for any type is 750 days; you asked for 1096."),
    ],
)
def test_errors_are_a_list_with_one_sentence_and_status_200(
    clicky: Clicky, given: dict[str, str], sentence: str
) -> None:
    given = {"type": "visitors", **given}
    type = given.pop("type")
    answer = clicky.raw(type, output="json", **given)
    assert (answer.status_code, answer.content.decode()) == (200, f'[{{"error":"{sentence}"}}]')


def test_an_unknown_type_does_not_affect_the_others(clicky: Clicky, traffic: None) -> None:
    known_one, unknown = clicky.json("visitors,nonsense", date="yesterday")
    assert known_one["dates"][0]["items"] == [{"value": "2"}]
    day = str(NOON.date())
    assert unknown == {
        "type": "nonsense", "dates": [{"date": day, "items": []}], "error": "Invalid type: nonsense.",
    }  # fmt: skip
    found = clicky.xml("visitors,nonsense", date="yesterday")
    assert [one.findtext("error") for one in found.findall("type")] == [None, "Invalid type: nonsense."]
    assert b"Invalid type: nonsense." in clicky.raw("visitors,nonsense", output="csv").content
    assert clicky.raw("visitors,nonsense", output="php").content.startswith(b"a:2:")
    assert clicky.error("nonsense,other") == "Invalid type: nonsense."


def test_the_key_of_another_site_gives_no_access(clicky: Clicky, charlies_site: Site) -> None:
    assert clicky.error("visitors", sitekey=charlies_site.sitekey) == "Invalid sitekey."


def test_a_plural_date_keyword_is_accepted(clicky: Clicky, site: Site) -> None:
    today = str(datetime.now(UTC).date())
    assert clicky.json("visitors", date="this-months")[0]["dates"][0]["date"] in (today, f"{today[:8]}01,{today}")


def test_more_than_thirty_requests_a_minute_get_429(clicky: Clicky, traffic: None) -> None:
    given = {"site_id": str(clicky.site.pk), "sitekey": clicky.site.sitekey, "type": "visitors", "output": "json"}
    first = clicky.raw("visitors")
    assert first.headers["X-RateLimit-Remaining"] == "29"
    answers = [clicky.client.get("/api/stats/4", given) for _ in range(31)]
    if len({int(answer.headers["X-RateLimit-Remaining"]) for answer in answers}) == 31:
        pytest.skip("a minute began in between")
    assert answers[-1].status_code == 429
    assert answers[-1].json()[0]["error"].startswith("Too many requests")
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


def test_requests_with_a_wrong_key_are_limited_too(clicky: Clicky, time_machine: Any) -> None:
    time_machine.move_to("2026-03-02T12:00:05Z", tick=False)
    assert clicky.error("visitors", sitekey="wrong") == "Invalid sitekey."
    given = {"site_id": str(clicky.site.pk), "sitekey": "wrong", "output": "json"}
    answers = [clicky.client.get("/api/stats/4", given) for _ in range(30)]
    assert [answer.status_code for answer in answers] == [200] * 29 + [429]
    assert answers[-1].json() == [{"error": "Too many requests: at most 30 per minute."}]
    assert answers[-1].headers["Retry-After"] == "55"


def test_an_unknown_method_is_rejected_in_the_requested_format(clicky: Clicky) -> None:
    answer = clicky.client.put("/api/stats/4?output=json")
    assert (answer.status_code, answer.json()) == (405, [{"error": 'Method "PUT" not allowed.'}])
    assert answer.headers["Allow"] == "GET, HEAD, POST, OPTIONS"


def test_an_account_may_have_its_own_limit(clicky: Clicky, site: Site) -> None:
    site.account.limits = {"clicky_per_minute": 500}
    site.account.save()
    assert clicky.raw("visitors").headers["X-RateLimit-Remaining"] == "499"


def test_scripts_of_any_page_may_read_the_response(clicky: Clicky) -> None:
    assert clicky.raw("visitors").headers["Access-Control-Allow-Origin"] == "*"
    assert clicky.client.options("/api/stats/4").status_code == 204


@pytest.mark.parametrize(
    "path", ["/api/stats/4", "/api/stats/3", "/api/stats/1", "/stats/api4", "/stats/api2", "/api/stats/4/"]
)
def test_older_addresses_answer_alike(site: Site, store: Store, path: str) -> None:
    assert Clicky(site, path).value("visitors") == "0"


def test_responses_can_be_wrapped_for_scripts(clicky: Clicky) -> None:
    wrapped = clicky.raw("visitors", output="json", json_callback="jQuery19_1")
    assert wrapped.content.startswith(b"jQuery19_1([") and wrapped.content.endswith(b"]);")
    assert clicky.raw("visitors", output="json", json_var="stats").content.startswith(b"var stats = [")
    hostile = clicky.raw("visitors", output="json", json_callback="alert(1)//")
    assert hostile.content.startswith(b"[") and b"alert" not in hostile.content


def test_time_offset_shortens_lists_but_not_numbers(clicky: Clicky, site: Site) -> None:
    now = datetime.now(UTC)
    today = {"date": f"{now - DAY:%Y-%m-%d},{now:%Y-%m-%d}"}  # whole days, whatever the time is
    goal_create(site=site, name="Bought", kind="page", pattern="/*", pattern_kind="wildcard")
    browse(site, "/old", at=now - timedelta(minutes=20), visitor="old")
    browse(site, "/new", at=now - timedelta(seconds=60), visitor="new")
    answer = clicky.json(
        "visitors,visitors-unique,goals,pages,visitors-list,actions-list", time_offset=600, goal="*", **today
    )
    found = {block["type"]: block["dates"][0]["items"] for block in answer}
    assert found["visitors"] == [{"value": "2"}] and found["visitors-unique"] == [{"value": "2"}]
    assert [item["value"] for item in found["goals"]] == ["2"] and len(found["pages"]) == 2
    assert [item["landing_page"] for item in found["visitors-list"]] == ["http://example.com/new"]
    assert [item["action_url"] for item in found["actions-list"]] == ["http://example.com/new"]
    assert len(clicky.items("visitors-list", time_offset=1800, daily=1, **today)) == 2


def test_a_page_s_address_can_lead_to_its_heatmap(clicky: Clicky, traffic: None) -> None:
    assert clicky.items("pages", date="yesterday", heatmap_url=1)[0]["url"].endswith("/#_heatmap")


def test_csv_is_not_html_encoded(site: Site, store: Store) -> None:
    title = 'a,b "quoted" <b> & ü'
    record(event(site, "/", at=NOON, title=title), event(site, "/f", at=NOON, title="=cmd()"))
    answer = Clicky(site).raw("pages", output="csv", date=NOON.date().isoformat())
    titles = {row["title"] for row in csv.DictReader(io.StringIO(answer.content.decode()))}
    assert titles == {title, "'=cmd()"}
    assert (
        "&quot;quoted&quot;" in Clicky(site).raw("pages", output="json", date=NOON.date().isoformat()).content.decode()
    )
