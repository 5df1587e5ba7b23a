"""Server-side logging at in.php: a server sends hits of its visitors (Clicky wire reference §3)."""

from collections.abc import Iterator
from typing import Any

import pytest

from sites import site_cache
from sites.models import Site
from sites.services import site_update
from tests.support.endpoints import get_only_event, list_stored_rows, send_request
from tests.support.hits import CHROME, reset_state

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    reset_state()
    yield
    reset_state()


def log(site: Site, **fields: Any) -> Any:
    sent = {"site_id": site.pk, "sitekey_admin": site.sitekey_admin, **fields}
    return send_request("/in.php", sent, user_agent="PHP", referer="", peer="192.0.2.80")


def test_a_server_logs_for_its_visitor(site: Site) -> None:
    site_update(site=site, addresses="keep")
    site_cache.refresh()
    answer = log(
        site, type="pageview", href="/a", title="T", ip_address="198.51.100.4", ua=CHROME, ref="https://www.bing.com/"
    )
    row = get_only_event(site)
    assert answer.status == 200 and answer.body.startswith(b"OK")
    assert (row["ip"], row["browser"], row["source"], row["path"]) == ("198.51.100.4", "Chrome", "Bing", "/a")


def test_a_missing_leading_slash_is_added(site: Site) -> None:
    log(site, type="click", href="button", title="B", ip_address="198.51.100.4")
    row = get_only_event(site)
    assert (row["kind"], row["name"], row["target"]) == ("event", "B", "/button")


def test_an_outbound_link_needs_a_complete_url(site: Site) -> None:
    answer = log(site, type="outbound", href="/inside", ip_address="198.51.100.4")
    assert answer.dropped == "bad_request" and answer.body and answer.status == 200
    assert log(site, type="outbound", href="https://o.org/", ip_address="198.51.100.4").dropped == ""


def test_a_wrong_key_is_rejected(site: Site) -> None:
    for key in (site.sitekey, "", "x", "ü"):
        answer = send_request("/in.php", {"site_id": site.pk, "sitekey_admin": key, "ip_address": "198.51.100.4"})
        assert (answer.status, answer.dropped) == (200, "bad_key") and answer.body
    assert list_stored_rows(site.pk) == []


def test_a_known_session_needs_no_address_and_an_unknown_one_does(site: Site) -> None:
    log(site, type="pageview", href="/a", ip_address="198.51.100.4")
    visit = get_only_event(site)["visit"]
    assert log(site, type="goal", session_id=visit, **{"goal[id]": "5", "goal[revenue]": "10"}).dropped == ""
    assert log(site, type="pageview", href="/b", session_id="4711").dropped == "unknown_visit"
    assert log(site, type="pageview", href="/b").dropped == "unknown_visit"
    rows = list_stored_rows(site.pk)
    assert [(row["kind"], row["visit"]) for row in rows] == [("view", visit), ("goal", visit)]


def test_custom_data_from_a_server_logs_no_action(site: Site) -> None:
    log(site, type="pageview", href="/a", ip_address="198.51.100.4")
    log(site, type="custom", ip_address="198.51.100.4", **{"custom[email]": "a@b.c"})
    rows = list_stored_rows(site.pk)
    assert [row["kind"] for row in rows] == ["view", "set"] and rows[1]["tags"] == {"email": "a@b.c"}


def test_the_visitors_user_agent_is_checked_for_bots_and_the_servers_own_is_not(site: Site) -> None:
    assert log(site, type="pageview", href="/", ip_address="198.51.100.4", ua="Googlebot/2.1").dropped == "bot"
    assert log(site, type="pageview", href="/", ip_address="198.51.100.4").dropped == ""
