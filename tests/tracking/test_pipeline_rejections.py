"""Which hits are rejected, and with which reason."""

from collections.abc import Iterator

import pytest

from sites.hosts import HostMatcher
from tests.support.hits import (
    BROWSER,
    NOW,
    build_hit,
    build_site_config,
    find_rejection,
    process,
    process_hit,
    reset_state,
)
from tracking import geo
from tracking.endpoints.heatmap import is_page_off
from tracking.pipeline.processing import Quarantine


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    reset_state()
    yield
    reset_state()


@pytest.mark.parametrize(
    "host", ["example.com", "www.example.com", "shop.example.com", "EXAMPLE.com:8080", "example.com."]
)
def test_hits_from_the_sites_own_hosts_are_accepted(host: str) -> None:
    assert find_rejection(url=f"https://{host}/") == ""


@pytest.mark.parametrize("host", ["example.org", "notexample.com", "example.com.evil.org", "127.0.0.1", ""])
def test_hits_from_other_hosts_are_rejected(host: str) -> None:
    assert find_rejection(url=f"https://{host}/" if host else "/") == "wrong_host"


def test_a_trusted_sender_may_send_any_page() -> None:
    assert process_hit(url="/path", trusted=True)["host"] == "example.com"
    assert process_hit(url="https://elsewhere.org/", trusted=True)["host"] == "elsewhere.org"


def test_a_site_may_accept_every_host() -> None:
    assert (
        find_rejection(url="https://anything.net/", site=build_site_config(hosts=HostMatcher("example.com", (), True)))
        == ""
    )


def test_do_not_track_is_honoured_unless_there_is_consent_or_the_site_ignores_it() -> None:
    assert find_rejection(do_not_track=True) == "do_not_track"
    assert find_rejection(do_not_track=True, consent=True) == ""
    assert find_rejection(do_not_track=True, site=build_site_config(respect_dnt=False)) == ""


@pytest.mark.parametrize("cookie", ["_cky_ignore=1", "a=b; _no_tracky_7=1"])
def test_a_browser_with_the_opt_out_cookie_is_ignored(cookie: str) -> None:
    assert find_rejection(headers={**BROWSER, "cookie": cookie}) == "opted_out"


@pytest.mark.parametrize(
    ("ip", "refused"), [("10.1.2.3", True), ("10.2.0.1", False), ("2001:db8::5", True), ("192.0.2.9", True)]
)
def test_addresses_and_networks_can_be_excluded(ip: str, refused: bool) -> None:
    site = build_site_config(excluded_ips=("10.1.0.0/16", "192.0.2.9", "2001:db8::/32"))
    assert find_rejection(site=site, ip=ip) == ("excluded_ip" if refused else "")


@pytest.mark.parametrize(
    ("path", "refused"),
    [("/admin", True), ("/admin/x", True), ("/a/draft", True), ("/public", False), ("/admin?x=1", True)],
)
def test_pages_can_be_excluded_with_wildcards(path: str, refused: bool) -> None:
    site = build_site_config(excluded_pages=("/admin*", "*/draft"))
    assert find_rejection(path, site) == ("excluded_page" if refused else "")


def test_countries_can_be_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracking.geo.look_up", lambda ip: {"country": "FR" if ip.endswith("7") else "DE"})
    site = build_site_config(excluded_countries=frozenset({"FR"}))
    assert find_rejection(site=site) == "excluded_country"
    assert find_rejection(site=site, ip="203.0.113.8") == ""


def test_hits_of_an_account_over_its_quota_are_rejected() -> None:
    assert find_rejection(site=build_site_config(refuses_hits=True)) == "over_quota"
    assert find_rejection(site=build_site_config(refuses_hits=True, suspended=True)) == "suspended"
    assert find_rejection(site=build_site_config(suspended=True)) == "", "for some days"


def test_a_missing_user_agent_is_rejected_except_from_a_trusted_sender() -> None:
    assert find_rejection(user_agent="") == "no_user_agent"
    assert find_rejection(user_agent="", trusted=True) == ""


@pytest.mark.parametrize(
    "agent", ["Googlebot/2.1 (+http://www.google.com/bot.html)", "curl/8.5.0", "python-requests/2.32"]
)
def test_a_bot_is_quarantined_with_its_reason_and_the_whole_event(agent: str) -> None:
    made = process(build_hit("/a", user_agent=agent), build_site_config(addresses="truncate"))
    assert isinstance(made, Quarantine) and made.reason == "bot" and made.bot_reason.startswith("signature")
    assert made.event["path"] == "/a" and made.event["visit"] and made.event["ip"] == "203.0.113.0"


@pytest.mark.parametrize(
    ("choice", "ip", "stored"),
    [
        ("keep", "203.0.113.7", "203.0.113.7"),
        ("truncate", "203.0.113.7", "203.0.113.0"),
        ("truncate", "2001:db8:1:2::7", "2001:db8:1::"),
        ("drop", "203.0.113.7", None),
    ],
)
def test_the_site_decides_how_ip_addresses_are_stored(choice: str, ip: str, stored: str | None) -> None:
    assert process_hit(site=build_site_config(addresses=choice), ip=ip).get("ip") == stored


def test_without_databases_only_geography_is_disabled() -> None:
    geo.reload()
    stored = process_hit()
    assert "country" not in stored and stored["ts"] == NOW
    assert geo.list_available() == {"places": False, "networks": False}


@pytest.mark.parametrize(
    "referrer", ["http://semalt.com/x", "https://www.buttons-for-website.com", "http://a.b.darodar.com/"]
)
def test_referrer_spam_is_rejected(referrer: str) -> None:
    assert find_rejection(referrer=referrer) == "spam"
    assert find_rejection(referrer="https://notsemalt.com/") == ""


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*", "/any", True), ("/a*", "/a", True), ("/a*a", "/a", False), ("/a*b*c", "/a-b-b-c", True), ("/", "/", True),
        ("/a*b*c", "/a-c-b", False), ("**x**", "/x/", True), ("*.pdf", "/a.pdf/", False), ("/a.c", "/abc", False),
        ("/*/x/*", "/x/", False), ("/*/x/*", "/a/x/b", True), ("*ab*ba", "/aba", False), ("*\n*", "/a\nb", True),
    ],
)  # fmt: skip
def test_an_asterisk_matches_any_text_and_none(pattern: str, path: str, matches: bool) -> None:
    assert build_site_config(excluded_pages=(pattern,)).excludes_page(path) is matches


def test_slow_wildcards_do_not_delay_other_requests() -> None:
    site = build_site_config(
        excluded_pages=("*a*a*a*a*a*a*a*a*a*a*b",), tracker={"heatmap_off": ["*a*a*a*a*a*a*a*a*a*a*b"]}
    )
    assert find_rejection("/" + "a" * 120, site) == "" and not is_page_off(site, "/" + "a" * 300)
