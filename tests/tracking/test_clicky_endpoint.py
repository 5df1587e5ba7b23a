"""in.php and its images: Clicky's beacons become the right events, and every response is valid."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from sites import site_cache
from sites.models import Site
from sites.services import site_update
from tests.support.endpoints import count_hits, get_only_event, is_balanced, list_stored_rows, send_request
from tests.support.hits import reset_state
from tracking.web import GIF

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    reset_state()
    yield
    reset_state()


def beacon(site: Site, kind: str, **fields: Any) -> Any:
    return send_request("/in.php", {"site_id": site.pk, "type": kind, **fields})


def test_a_page_view_is_stored_with_page_title_language_and_screen(site: Site) -> None:
    answer = beacon(site, "pageview", href="/a?x=1", title="Über uns", res="1920x1080", lang="de-AT", x="0.123")
    row = get_only_event(site)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, GIF, "image/gif")
    assert (row["kind"], row["path"], row["title"], row["host"]) == ("view", "/a?x=1", "Über uns", "example.com")
    assert (row["language"], row["screen"], row["browser"]) == ("de-AT", "1920x1080", "Chrome")


def test_long_addresses_that_differ_near_the_end_are_two_pages(site: Site) -> None:
    # Case W7b: the same path up to its 300th character.
    start = "/docs/" + "very-long-" * 30
    for end in ("one", "two"):
        beacon(site, "pageview", href=f"{start}{end}")
    assert {row["path"] for row in list_stored_rows(site.pk)} == {f"{start}one", f"{start}two"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_get_and_post_are_both_counted(site: Site, method: str) -> None:
    send_request("/in.php", {"site_id": site.pk, "type": "pageview", "href": "/a"}, method=method)
    assert get_only_event(site)["path"] == "/a"


def test_head_returns_the_headers_and_is_not_counted(site: Site) -> None:
    answer = send_request("/in.php", {"site_id": site.pk, "type": "pageview", "href": "/a"}, method="HEAD")
    assert answer.status == 200 and answer.body == b"" and answer.headers["content-length"] == str(len(GIF))
    assert list_stored_rows(site.pk) == [] and count_hits()["received"] == 0


def test_a_form_body_is_read_like_the_query(site: Site) -> None:
    body = f"site_id={site.pk}&type=pageview&href=%2Fb".encode()
    send_request("/in.php", method="POST", body=body, content_type="application/x-www-form-urlencoded")
    assert get_only_event(site)["path"] == "/b"


def test_an_unknown_type_is_a_page_view(site: Site) -> None:
    beacon(site, "something", href="/a")
    assert get_only_event(site)["kind"] == "view"


def test_an_outbound_link_is_stored_with_target_text_and_page(site: Site) -> None:
    beacon(site, "outbound", href="https://other.org/x", title="Other", page="/here")
    row = get_only_event(site)
    assert (row["kind"], row["target"], row["text"], row["path"]) == (
        "outbound",
        "https://other.org/x",
        "Other",
        "/here",
    )


def test_downloads_and_events_are_distinguished(site: Site) -> None:
    beacon(site, "download", href="/files/a.pdf", title="A")
    beacon(site, "click", href="/actions/export", title="Exported")
    rows = list_stored_rows(site.pk)
    assert [(row["kind"], row["target"], row["name"]) for row in rows] == [
        ("download", "/files/a.pdf", ""),
        ("event", "/actions/export", "Exported"),
    ]


@pytest.mark.parametrize("fields", [{}, {"goal": ""}, {"goal[id]": "", "goal[revenue]": "9"}])
def test_a_goal_without_a_name_is_rejected_and_counted_with_its_reason(site: Site, fields: dict[str, str]) -> None:
    answer = beacon(site, "goal", page="/a", **fields)
    assert (answer.status, answer.dropped) == (200, "bad_request")
    assert list_stored_rows(site.pk) == [] and count_hits()["received"] == 1


def test_a_goal_with_revenue_is_an_event_of_its_own(site: Site) -> None:
    beacon(site, "goal", **{"goal[id]": "12", "goal[revenue]": "49.99"})
    row = get_only_event(site)
    assert (row["kind"], row["name"], float(row["revenue"])) == ("goal", "12", 49.99)


@pytest.mark.parametrize("goal", [{"goal": "signup"}, {"goal[name]": "signup"}])
def test_a_goal_sent_with_a_page_view_is_stored_as_another_event(site: Site, goal: dict[str, str]) -> None:
    beacon(site, "pageview", href="/done", **goal)
    rows = list_stored_rows(site.pk)
    assert sorted((row["kind"], row["name"]) for row in rows) == [("goal", "signup"), ("view", "")]
    assert len({row["visit"] for row in rows}) == 1
    assert is_balanced(count_hits())


def test_custom_data_tags_the_visit(site: Site) -> None:
    beacon(site, "custom", **{"custom[username]": "ada", "custom[plan]": "pro"})
    row = get_only_event(site)
    assert (row["kind"], row["tags"], row["person"]) == ("set", {"username": "ada", "plan": "pro"}, "ada")


def test_a_ping_carries_engaged_time_and_scroll_depth_of_its_view(site: Site) -> None:
    beacon(site, "pageview", href="/a", vid="00000000abcde")
    beacon(site, "ping", vid="00000000abcde", et=3500, sc=55)
    view, ping = list_stored_rows(site.pk)
    assert (ping["engaged"], ping["scroll"], ping["view_id"], ping["visit"]) == (
        3500,
        55,
        view["view_id"],
        view["visit"],
    )


def test_video_split_test_properties_and_sticky_campaign_are_stored(site: Site) -> None:
    beacon(site, "pageview", href="/", utm="utm_source=mag&utm_campaign=c1")
    beacon(site, "video", href="/film.mp4", title="Film", **{"video[action]": "play", "video[time]": "12"})
    beacon(
        site,
        "event",
        name="Signup",
        revenue="3",
        currency="eur",
        **{"prop[plan]": "pro", "split[name]": "colour", "split[version]": "red"},
    )
    view, video, named = list_stored_rows(site.pk)
    assert (video["kind"], video["name"], video["target"], video["props"]) == (
        "video",
        "play",
        "/film.mp4",
        {"time": "12"},
    )
    assert (named["props"], named["split_test"], named["split_arm"], named["currency"]) == (
        {"plan": "pro"},
        "colour",
        "red",
        "EUR",
    )
    assert (view["utm_source"], view["utm_campaign"]) == ("mag", "c1")


def test_a_repeated_beacon_counts_once_and_is_reported_as_a_duplicate(site: Site) -> None:
    for _ in range(2):
        answer = beacon(site, "pageview", href="/a", x="0123456789abcdef0")
    assert answer.dropped == "duplicate" and answer.body == GIF
    assert len(list_stored_rows(site.pk)) == 1 and is_balanced(count_hits()) and count_hits()["duplicate"] == 1


def test_short_random_numbers_of_old_trackers_are_not_used_as_ids(site: Site) -> None:
    for _ in range(2):
        beacon(site, "pageview", href="/a", x="0.5")
    assert len(list_stored_rows(site.pk)) == 2


@pytest.mark.parametrize("form", ["/{}ns.gif", "/{}-db.gif"])
def test_an_image_counts_the_page_that_shows_it(site: Site, form: str) -> None:
    answer = send_request(form.format(site.pk), referer="https://example.com/no-script?a=1")
    assert answer.body == GIF and "no-store" in answer.headers["cache-control"]
    assert get_only_event(site)["path"] == "/no-script?a=1"


def test_a_script_request_gets_javascript_with_the_sites_settings(site: Site) -> None:
    site_update(site=site, cookies="on")
    site_cache.refresh()
    answer = beacon(site, "pageview", href="/a", mime="js")
    assert answer.headers["content-type"].startswith("application/javascript")
    assert b"window._cgen" in answer.body and b'"cookie":1' in answer.body


@pytest.mark.parametrize("site_id", ["", "0", "999", "abc", "-1", "9" * 40, "1e3", "٣"])
def test_a_hit_for_an_unknown_site_gets_a_pixel_and_is_counted(site: Site, site_id: str) -> None:
    answer = send_request("/in.php", {"site_id": site_id, "type": "pageview"})
    assert (answer.status, answer.body, answer.dropped) == (200, GIF, "unknown_site")
    assert count_hits(0) == {"received": 1, "stored": 0, "unknown_site": 1}


def test_a_page_of_another_host_is_rejected_and_counted(site: Site) -> None:
    answer = send_request(
        "/in.php", {"site_id": site.pk, "type": "pageview", "href": "/a"}, referer="https://evil.org/"
    )
    assert answer.dropped == "wrong_host" and answer.status == 200
    assert count_hits(site.pk) == {"received": 1, "stored": 0, "wrong_host": 1}


def test_a_page_without_referrer_is_identified_by_the_host_the_tracker_sends(site: Site) -> None:
    send_request(
        "/in.php", {"site_id": site.pk, "type": "pageview", "href": "/a", "host": "www.example.com"}, referer=""
    )
    assert get_only_event(site)["host"] == "www.example.com"


@pytest.mark.parametrize("signal", [{"dnt": "1"}, {"sec_gpc": "1"}])
def test_do_not_track_and_global_privacy_control_are_honoured(site: Site, signal: dict[str, Any]) -> None:
    assert send_request("/in.php", {"site_id": site.pk, "href": "/"}, **signal).dropped == "do_not_track"
    assert list_stored_rows(site.pk) == []


def test_a_bots_event_is_stored_in_the_quarantine(site: Site) -> None:
    answer = send_request("/in.php", {"site_id": site.pk, "href": "/x"}, user_agent="Googlebot/2.1")
    assert answer.dropped == "bot" and list_stored_rows(site.pk) == []
    bot = list_stored_rows(site.pk, "bots")[0]
    assert bot["path"] == "/x" and "googlebot" in bot["reason"]
    assert is_balanced(count_hits())


# -- whose address -----------------------------------------------------------------------------------------------------


def address_seen(site: Site, peer: str, forwarded: str, path: str = "/in.php") -> str:
    site_update(site=site, addresses="keep")
    site_cache.refresh()
    send_request(path, {"site_id": site.pk, "href": "/"}, peer=peer, x_forwarded_for=forwarded)
    return str(list_stored_rows(site.pk)[-1]["ip"])


def test_a_forwarded_address_from_a_stranger_is_ignored(site: Site) -> None:
    assert address_seen(site, "203.0.113.9", "1.2.3.4") == "203.0.113.9"


def test_addresses_forwarded_by_trusted_proxies_are_resolved_hop_by_hop(site: Site, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ("10.0.0.0/8",)
    assert address_seen(site, "10.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2") == "198.51.100.7"


def test_a_sites_own_proxy_is_trusted_for_that_site_only(site: Site, charlies_site: Site) -> None:
    site_update(site=site, proxy_addresses=["192.0.2.0/24"])
    assert address_seen(site, "192.0.2.5", "198.51.100.8") == "198.51.100.8"
    assert (
        send_request(
            "/in.php",
            {"site_id": charlies_site.pk, "href": "/"},
            peer="192.0.2.5",
            x_forwarded_for="9.9.9.9",
            referer="https://charlie.example/",
        ).dropped
        == ""
    )
    assert list_stored_rows(charlies_site.pk)[-1]["ip"] == "192.0.2.0"


def test_a_proxy_secret_in_the_path_makes_one_hop_trusted(site: Site) -> None:
    site_update(site=site, proxy_secret="s3cret-word-of-ours")
    assert address_seen(site, "192.0.2.5", "6.6.6.6, 198.51.100.8", "/p/s3cret-word-of-ours/in.php") == "198.51.100.8"
    assert address_seen(site, "192.0.2.6", "198.51.100.9", "/p/wrong/in.php") == "192.0.2.6"


def test_the_page_can_set_the_timeout_of_visits(site: Site, time_machine: Any) -> None:
    pytest.importorskip("time_machine")
    time_machine.move_to("2026-03-02T12:00:00Z", tick=False)
    beacon(site, "pageview", href="/a", timeout=5)
    time_machine.shift(timedelta(minutes=6))
    beacon(site, "pageview", href="/b", timeout=5)
    assert len({row["visit"] for row in list_stored_rows(site.pk)}) == 2


@pytest.mark.parametrize("kind", ["click", "pageview"])
@pytest.mark.parametrize(
    ("chosen", "href", "stored_as"),
    [("", "/app", "event"), ("click", "/app", "event"), ("pageview", "/app", "view"), ("pageview", "#buy", "event"),
     ("pageview", "#/buy", "view")],
)  # fmt: skip
def test_a_call_without_a_type_has_the_type_the_site_chose(
    site: Site, kind: str, chosen: str, href: str, stored_as: str
) -> None:
    site_update(site=site, tracker={"untyped_log": chosen} if chosen else {})
    site_cache.refresh()
    beacon(site, kind, href=href, title="App", page="/", host="example.com", untyped="1")
    row = get_only_event(site)
    path = "/app" if href == "/app" and stored_as == "view" else "/"
    assert (row["kind"], row["path"], row["name"] or row["title"]) == (stored_as, path, "App")


def test_a_goal_without_a_name_is_rejected_and_counted(site: Site) -> None:
    assert beacon(site, "goal", page="/a", host="example.com").dropped == "bad_request"
    assert list_stored_rows(site.pk) == []
    assert count_hits()["bad_request"] == 1 and is_balanced(count_hits())


def test_the_sites_route_settings_are_sent_to_the_tracker(site: Site) -> None:
    site_update(site=site, tracker={"hash_routes": True, "replace_state": True, "untyped_log": "pageview"})
    site_cache.refresh()
    told = beacon(site, "pageview", href="/", mime="js").body.decode()
    assert '"replace":1,"hash":1,"navigate":0,"log":1' in told


@pytest.mark.parametrize(
    ("href", "path", "plain"),
    [("/#/about", "/#/about", "/"), ("/app?a=1#!about?b=2&utm_source=x&gclid=1", "/app?a=1#!about?b=2", "/app?a=1"),
     ("/#contact", "/", "/"), ("/#access_token=abc", "/", "/"), ("/#/", "/#/", "/")],
)  # fmt: skip
def test_hash_routes_are_pages_where_the_site_enables_them(site: Site, href: str, path: str, plain: str) -> None:
    beacon(site, "pageview", href=href, host="example.com")
    site_update(site=site, tracker={"hash_routes": True})
    site_cache.refresh()
    beacon(site, "pageview", href=href, host="example.com")
    assert [row["path"] for row in list_stored_rows(site.pk)] == [plain, path]
    assert {row["utm_source"] for row in list_stored_rows(site.pk)} == ({"x"} if "utm_" in href else {""})


@pytest.mark.parametrize("origin", ["https://localhost", "capacitor://localhost", "http://localhost:3000"])
def test_an_app_built_from_web_pages_can_be_a_site_or_a_host_of_one(site: Site, origin: str) -> None:
    host = origin.split("//")[1]
    headers = {"origin": origin, "referer": ""}
    fields = {"site_id": site.pk, "type": "pageview", "href": "/tab1", "host": host}
    assert send_request("/in.php", fields, headers=headers).dropped == "wrong_host"
    site_update(site=site, allowed_hosts=["localhost"])
    site_cache.refresh()
    send_request("/in.php", fields, headers=headers)
    assert (get_only_event(site)["host"], get_only_event(site)["path"]) == ("localhost", "/tab1")


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        ("https://example-com.cdn.ampproject.org/v/s/example.com/amp/a?b=1", ("example.com", "/amp/a?b=1")),
        ("https://example-com.cdn.ampproject.org/c/example.com/a", ("example.com", "/a")),
        ("https://www-example-com.cdn.ampproject.org/v/s/www.example.com", ("www.example.com", "/")),
        ("https://my--shop-example-com.cdn.ampproject.org/", ("my-shop.example.com", "/")),
        ("https://example-com.cdn.ampproject.org", ("example.com", "/")),
    ],
)
def test_a_page_in_an_amp_cache_belongs_to_the_site(site: Site, referer: str, page: tuple[str, str]) -> None:
    assert send_request(f"/{site.pk}ns.gif", referer=referer).dropped == ""
    row = get_only_event(site)
    assert (row["host"], row["path"]) == page


@pytest.mark.parametrize(
    "referer",
    [
        "https://other-example.cdn.ampproject.org/v/s/other.example/a", "https://cdn.ampproject.org/v/s/example.com/a",
        "https://example-com.cdn.ampproject.org.evil.example/v/s/example.com/",
        "https://evil.example/https://example-com.cdn.ampproject.org/v/s/example.com/a",
    ],
)  # fmt: skip
def test_an_amp_page_of_another_site_does_not_belong_to_the_site(site: Site, referer: str) -> None:
    assert send_request(f"/{site.pk}ns.gif", referer=referer).dropped == "wrong_host"
