"""visitors-list, actions-list and their filters, and segmentation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import User
from goals.services import goal_create
from sites.models import Site
from tests.support import browse, derive_number, event, log_in, record
from tests.support.clicky_client import Clicky
from tests.support.endpoints import send_request
from tests.support.types import Store
from tracking import spool

pytestmark = pytest.mark.django_db
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
def clicky(site: Site, store: Store) -> Clicky:
    return Clicky(site)


@pytest.fixture
def traffic(site: Site, store: Store) -> None:
    """Yesterday: ann from Tallinn through Google (two pages, one event, known by name), an hour later ben, direct."""
    ann: dict[str, Any] = {
        "country": "EE", "city": "Tallinn", "latitude": 59.437, "longitude": 24.7536,
        "ip": "10.1.2.3", "browser": "Chrome", "browser_version": "120",
        "os": "Windows", "os_version": "10", "language": "et", "screen": "1920x1080", "channel": "Organic Search",
        "source": "Google", "search_term": "web & statistics", "referrer": "https://www.google.com/",
        "referrer_domain": "google.com", "person": "jane_doe", "tags": {"plan": "pro"}, "organization": "Telia",
    }  # fmt: skip
    first = browse(site, "/", "/pricing", at=NOON, visitor="ann", title="Home", **ann)
    record(
        event(site, "/pricing", at=NOON + timedelta(seconds=30), visitor="ann", kind="event", name="Signup",
              visit=first[0]["visit"], visit_start=NOON, **ann),
    )  # fmt: skip
    browse(site, "/blog", at=NOON + timedelta(hours=1), visitor="ben", country="US", region="Texas", city="Austin",
           ip="10.1.9.9", channel="Direct", browser="Firefox", browser_version="121")  # fmt: skip


def test_a_visitor_has_every_stored_field(clicky: Clicky, site: Site, traffic: None) -> None:
    goal_create(site=site, name="Sign up", kind="event", pattern="Signup", fixed_revenue="5")
    ben, ann = clicky.items("visitors-list", date="yesterday")
    assert ann == {
        "time": str(int(NOON.timestamp())),
        "time_pretty": f"{NOON:%a %b} {NOON.day} {NOON.year}, 12:00pm",
        "time_total": "30",
        "ip_address": "10.1.2.3",
        "uid": str(derive_number("device", site.pk, "ann")),
        "session_id": str(derive_number("visit", site.pk, "ann", NOON)),
        "actions": "3",
        "total_visits": "1",
        "landing_page": "http://example.com/",
        "web_browser": "Google Chrome 120",
        "operating_system": "Windows 10",
        "screen_resolution": "1920x1080",
        "javascript": "1",
        "language": "Estonian",
        "referrer_url": "https://www.google.com/",
        "referrer_domain": "google.com",
        "referrer_search": "web &amp; statistics",
        "referrer_type": "search",
        "geolocation": "Tallinn, Estonia",
        "country_code": "ee",
        "latitude": "59.4370",
        "longitude": "24.7536",
        "organization": "Telia",
        "custom": {"username": "jane_doe", "plan": "pro"},
        "goals": {"completed": ["Sign up"], "revenue": "5.00"},
        "stats_url": f"http://testserver/sites/{site.pk}/visits/{derive_number('visit', site.pk, 'ann', NOON)}",
    }
    assert ben["geolocation"] == "Austin, Texas, USA"
    assert "referrer_url" not in ben and "custom" not in ben


def test_empty_fields_and_selected_fields_are_returned_on_request(clicky: Clicky, traffic: None) -> None:
    ben = clicky.items("visitors-list", date="yesterday", null_values=1)[0]
    assert ben["campaign"] == ben["hostname"] == "" and ben["goals"] == {}
    assert ben["latitude"] == ben["longitude"] == ""
    place = clicky.items("visitors-list", date="yesterday", visitor__details="latitude,longitude")
    assert place == [{}, {"latitude": "59.4370", "longitude": "24.7536"}]
    named = clicky.items("visitors-list", date="yesterday", visitor__details="time,ip_address")
    assert [set(item) for item in named] == [{"time", "ip_address"}] * 2


def test_titles_are_encoded_for_html_in_json_and_php_and_plain_in_xml_and_csv(clicky: Clicky, site: Site) -> None:
    browse(
        site, "/", at=NOON, title="Tom & <Jerry>", organization="AT&T", search_term="a & b", channel="Organic Search"
    )
    goal_create(site=site, name="Q&A", pattern="/")
    types = "pages,visitors-list,actions-list,searches,goals"
    for output, wanted, unwanted in (
        ("json", (b"Tom &amp; &lt;Jerry&gt;", b"AT&amp;T", b"a &amp; b", b"Q&amp;A"), b"&amp;amp;"),
        ("php", (b"Tom &amp; &lt;Jerry&gt;", b"AT&amp;T", b"a &amp; b", b"Q&amp;A"), b"&amp;amp;"),
        ("xml", (b"Tom &amp; &lt;Jerry&gt;", b"AT&amp;T", b"a &amp; b", b"Q&amp;A"), b"&amp;amp;"),
        ("csv", (b"Tom & <Jerry>", b"AT&T", b"a & b", b"Q&A"), b"&amp;"),
    ):
        body = clicky.raw(types, date="yesterday", output=output).content
        assert all(text in body for text in wanted) and unwanted not in body, (output, body)


def test_ids_are_text_of_digits(clicky: Clicky, site: Site, traffic: None) -> None:
    body = clicky.raw("visitors-list", date="yesterday", output="json").content.decode()
    assert f'"uid":"{derive_number("device", site.pk, "ann")}"' in body


@pytest.mark.parametrize(
    ("given", "who"),
    [
        ({"ip_address": "10.1.2.3"}, "a"),
        ({"ip_address": "10.1.*"}, "ab"),
        ({"ip_address": f"{10 << 24 | 1 << 16 | 2 << 8},{10 << 24 | 1 << 16 | 2 << 8 | 255}"}, "a"),
        ({"ip_address": "167772160,167772165|167840009,167840009"}, "b"),
        ({"href": "/pricing"}, "a"),
        ({"href": "http://example.com/pricing"}, "a"),
        ({"href": "/*"}, "ab"),
        ({"landing": "/blog"}, "b"),
        ({"exit": "/pricing"}, "a"),
        ({"num_actions": "3"}, "a"),
        ({"num_actions": "2,"}, "a"),
        ({"num_actions": ",2"}, "b"),
        ({"num_actions": "1,3"}, "ab"),
        ({"search": "web & statistics"}, "a"),
        ({"domain": "google.com"}, "a"),
        ({"link": "https://www.google.com/"}, "a"),
        ({"browser": "Google Chrome"}, "a"),
        ({"browser": "Google Chrome 120"}, "a"),
        ({"browser": "Google Chrome 119"}, ""),
        ({"browser": "Firefox 121"}, "b"),
        ({"os": "Windows 10"}, "a"),
        ({"resolution": "1920x1080"}, "a"),
        ({"country": "Estonia"}, "a"),
        ({"country": "us"}, "b"),
        ({"city": "Austin, United States"}, "b"),
        ({"language": "Estonian"}, "a"),
        ({"org": "Telia"}, "a"),
        ({"source": "searches"}, "a"),
        ({"source": "direct"}, "b"),
        ({"source": "searches", "domain": "google.com"}, "a"),
        ({"source": "searches", "domain": "bing.com"}, ""),
        ({"custom[username]": "jane_doe"}, "a"),
        ({"custom[plan]": "pro"}, "a"),
        ({"custom[plan]": "free"}, ""),
        ({"custom": "plan,pro"}, "a"),
        ({"title": "Home"}, "a"),
        ({"action_type": "click"}, "a"),
        ({"action_type": "pageview"}, "ab"),
        ({"goal": "*"}, "a"),
        ({"goal": "Sign up"}, "a"),
        ({"goal": "Nothing"}, ""),
        ({"href": "/pricing", "goal": "Sign up", "title": "Home"}, "a"),
        ({"hostname": "x.example"}, ""),
        ({"hostname": "*"}, ""),
        ({"hostname": "Unknown"}, "ab"),
    ],
)  # fmt: skip
def test_visitors_are_filtered(clicky: Clicky, site: Site, traffic: None, given: dict[str, str], who: str) -> None:
    goal_create(site=site, name="Sign up", kind="event", pattern="Signup")
    found = {item["session_id"] for item in clicky.items("visitors-list", date="yesterday", **given)}
    names = {
        "a": derive_number("visit", site.pk, "ann", NOON),
        "b": derive_number("visit", site.pk, "ben", NOON + timedelta(hours=1)),
    }
    assert found == {str(names[name]) for name in who}


def test_one_visitor_and_one_visit_are_found_by_number(clicky: Clicky, site: Site, traffic: None) -> None:
    uid = str(derive_number("device", site.pk, "ben"))
    assert [item["uid"] for item in clicky.items("visitors-list", date="yesterday", uid=uid)] == [uid]
    session = str(derive_number("visit", site.pk, "ann", NOON))
    found = clicky.items("visitors-list", date="yesterday", session_id=session)
    assert [item["session_id"] for item in found] == [session]


def test_total_visits_counts_all_of_a_visitor_s_visits(clicky: Clicky, site: Site) -> None:
    browse(site, at=NOON - timedelta(days=40), visitor="ann")
    browse(site, at=NOON, visitor="ann")
    assert clicky.items("visitors-list", date="yesterday")[0]["total_visits"] == "2"


def test_total_visits_of_a_person_are_those_on_all_devices(clicky: Clicky, site: Site) -> None:
    browse(site, at=NOON - timedelta(days=40), visitor="phone", person="zoe")
    browse(site, at=NOON, visitor="laptop", person="zoe")
    browse(site, at=NOON + timedelta(hours=1), visitor="stranger")
    found = clicky.items("visitors-list", date="yesterday")
    assert [item["total_visits"] for item in found] == ["1", "2"]


def test_actions_are_listed_newest_first_and_filtered(clicky: Clicky, traffic: None) -> None:
    items = clicky.items("actions-list", date="yesterday")
    assert [(item["action_type"], item["action_url"]) for item in items] == [
        ("pageview", "http://example.com/blog"),
        ("click", "http://example.com/pricing"),
        ("pageview", "http://example.com/pricing"),
        ("pageview", "http://example.com/"),
    ]
    assert items[1]["action_title"] == "Signup"
    assert len(clicky.items("actions-list", date="yesterday", action_type="pageview")) == 3
    assert len(clicky.items("actions-list", date="yesterday", href="/pricing")) == 2
    assert len(clicky.items("actions-list", date="yesterday", country="Estonia")) == 3


def test_recent_searches_and_links_have_a_time(clicky: Clicky, site: Site, traffic: None) -> None:
    (item,) = clicky.items("searches-recent", date="yesterday")
    assert (item["item"], item["time"]) == ("web &amp; statistics", str(int(NOON.timestamp())))
    browse(
        site, at=NOON + timedelta(hours=2), visitor="cat", referrer="https://www.google.com/", channel="Organic Search"
    )
    assert len(clicky.items("links-recent", date="yesterday")) == 2
    assert len(clicky.items("links-unique", date="yesterday")) == 1


def test_segmentation_narrows_every_segment_in_both_spellings(clicky: Clicky, traffic: None) -> None:
    one = clicky.json("segmentation", segments="visitors,actions,pages", date="yesterday", country="Estonia")
    assert [block["type"] for block in one] == ["visitors", "actions", "pages"]
    assert [block["dates"][0]["items"][0]["value"] for block in one] == ["1", "3", "1"]
    other = clicky.json("segmentation,visitors", date="yesterday", country="Estonia")
    assert [(block["type"], block["dates"][0]["items"][0]["value"]) for block in other] == [("visitors", "1")]


def test_plain_types_ignore_visitor_filters(clicky: Clicky, traffic: None) -> None:
    assert clicky.value("visitors", date="yesterday", country="Estonia", href="/pricing") == "2"


def test_a_segment_s_summary_has_the_known_titles(clicky: Clicky, traffic: None) -> None:
    (block,) = clicky.json("segmentation", segments="summary", date="yesterday", source="direct")
    assert [item["title"] for item in block["dates"][0]["items"]] == [
        "Visitors", "Unique visitors", "Actions", "Average actions / visit", "Total time", "Average time / visit",
        "Bounce rate",
    ]  # fmt: skip
    assert [item["value"] for item in block["dates"][0]["items"]] == ["1", "1", "1", "1.0", "0", "0", "100.0"]


def test_a_segment_by_page_contains_the_visits_that_saw_it(clicky: Clicky, traffic: None) -> None:
    blocks = clicky.json("segmentation", segments="visitors,actions-pageviews", date="yesterday", href="/pricing")
    assert [block["dates"][0]["items"][0]["value"] for block in blocks] == ["1", "2"]


@pytest.mark.parametrize("type", ["visitors-list", "actions-list", "segmentation"])
def test_lists_and_segmentation_cover_31_days(clicky: Clicky, type: str) -> None:
    assert clicky.items(type, date="last-31-days") in ([], [{"value": "0"}])
    assert "31 days" in clicky.error(type, date="last-32-days")


def test_custom_data_is_listed_with_its_visits(clicky: Clicky, traffic: None) -> None:
    found = {item["title"]: item["value"] for item in clicky.items("custom", date="yesterday")}
    assert found == {"username: jane_doe": "1", "plan: pro": "1"}


def test_the_most_active_visitors_are_titled_by_name_or_address(clicky: Clicky, traffic: None) -> None:
    found = {item["title"]: item["value"] for item in clicky.items("visitors-most-active", date="yesterday")}
    assert found == {"jane_doe": "3", "10.1.9.9": "1"}


def test_a_username_sent_as_custom_data_counts_once(clicky: Clicky, site: Site) -> None:
    query = {"site_id": site.pk, "type": "pageview", "href": "/", "custom[username]": "zoe", "custom[plan]": "pro"}
    assert send_request("/in.php", query).dropped == ""
    spool.flush()
    found = {item["title"]: (item["value"], item["value_percent"]) for item in clicky.items("custom")}
    assert found == {"username: zoe": ("1", "50.0"), "plan: pro": ("1", "50.0")}


def test_visitors_of_one_shortened_address_are_distinguished(clicky: Clicky, site: Site, alice: User) -> None:
    browse(site, "/", "/a", at=NOON, visitor="one", ip="73.10.20.0")
    browse(site, "/", at=NOON, visitor="two", ip="73.10.20.0")
    browse(site, "/", "/a", "/b", at=NOON, visitor="three")
    items = clicky.items("visitors-most-active", date="yesterday")
    nameless = f"Visitor {derive_number('device', site.pk, 'three') % 0x10000:04x}"
    assert [(item["title"], item["value"]) for item in items] == [
        (nameless, "3"), ("73.10.20.0", "2"), ("73.10.20.0", "1"),
    ]  # fmt: skip
    page = log_in(alice).get(items[1]["stats_url"].removeprefix("http://testserver")).content.decode()
    assert f"visitor_id={derive_number('device', site.pk, 'one')}" in page


def test_links_of_custom_data_open_the_visits_that_have_it(
    clicky: Clicky, site: Site, alice: User, traffic: None
) -> None:
    for item in clicky.items("custom", date="yesterday"):
        address = item["stats_url"].removeprefix("http://testserver")
        assert ("person=jane_doe" in address) or ("tag%3Aplan=pro" in address)
        page = log_in(alice).get(address).content.decode()
        assert "/pricing" in page and "/blog" not in page


def test_a_visit_of_another_site_is_not_found_by_its_number(clicky: Clicky, charlies_site: Site) -> None:
    theirs = browse(charlies_site, at=NOON, visitor="their")[0]["visit"]
    assert clicky.items("visitors-list", date="yesterday", session_id=str(theirs)) == []
