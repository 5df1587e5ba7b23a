"""Heatmap beacons at the endpoint: what is recorded, what is not, and why (Clicky wire reference §2.4, §2.5)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from accounts.models import User
from sites import onsite_tokens, site_cache
from sites.models import Site
from tests.support import hits, state
from tests.support.types import Store
from tracking import spool
from tracking.endpoints import clicky, heatmap, tracker_settings
from tracking.web import EndpointRequest, Reply

PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
OURS = "/a?x=1|120|340|700|rage|250|500|#main>p:nth-of-type(2)>a"
pytestmark = pytest.mark.django_db


def send(site: Site, *rows: str, **fields: Any) -> Reply:
    """A view, then a heatmap beacon with these rows; the answer to the latter."""
    page = {"site_id": site.pk, "host": "example.com", "page": "/a", **fields}
    headers = {"user-agent": PERSON, "accept-language": "en", "referer": "https://example.com/"}
    asked = [
        {**page, "type": "pageview", "href": "/a", "vid": "abc"},
        {**page, "type": "heatmap", "heatmap[]": rows, "vid": "abc", "lw": 690, "lh": 3000},
    ]
    for one in asked:
        query = urlencode(one, doseq=True).encode()
        reply = clicky.receive_beacon(
            EndpointRequest(
                state=state.current(),
                method="GET",
                path="/in.php",
                query=query,
                headers=headers,
                peer="198.51.100.7",
                now=datetime.now(UTC),
            )
        )
    return reply


def recorded(store: Store) -> list[dict[str, Any]]:
    spool.flush()
    rows: list[dict[str, Any]] = store.rows("SELECT * FROM heat ORDER BY x")
    return rows


def chosen(site: Site, **tracker: Any) -> Site:
    site.tracker = tracker
    site.save()
    site_cache.refresh()
    return site


def test_a_click_is_recorded_by_element_and_offset_with_its_visit(site: Site, store: Store) -> None:
    assert send(site, OURS).dropped == ""
    (click,) = recorded(store)
    (view,) = store.rows("SELECT device, visit, view_id FROM events")
    assert {name: click[name] for name in view} == view
    assert (click["path"], click["kind"], click["element"]) == ("/a?x=1", "rage", "#main>p:nth-of-type(2)>a")
    assert (click["x"], click["y"], click["offset_x"], click["offset_y"]) == (120, 340, 250, 500)
    assert (click["viewport"], click["layout"], click["layout_height"]) == (700, 690, 3000)
    assert click["device_type"] == "Desktop"


def test_clickys_own_rows_are_clicks_without_an_element(site: Site, store: Store) -> None:
    send(site, "/a|1|2|700", "/b|3|4|700")
    assert [(row["path"], row["kind"], row["element"]) for row in recorded(store)] == [
        ("/a", "click", ""), ("/b", "click", ""),
    ]  # fmt: skip


def test_invalid_rows_are_skipped_and_a_beacon_of_only_such_rows_is_rejected(site: Site, store: Store) -> None:
    garbage = ["", "|||", "/a|x|y|z", "/a|1|2|3|never|0|0|p", "/a|nan|inf|1", "/a|1|2|3|click"]
    assert send(site, *garbage).dropped == "bad_request"
    assert send(site, *garbage, "/a|99999999999|-5|70000").dropped == ""
    (row,) = recorded(store)
    assert (row["x"], row["y"], row["viewport"]) == (2**31, 0, 65_535)


@pytest.mark.parametrize("off", [{"heatmap": False}, {"heatmap": 0}, {"heatmap_off": ["/a*"]}])
def test_what_the_site_does_not_record_is_rejected_and_disabled_in_the_tracker(
    off: dict[str, Any], site: Site, store: Store
) -> None:
    chosen(site, **off)
    assert send(site, OURS).dropped == "no_heatmap"
    assert recorded(store) == []
    facts = site_cache.get_site(site.pk)
    assert tracker_settings.build_settings(facts, "", {"device": 1, "path": "/a"}, False)["heat"] == 0


def test_a_page_without_heatmap_does_not_disable_others(site: Site, store: Store) -> None:
    chosen(site, heatmap_off=["/private*"])
    send(site, OURS, "/private/x|1|2|700")
    assert [row["path"] for row in recorded(store)] == ["/a?x=1"]


def test_a_repeated_beacon_is_recorded_once(site: Site, store: Store) -> None:
    mark = "a-beacon-of-its-own-number"
    assert send(site, OURS, x=mark).dropped == "duplicate"  # the view has used up the number
    assert recorded(store) == []


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_sampling_records_the_chosen_share_of_devices_and_always_the_same_ones(share: float) -> None:
    site = hits.build_site_config(tracker={"heatmap": share})
    taken = [device for device in range(1, 20_001) if heatmap.is_sampled(site, device * 7919)]
    assert abs(len(taken) / 20_000 - share) < 0.02
    assert all(heatmap.is_sampled(site, device * 7919) for device in taken)


def test_where_consent_is_needed_the_cookie_is_allowed_only_with_it(site: Site) -> None:
    site.cookies = "consent"
    site.save()
    site_cache.refresh()
    facts = site_cache.get_site(site.pk)
    assert tracker_settings.build_settings(facts, "", None, False)["cookie"] == 0
    assert tracker_settings.build_settings(facts, "", None, True)["cookie"] == 1


def test_a_dashboard_user_with_an_on_site_token_gets_the_widget(site: Site, alice: User) -> None:
    facts, word = site_cache.get_site(site.pk), onsite_tokens.create_onsite_token(site.pk, alice.pk)
    assert tracker_settings.build_settings(facts, "", None, False, word)["osa"] == word
    for other in ("", "x", word + "x", onsite_tokens.create_onsite_token(site.pk + 1, alice.pk)):
        assert tracker_settings.build_settings(facts, "", None, False, other)["osa"] == ""
    page = {"site_id": site.pk, "type": "pageview", "href": "/a", "mime": "js", "osa": word}
    headers = {"user-agent": PERSON, "referer": "https://example.com/", "accept-language": "en"}
    reply = clicky.receive_beacon(
        EndpointRequest(
            state=state.current(),
            method="GET",
            path="/in.php",
            query=urlencode(page).encode(),
            headers=headers,
            peer="198.51.100.7",
            now=datetime.now(UTC),
        )
    )
    assert f'"osa":"{word}"'.encode() in reply.body
