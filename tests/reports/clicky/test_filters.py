"""Filters of the Stats API: every value in a response can be used as a filter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from reports.clicky.filters import FILTERS
from reports.clicky.terms import (
    TRAFFIC_KINDS,
    get_country_title,
    parse_country,
    parse_language,
)
from reports.query.vocabulary import format_language, load_country_names, load_language_names
from sites import site_cache
from sites.models import Site
from sites.services import site_update
from tests.support import browse, log_in, record
from tests.support.clicky_client import Clicky
from tests.support.endpoints import send_request
from tests.support.types import Store

pytestmark = pytest.mark.django_db
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
AMERICAN: dict[str, Any] = {
    "country": "US", "region": "Texas", "city": "Austin", "language": "fr-FR", "utm_campaign": "Spring & Summer",
    "referrer": "https://www.google.com/a", "referrer_domain": "google.com", "split_test": "Prices",
    "split_arm": "high", "tags": {"plan": "pro"}, "organization": "AT&T",
}  # fmt: skip


@pytest.fixture
def clicky(site: Site, store: Store) -> Clicky:
    return Clicky(site)


@pytest.fixture
def traffic(site: Site, store: Store) -> None:
    """Yesterday: one American with everything, one visitor of whom nothing is known."""
    browse(site, "/", at=NOON, visitor="american", title="Tom & Jerry", **AMERICAN)
    browse(site, "/", at=NOON + timedelta(hours=1), visitor="unknown")


def beacon(site: Site, kind: str, **fields: Any) -> None:
    query = {"site_id": site.pk, "type": kind, "page": "/a", **fields}
    assert send_request("/in.php", query, peer="73.10.20.13").dropped == ""
    record()


@pytest.mark.parametrize(
    "given",
    [
        {"country": "USA"}, {"country": "United States"}, {"country": "us"}, {"city": "Austin, Texas, USA"},
        {"city": "Austin"}, {"language": "French"}, {"language": "fr"}, {"language": "French (France)"},
        {"language": "fr-FR"}, {"campaign": "*"}, {"campaign": "Spring & Summer"}, {"campaign": "Spring &amp; Summer"},
        {"title": "Tom &amp; Jerry"}, {"link": "www.google.com/a"}, {"link": "www.google.com/*"}, {"link": "*"},
        {"domain": "*"}, {"split": "Prices"}, {"split": "Prices: high"}, {"custom": "plan: pro"}, {"custom[plan]": "*"},
        {"org": "AT&amp;T"}, {"org": "*"},
    ],
)  # fmt: skip
def test_every_value_in_a_response_works_as_a_filter(clicky: Clicky, traffic: None, given: dict[str, str]) -> None:
    (item,) = clicky.items("visitors-list", date="yesterday", **given)
    assert item["geolocation"] == "Austin, Texas, USA"


@pytest.mark.parametrize("name", ["country", "city", "language", "browser", "os", "resolution", "org"])
def test_unknown_works_as_a_filter_value(clicky: Clicky, traffic: None, name: str) -> None:
    found = clicky.items("visitors-list", date="yesterday", **{name: "Unknown"})
    assert len(found) == (2 if name in ("browser", "os", "resolution") else 1)
    assert "geolocation" not in found[0]


@pytest.mark.parametrize(
    "type",
    ["pages", "pages-entrance", "pages-exit", "countries", "regions", "cities", "languages", "web-browsers",
     "operating-systems", "screen-resolutions", "hardware", "organizations", "campaigns", "split-tests", "links",
     "links-domains", "custom"],
)  # fmt: skip
def test_the_title_of_every_item_selects_that_item(clicky: Clicky, traffic: None, type: str) -> None:
    for item in clicky.items(type, date="yesterday"):
        wanted = item["url"] if type.startswith("pages") else item["title"]
        found = clicky.items(type, date="yesterday", item=wanted)
        assert [one["title"] for one in found] == [item["title"]], wanted


def test_every_country_and_language_is_found_by_its_displayed_name() -> None:
    codes = list(load_country_names())
    assert [code for code in codes if parse_country(get_country_title(code)) != code] == []
    tags = [*load_language_names(), *(f"fr-{code}" for code in codes), "es-419"]
    assert [tag for tag in tags if parse_language(format_language(tag)) != tag] == []


@pytest.mark.parametrize("type", ["visitors-list", "actions-list", "segmentation", "segmentation,visitors"])
def test_an_unknown_filter_is_rejected_but_not_other_parameters_of_clients(clicky: Clicky, type: str) -> None:
    sentence = clicky.error(type, region="England")
    assert sentence.startswith("Invalid filter: region. Use one of ip_address, ")
    assert all(name in sentence for name in FILTERS)
    assert "error" not in clicky.json(type, app="craft", _="1700000000", t="1")[0]


@pytest.mark.parametrize("address", ["http://[::1", "https://exa\u2100mple.com/"])
def test_an_address_that_cannot_be_read_matches_nothing(clicky: Clicky, traffic: None, address: str) -> None:
    for name in ("href", "landing", "exit"):
        assert clicky.items("visitors-list", date="yesterday", **{name: address}) == []
    assert clicky.items("pages", date="yesterday", item=address) == []
    assert clicky.items("pages", date="yesterday", filter=address) == []
    assert clicky.items("downloads", date="yesterday", item=address) == []


@pytest.mark.parametrize("kind", [kind.title for kind in TRAFFIC_KINDS])
def test_every_kind_of_traffic_is_a_source_to_filter_by(clicky: Clicky, traffic: None, kind: str) -> None:
    found = clicky.items("traffic-sources", date="yesterday")
    visits = {item["title"]: item["value"] for item in found}
    for spelling in (kind, kind.lower(), kind.lower().replace(" ", "-")):
        listed = clicky.items("visitors-list", date="yesterday", source=spelling)
        assert str(len(listed)) == visits.get(kind, "0"), spelling


def test_a_link_with_an_address_that_cannot_be_read_leads_to_the_dashboard(site: Site) -> None:
    link = Client().get(f"/stats/visitors?site_id={site.pk}&href=http://[::1").headers["Location"]
    assert link == f"/sites/{site.pk}/visitors?page=%2Fhttp%3A%2F%2F%5B%3A%3A1"


@pytest.mark.parametrize(("name", "value", "sentence"), [
    ("href", "/" + "a" * 1000, "The filter href is too long: at most 1,000 characters."),
    ("ip_address", "|".join(["1,2"] * 21), "Too many ip_address ranges: at most 20."),
])  # fmt: skip
def test_a_filter_beyond_its_limits_is_rejected_instead_of_ignored(
    clicky: Clicky, name: str, value: str, sentence: str
) -> None:
    assert clicky.raw("visitors-list", **{name: value}, output="json").json() == [{"error": sentence}]


def test_plain_types_ignore_unknown_parameters(clicky: Clicky, traffic: None) -> None:
    assert clicky.value("visitors", date="yesterday", region="England") == "2"


@pytest.mark.parametrize("address", ["73.10.20.13", "73.10.20.0", "73.10.20.1*", "73.10.*", "1225397261,1225397263"])
def test_a_visitor_is_found_by_the_full_address_where_the_site_shortens_addresses(
    clicky: Clicky, site: Site, address: str
) -> None:
    beacon(site, "pageview", href="/a")
    (item,) = clicky.items("visitors-list", ip_address=address, date="last-2-days")
    assert item["ip_address"] == "73.10.20.0"
    assert clicky.items("visitors-list", ip_address="73.10.21.13", date="last-2-days") == []


def test_the_dashboard_finds_the_same_visitor_from_a_saved_link(clicky: Clicky, site: Site, alice: User) -> None:
    browse(site, "/here", at=NOON, ip="73.10.20.0")
    link = Client().get(f"/stats/visitors?site_id={site.pk}&ip_address=73.10.20.13").headers["Location"]
    assert "/here" in log_in(alice).get(link).content.decode()
    assert "/here" not in log_in(alice).get(link.replace("73.10.20", "73.10.21")).content.decode()


def test_a_network_is_not_matched_where_the_site_keeps_full_addresses(clicky: Clicky, site: Site) -> None:
    site_update(site=site, addresses="keep")
    site_cache.refresh()
    beacon(site, "pageview", href="/a")
    assert len(clicky.items("visitors-list", ip_address="73.10.20.13", date="last-2-days")) == 1
    assert clicky.items("visitors-list", ip_address="73.10.20.14", date="last-2-days") == []


@pytest.mark.parametrize("asked", ["2001:db8:1:2::7", "2001:DB8:1:2:0:0:0:7"])
def test_an_ipv6_address_is_shortened_too(clicky: Clicky, site: Site, asked: str) -> None:
    browse(site, at=NOON, ip="2001:db8:1::")
    assert len(clicky.items("visitors-list", date="yesterday", ip_address=asked)) == 1


@pytest.fixture
def actions(clicky: Clicky, site: Site) -> Clicky:
    """Now: a view of /a, on it an event with an address of its own, one without, a download and two ways out."""
    beacon(site, "pageview", href="/a", title="Page A")
    beacon(site, "click", href="/actions/export", title="Export")
    beacon(site, "click", href="#menu", title="Menu")
    beacon(site, "download", href="/files/a.pdf", title="The file")
    beacon(site, "outbound", href="https://partner.example/x", title="Partner")
    beacon(site, "outbound", href="/go/x", title="By way of us")
    return clicky


def test_an_action_keeps_the_address_it_was_logged_with(actions: Clicky) -> None:
    found = {item["action_title"]: item["action_url"] for item in actions.items("actions-list", date="last-2-days")}
    assert found == {
        "Page A": "http://example.com/a", "Export": "http://example.com/actions/export",
        "Menu": "http://example.com/a#menu", "The file": "http://example.com/files/a.pdf",
        "Partner": "https://partner.example/x", "By way of us": "http://example.com/go/x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "titles"),
    [
        ({"href": "/files/a.pdf"}, {"The file"}), ({"href": "http://example.com/files/a.pdf"}, {"The file"}),
        ({"href": "/files/*"}, {"The file"}), ({"href": "/actions/export"}, {"Export"}),
        ({"href": "https://partner.example/x"}, {"Partner"}), ({"href": "https://partner.example/*"}, {"Partner"}),
        ({"href": "/go/x"}, {"By way of us"}), ({"href": "#menu"}, {"Menu"}), ({"href": "/a"}, {"Page A", "Menu"}),
        ({"href": "http://example.com/a"}, {"Page A", "Menu"}), ({"href": "https://partner.example/a"}, set()),
        ({"title": "Export"}, {"Export"}), ({"title": "The file"}, {"The file"}), ({"title": "Page A"}, {"Page A"}),
        ({"title": "P*"}, {"Page A", "Partner"}),
    ],
)  # fmt: skip
def test_actions_are_found_by_their_displayed_url_and_title(
    actions: Clicky, given: dict[str, str], titles: set[str]
) -> None:
    found = actions.items("actions-list", date="last-2-days", **given)
    assert {item["action_title"] for item in found} == titles
    assert len(actions.items("visitors-list", date="last-2-days", **given)) == (1 if titles else 0)


def test_events_downloads_and_outbound_links_have_their_url(actions: Clicky) -> None:
    def urls(type: str, **given: str) -> dict[str, str]:
        return {item["title"]: item.get("url", "") for item in actions.items(type, date="last-2-days", **given)}

    assert urls("events") == {"Export": "http://example.com/actions/export", "Menu": ""}
    assert urls("downloads") == {"/files/a.pdf": "http://example.com/files/a.pdf"}
    ways_out = {"/go/x": "http://example.com/go/x", "https://partner.example/x": "https://partner.example/x"}
    assert urls("links-outbound") == ways_out
    assert len(urls("downloads", item="http://example.com/files/a.pdf")) == 1
    assert len(urls("downloads", item="/files/a.pdf")) == 1
    assert len(urls("downloads", filter="http://example.com/files/")) == 1
    assert list(urls("links-outbound", filter="https://partner.example/")) == ["https://partner.example/x"]


def test_a_page_that_is_stored_decoded_is_found_by_its_url(clicky: Clicky, site: Site) -> None:
    browse(site, "/straße", at=NOON)
    (item,) = clicky.items("visitors-list", date="yesterday")
    for name in ("landing", "href", "exit"):
        assert len(clicky.items("visitors-list", date="yesterday", **{name: item["landing_page"]})) == 1
