"""Clicky's dialect, the widget, the hot endpoints: a key gives access to its own site, whatever a request names."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Membership
from links.redirect import endpoints as link_doors
from reports.clicky.filters import FILTERS
from sites import onsite_tokens, site_cache
from sites.services import api_key_create
from tests.conftest import PASSWORD
from tests.permissions import callers, source_search
from tests.permissions.routes import NEEDS, ROUTES, build_path, build_values
from tests.permissions.tenants import NOBODYS, NOBODYS_GUID, World
from tests.support.endpoints import list_stored_rows, post_event, send_request
from tests.support.links import Browser
from tracking import collector

STATS = ("/api/stats/4", "/api/stats/1", "/stats/api4")
# Filters of the Stats API that name things: parameter -> kind. All but goals are compared with the site's own visits
NAMED = {"uid": "device", "session_id": "visit", "goal": "goal"}
WORDS_ONLY = {"domain": "a referrer's host", "link": "a referrer's address"}
HOT = {
    "/in.php": "sitekey_admin opens one site", "/api/event": "x-api-key opens one site", "/s2s": "id and clickId",
    "/conversion.aspx": "id and clickId", "/js": "public", "/tracker.js": "public", "/media/links/badge.gif": "public",
    "/js/pixel.js": "public", "/js/pixelNew.js": "public", "/js/conversion.js": "public",
}  # fmt: skip


@pytest.fixture(autouse=True)
def known_keys(world: World) -> None:
    site_cache.refresh()


def stats(path: str = STATS[0], **given: Any) -> str:
    return callers.read_text(
        callers.send(Client(), "GET", path, {"type": "visitors-list,pages", "output": "json", **given})
    )


def test_every_hot_endpoint_and_every_filter_with_ids_is_declared() -> None:
    assert {*collector.ENDPOINTS, *link_doors.ENDPOINTS} == {*HOT}
    assert len(collector.NUMBERED_ENDPOINTS) == 2, "a script and an image: public, they tell nothing of a site"
    ids = {name for name in (*FILTERS, "goal") if source_search.looks_like_an_id(name)}
    assert ids == {*NAMED, *WORDS_ONLY}


@pytest.mark.parametrize("route", [route for route in ROUTES if NEEDS.get(route) == "key"])
def test_a_session_does_not_replace_a_key(route: str, world: World, clients: Any) -> None:
    path = build_path(route, {**build_values(route), "site_id": world.open["site"]})
    asked = {"site_id": world.open["site"], "type": "pages", "href": f"https://{world.open.site.domain}/"}
    for method in ("GET", "POST"):
        answer = callers.send(callers.copy_client(clients["alice"]), method, path, asked)
        assert answer.status_code == 405 or callers.is_rejected(answer, callers.read_text(answer)), method


@pytest.mark.parametrize("path", STATS)
@pytest.mark.parametrize("name", ["sitekey", "sitekey_admin"])
def test_the_key_of_a_site_gives_no_access_to_others(path: str, name: str, world: World) -> None:
    assert world.other.word in stats(path, site_id=world.other["site"], **{name: world.other[name]})
    for number in (world.hidden["site"], world.open["site"]):
        answer = stats(path, site_id=number, **{name: world.other[name]})
        assert "Invalid sitekey." in answer
        assert answer == stats(path, site_id=NOBODYS, **{name: world.other[name]})
    assert "Invalid sitekey." in stats(path, site_id=world.hidden["site"], **{name: world.open[name]})


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("type", ["visitors-list", "actions-list", "segmentation&segments=pages"])
def test_filters_of_the_stats_api_match_nothing_of_others(name: str, type: str, world: World) -> None:
    kind, _, segments = type.partition("&segments=")
    opened = {"site_id": world.other["site"], "sitekey": world.other["sitekey"], "type": kind, "segments": segments}
    own = stats(**{**opened, name: world.other[NAMED[name]]})
    assert world.other.word in own or name == "goal"
    answer = stats(**{**opened, name: world.hidden[NAMED[name]]})
    assert answer == stats(**{**opened, name: NOBODYS})
    assert callers.find_words(answer, world.foreign_words("charlie")) == []


def test_an_alert_of_another_site_is_treated_as_missing(world: World) -> None:
    opened = {"site_id": world.other["site"], "sitekey": world.other["sitekey"]}
    assert "Invalid alert_id" not in stats(**opened, alert_id=world.other["delivery"])
    for number in (world.hidden["delivery"], NOBODYS_GUID):
        assert "Invalid alert_id." in stats(**opened, alert_id=number)


def whitelabel(operation: str, **given: Any) -> str:
    return callers.read_text(callers.send(Client(), "GET", f"/api/whitelabel/{operation}", given))


def test_the_white_label_api_returns_only_sites_of_its_account(world: World) -> None:
    key = world.other["authkey"]
    assert whitelabel("usage", auth=key, site_id=world.other["site"]).startswith("OK")
    answers = {whitelabel("usage", auth=key, site_id=one) for one in (world.hidden["site"], NOBODYS)}
    assert len(answers) == 1 and answers.pop().startswith("NOK\n3\n")
    assert callers.find_words(whitelabel("sites", auth=key), world.foreign_words("charlie")) == []
    member = Membership.objects.get(user=world.people["bob"]).authkey
    assert whitelabel("sites", auth=member).startswith("NOK\n1\n")


@pytest.mark.parametrize("name", ["charlie", "bob", "dave"])
def test_a_password_gives_access_to_its_users_sites_only(name: str, world: World) -> None:
    text = callers.read_text(
        Client().post("/api/account/sites", {"username": f"{name}@example.com", "password": PASSWORD})
    )
    assert world.own(name).word in text and callers.find_words(text, world.foreign_words(name)) == []
    assert ("sitekey_admin" in text) is (name != "bob")


def widget(part: str, **given: Any) -> Any:
    return callers.send(Client(), "GET", f"/ajax/onsitestats/{part}", given)


@pytest.mark.parametrize("part", ["", "visitors", "heatmap"])
def test_the_widget_shows_a_site_only_with_its_key_or_token(part: str, world: World) -> None:
    bob = world.people["bob"].pk
    opened = [("other", world.other["sitekey"]), ("open", onsite_tokens.create_onsite_token(world.open["site"], bob))]
    for name, key in opened:
        assert widget(part, site_id=getattr(world, name)["site"], sitekey=key).status_code == 200
        answer, nothing = (widget(part, site_id=one, sitekey=key) for one in (world.hidden["site"], NOBODYS))
        assert answer.status_code == nothing.status_code == 403 and answer.content == nothing.content
    made_for_him = onsite_tokens.create_onsite_token(world.hidden["site"], bob)
    assert widget(part, site_id=world.hidden["site"], sitekey=made_for_him).status_code == 403


@pytest.mark.parametrize("part", ["", "visitors", "heatmap"])
def test_the_widget_filters_only_by_visible_goals_and_segments(part: str, world: World) -> None:
    bobs, hers = (
        onsite_tokens.create_onsite_token(world.open["site"], world.people[name].pk) for name in ("bob", "alice")
    )
    private = {"segment": world.open["private_segment"]}
    for things, key in ((world.other, world.other["sitekey"]), (world.open, bobs)):
        of_others = [private] if things is world.open else [{"segment": things["private_segment"]}]
        of_others += [{"segment": world.hidden[kind]} for kind in ("segment", "private_segment")]
        for given in [*of_others, {"outcome": f"reached:{world.hidden['goal']}"}, {"segment": NOBODYS}]:
            text = callers.read_text(widget(part, site_id=things["site"], sitekey=key, **given))
            assert '"failed":"There is no ' in text, given
            assert callers.find_words(text, (world.hidden.word,)) == []
        mine = {"segment": things["segment"], "outcome": f"reached:{things['goal']}"}
        assert "failed" not in callers.read_text(widget(part, site_id=things["site"], sitekey=key, **mine))
    assert "failed" not in callers.read_text(widget(part, site_id=world.open["site"], sitekey=hers, **private))


def events_of(world: World) -> dict[str, int]:
    """How many events each site and each account's links have."""
    found = {}
    for name in ("open", "hidden", "other"):
        things = getattr(world, name)
        found[name] = len(list_stored_rows(things["site"]))
        found[f"{name} links"] = len(list_stored_rows(things["account"]))
    return found


def test_the_admin_key_of_a_site_cannot_log_for_others(world: World) -> None:
    before = events_of(world)
    sent = {"type": "click", "href": "/a", "ip_address": "203.0.113.9", "sitekey_admin": world.other["sitekey_admin"]}
    answer = send_request("/in.php", {**sent, "site_id": world.hidden["site"]})
    assert answer.body.startswith(b"NOK") and answer.dropped == "bad_key"
    assert events_of(world) == before
    visit = {**sent, "site_id": world.other["site"], "session_id": world.hidden["visit"], "goal": world.hidden["goal"]}
    assert send_request("/in.php", visit).body.startswith(b"OK")
    after = events_of(world)
    assert after["other"] > before["other"] and {**after, "other": 0} == {**before, "other": 0}
    assert world.hidden["visit"] not in {row["visit"] for row in list_stored_rows(world.other["site"])}


def test_an_api_key_records_for_its_own_site_whatever_the_event_says(world: World) -> None:
    before = events_of(world)
    _, key = api_key_create(site=world.other.site, name="server", trusted=True, user=world.people["charlie"])
    site_cache.refresh()
    for name in ("site", "site_id", "domain"):
        number = world.hidden.site.domain if name == "domain" else world.hidden["site"]
        sent = {
            "url": f"https://{world.other.site.domain}/{name}",
            name: number,
            "session_id": str(world.hidden["visit"]),
        }
        assert post_event(sent, key).json()["success"] is True
    after = events_of(world)
    assert after["other"] == before["other"] + 3 and {**after, "other": 0} == {**before, "other": 0}


@pytest.mark.parametrize("path", ["/s2s", "/conversion.aspx"])
def test_a_click_of_one_account_is_not_a_conversion_of_another(path: str, world: World) -> None:
    now = timezone.now()
    clicks: dict[str, str] = {}
    for name in ("hidden", "other"):
        alias = getattr(world, name)["link_alias"]
        clicks[name] = (
            Browser(ip=f"198.51.100.{len(clicks) + 1}").open(f"/l/{alias}", at=now).location.partition("=")[2]
        )
        assert clicks[name], alias
    before = events_of(world)
    for click, code in (
        (clicks["hidden"], world.other["conversion_code"]),
        (clicks["other"], world.hidden["conversion_code"]),
    ):
        Browser(ip="198.51.100.9").open(f"{path}?clickId={click}&id={code}&val=10", at=now)
    assert events_of(world) == before
    Browser(ip="198.51.100.9").open(
        f"{path}?clickId={clicks['other']}&id={world.other['conversion_code']}&val=10", at=now
    )
    assert events_of(world)["other links"] == before["other links"] + 1
