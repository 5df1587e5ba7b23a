"""Devices and visits: which hits belong together, and when a visit ends."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support import state
from tests.support.hits import CHROME, IPHONE, NOW, build_site_config, find_rejection, process_hit, reset_state
from tests.support.types import Store
from tracking.schema import ORIGIN_COLUMNS
from tracking.state.redis_codec import SALT_PREFIX
from tracking.state.redis_state import RedisState
from tracking.state.visits import MemoryVisits, OpenVisit


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    reset_state()
    yield
    reset_state()


def after(**time: float) -> datetime:
    return NOW + timedelta(**time)


def test_pages_within_half_an_hour_are_one_visit() -> None:
    first, second = process_hit("/a"), process_hit("/b", now=after(minutes=29))
    assert first["visit"] == second["visit"] and second["visit_start"] == NOW
    assert first["id"] != second["id"] and first["view_id"] != second["view_id"]


def test_half_an_hour_of_inactivity_ends_a_visit() -> None:
    assert process_hit("/a")["visit"] != process_hit("/b", now=after(minutes=31))["visit"]


def test_every_hit_keeps_a_visit_open() -> None:
    first = process_hit("/a")
    assert process_hit(kind="ping", now=after(minutes=25))["visit"] == first["visit"]
    assert process_hit("/b", now=after(minutes=50))["visit"] == first["visit"]


@pytest.mark.parametrize(
    ("minutes", "gap", "same"), [(5, 6, False), (120, 110, True), (120, 121, False), (999, 250, False)]
)
def test_a_site_can_set_the_timeout_of_visits(minutes: int, gap: int, same: bool) -> None:
    site = build_site_config(tracker={"timeout": minutes})
    assert (process_hit("/a", site)["visit"] == process_hit("/b", site, now=after(minutes=gap))["visit"]) is same


def test_a_page_can_set_the_timeout_of_visits() -> None:
    first = process_hit("/a", timeout=60)
    assert process_hit("/b", timeout=60, now=after(minutes=55))["visit"] == first["visit"]


def test_another_browser_or_address_is_another_device() -> None:
    devices = {
        process_hit()["device"],
        process_hit(user_agent=IPHONE)["device"],
        process_hit(ip="203.0.113.8")["device"],
    }
    assert len(devices) == 3


def test_one_browser_is_two_devices_on_two_sites() -> None:
    assert process_hit()["device"] != process_hit(site=build_site_config(site_id=8))["device"]


def test_ids_fit_into_a_json_number() -> None:
    for n in range(200):
        stored = process_hit(ip=f"198.51.100.{n}")
        assert all(0 < stored[name] < 2**53 for name in ("device", "visit", "id", "view_id"))


def test_without_a_cookie_a_device_is_not_recognized_on_another_day() -> None:
    assert process_hit()["device"] != process_hit(now=after(days=1))["device"]


def test_a_visit_survives_midnight() -> None:
    late = datetime(2026, 3, 2, 23, 50, tzinfo=UTC)
    first, second = process_hit("/a", now=late), process_hit("/b", now=late + timedelta(minutes=20))
    assert (first["visit"], first["device"]) == (second["visit"], second["device"])


def test_salts_are_destroyed_after_two_days() -> None:
    process_hit()
    process_hit(now=after(days=1))
    process_hit(now=after(days=2))
    current = state.current()
    assert NOW.date() not in current.salts.by_day
    if isinstance(current, RedisState):  # Redis keeps them, and lets go by itself
        assert 0 < current.redis.client.ttl(f"{SALT_PREFIX}2026-03-02") <= 2 * 86_400
    else:
        assert "2026-03-02" not in salts_file() and "2026-03-03" in salts_file()


def salts_file() -> str:
    from pathlib import Path

    from django.conf import settings

    path = Path(settings.DATA_DIR) / "salts.json"
    assert path.stat().st_mode & 0o077 == 0
    return path.read_text()


def test_the_salt_of_today_survives_a_restart() -> None:
    first = process_hit()
    state.restart()
    assert process_hit("/b")["device"] == first["device"]


@pytest.mark.parametrize(
    ("cookies", "consent", "known"),
    [("on", False, True), ("off", True, False), ("consent", False, False), ("consent", True, True)],
)
def test_a_cookie_is_used_only_where_the_site_allows_it(cookies: str, consent: bool, known: bool) -> None:
    stored = process_hit(site=build_site_config(cookies=cookies), cookie="123456789", consent=consent)
    assert (stored["device"] == 123456789) is known


def test_with_a_cookie_a_device_is_recognized_on_another_day() -> None:
    site = build_site_config(cookies="on")
    first = process_hit("/a", site, cookie="42")
    again = process_hit("/a", site, cookie="42", now=after(days=3), ip="192.0.2.1")
    assert first["device"] == again["device"] and first["visit"] != again["visit"]
    assert (first["is_new"], again["is_new"]) == (1, 0)


def test_consent_in_the_middle_of_a_visit_does_not_split_it() -> None:
    site = build_site_config(cookies="consent")
    before = process_hit("/a", site)
    told = process_hit("/b", site, cookie="42", consent=True, now=after(minutes=1))
    later = process_hit("/c", site, cookie="42", consent=True, now=after(minutes=2), ip="192.0.2.1")
    assert {(one["visit"], one["device"]) for one in (before, told, later)} == {(before["visit"], before["device"])}
    again = process_hit("/a", site, cookie="42", consent=True, now=after(days=2))
    assert (again["device"], again["is_new"]) == (42, 0) and again["visit"] != before["visit"]


def test_a_cookie_does_not_join_the_visit_of_another_person_with_the_same_address() -> None:
    site = build_site_config(cookies="consent")
    process_hit("/a", site, cookie="42", consent=True, now=after(days=-2))
    other = process_hit("/a", site)
    back = process_hit("/b", site, cookie="42", consent=True, now=after(minutes=1))
    assert (back["device"], back["visit"] == other["visit"]) == (42, False)


def test_two_visitors_who_consent_with_one_address_are_two() -> None:
    site = build_site_config(cookies="consent")
    first = process_hit("/a", site)
    one = process_hit("/b", site, cookie="42", consent=True, now=after(minutes=1))
    other = process_hit("/b", site, cookie="43", consent=True, now=after(minutes=2), user_agent=IPHONE)
    assert one["visit"] == first["visit"] != other["visit"]


def test_all_events_of_a_visit_share_its_source() -> None:
    process_hit("/a?utm_source=mag&utm_campaign=c1", referrer="https://www.google.com/search?q=x")
    second = process_hit("/b", referrer="https://example.com/a")
    assert (second["source"], second["utm_campaign"]) == ("mag", "c1")


@pytest.mark.parametrize(
    "return_from", ["https://checkout.stripe.com/c/pay", "https://www.paypal.com/", "https://www.bing.com/search?q=a"]
)
@pytest.mark.parametrize("first", ["https://www.google.com/", ""])
def test_a_later_referrer_or_campaign_never_changes_a_visits_source(first: str, return_from: str) -> None:
    begun = process_hit("/shop", referrer=first)
    back = process_hit("/thanks?utm_source=mag&utm_medium=email&gclid=1", referrer=return_from, now=after(minutes=5))
    later = process_hit("/more", now=after(minutes=6))
    assert back["visit"] == begun["visit"] == later["visit"]
    for name in ORIGIN_COLUMNS:
        assert (back.get(name) or "") == (begun.get(name) or "") == (later.get(name) or ""), name


def test_a_conversion_after_a_payment_page_keeps_the_visits_source(store: Store) -> None:
    from tests.support import ask, record

    begun = process_hit("/shop", referrer="https://www.google.com/")
    back = process_hit("/thanks", referrer="https://checkout.stripe.com/pay", now=after(minutes=3))
    record(begun, back)
    now = after(minutes=5)
    assert ask(7, "visits", by="source", now=now) == {"Google": 1}
    assert ask(7, "views", by="source", now=now) == {"Google": 2}
    thanks = {"dimension": "page", "operator": "is", "value": ["/thanks"]}
    assert ask(7, "visits", by="source", where=thanks, now=now) == {"Google": 1}


def test_a_ping_belongs_to_its_view_and_never_begins_a_visit() -> None:
    view = process_hit("/a", view_id="00000000abcde")
    assert (
        process_hit(kind="ping", view_id="00000000abcde", engaged=3.5, scroll=40)["view_id"]
        == view["view_id"]
        == 0xABCDE
    )
    assert find_rejection(kind="ping", ip="198.51.100.99") == "unknown_visit"


def test_an_action_without_a_view_belongs_to_the_last_one() -> None:
    view = process_hit("/a")
    assert process_hit(kind="event", name="Play")["view_id"] == view["view_id"]


def test_a_client_that_sends_its_visit_continues_it_from_another_address() -> None:
    first = process_hit("/a")
    other = process_hit("/b", ip="192.0.2.200", session=str(first["visit"]))
    assert (other["visit"], other["device"]) == (first["visit"], first["device"])


def test_a_visit_of_another_site_cannot_be_joined() -> None:
    first = process_hit("/a")
    assert process_hit("/b", build_site_config(site_id=8), session=str(first["visit"]))["visit"] != first["visit"]


def test_an_unknown_session_needs_an_ip_address() -> None:
    assert find_rejection(session="12345", ip="", trusted=True) == "unknown_visit"
    assert find_rejection(session="12345", trusted=True) == ""


def test_imported_earlier_events_do_not_affect_the_open_visit() -> None:
    now = process_hit("/a")
    past = process_hit("/old", trusted=True, at=NOW - timedelta(days=9))
    assert past["visit"] != now["visit"] and past["ts"] == NOW - timedelta(days=9)
    assert process_hit("/b", now=after(minutes=5))["visit"] == now["visit"]


def test_open_visits_are_bounded() -> None:
    known = MemoryVisits(max_visits=100)
    for n in range(1000):
        known.put((7, n, 0), OpenVisit(n + 1, n, 0, 0))
    assert len(known.by_key) == 100 and len(known.keys_by_id) == 100
    assert known.get((7, 999, 0)) is not None and known.get((7, 1, 0)) is None


def test_a_visitors_person_is_the_username_that_was_sent() -> None:
    assert process_hit(tags={"username": "ada", "plan": "pro"})["person"] == "ada"
    assert process_hit("/b")["user_agent"] == CHROME


def test_a_late_event_does_not_change_the_start_of_a_visit() -> None:
    noon = NOW.replace(hour=12, minute=5)
    opened = process_hit("/a", now=noon)
    late = process_hit("/before", now=noon + timedelta(minutes=2), at=noon - timedelta(minutes=10))
    assert late["visit"] == opened["visit"] and late["ts"] < opened["ts"]
    assert late["visit_start"] == opened["visit_start"] == noon


def test_a_visit_with_a_late_event_of_an_earlier_hour_counts_once(store: Store) -> None:
    from tests.support import ask, record

    noon = NOW.replace(hour=12, minute=5)
    events = [
        process_hit("/a", now=noon),
        process_hit("/before", now=noon + timedelta(minutes=2), at=noon - timedelta(minutes=10)),
        process_hit("/b", now=noon + timedelta(minutes=3)),
    ]
    record(*events[:2])
    record(events[2])
    site, now = events[0]["site_id"], noon + timedelta(minutes=5)
    assert ask(site, "visits", "views", "views_per_visit", "avg_duration", now=now) == {
        "visits": 1, "views": 3, "views_per_visit": 3.0, "avg_duration": 13 * 60,
    }  # fmt: skip
    assert ask(site, "visits", by="entry_page", now=now) == {"/before": 1}
    assert ask(site, "views", by="entry_page", now=now) == {"/before": 3}
    entered = {"dimension": "entry_page", "operator": "is", "value": ["/before"]}
    hour = ask(site, "views", by="page", where=entered, now=now, period=earlier_hour(noon))
    assert hour == {"/before": 1}  # its visit began after the period, and is found all the same


def earlier_hour(noon: datetime) -> Any:
    from reports.query import Period

    start = noon.replace(minute=0)
    return Period(start - timedelta(hours=1), start, "UTC")
