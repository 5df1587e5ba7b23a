"""Devices and visits: who is the same, and when a visit ends."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.hits import CHROME, IPHONE, NOW, event, facts, forget, reason
from tracking.pipeline.visit import ORIGIN_COLUMNS
from tracking.state import salts, shared_redis, visits


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    forget()
    yield
    forget()


def after(**time: float) -> datetime:
    return NOW + timedelta(**time)


def test_pages_within_half_an_hour_are_one_visit() -> None:
    first, second = event("/a"), event("/b", now=after(minutes=29))
    assert first["visit"] == second["visit"] and second["visit_start"] == NOW
    assert first["id"] != second["id"] and first["view_id"] != second["view_id"]


def test_half_an_hour_of_silence_ends_a_visit() -> None:
    assert event("/a")["visit"] != event("/b", now=after(minutes=31))["visit"]


def test_every_sign_of_life_keeps_a_visit_open() -> None:
    first = event("/a")
    assert event(kind="ping", now=after(minutes=25))["visit"] == first["visit"]
    assert event("/b", now=after(minutes=50))["visit"] == first["visit"]


@pytest.mark.parametrize(
    ("minutes", "gap", "same"), [(5, 6, False), (120, 110, True), (120, 121, False), (999, 250, False)]
)
def test_a_site_chooses_how_long_a_visit_waits(minutes: int, gap: int, same: bool) -> None:
    site = facts(tracker={"timeout": minutes})
    assert (event("/a", site)["visit"] == event("/b", site, now=after(minutes=gap))["visit"]) is same


def test_a_page_may_choose_it_too() -> None:
    first = event("/a", timeout=60)
    assert event("/b", timeout=60, now=after(minutes=55))["visit"] == first["visit"]


def test_another_browser_or_address_is_another_device() -> None:
    devices = {event()["device"], event(user_agent=IPHONE)["device"], event(ip="203.0.113.8")["device"]}
    assert len(devices) == 3


def test_one_person_is_two_devices_on_two_sites() -> None:
    assert event()["device"] != event(site=facts(site_id=8))["device"]


def test_ids_fit_into_a_json_number() -> None:
    for n in range(200):
        stored = event(ip=f"198.51.100.{n}")
        assert all(0 < stored[name] < 2**53 for name in ("device", "visit", "id", "view_id"))


def test_a_device_is_not_known_again_on_another_day() -> None:
    assert event()["device"] != event(now=after(days=1))["device"]


def test_a_visit_survives_midnight() -> None:
    late = datetime(2026, 3, 2, 23, 50, tzinfo=UTC)
    first, second = event("/a", now=late), event("/b", now=late + timedelta(minutes=20))
    assert (first["visit"], first["device"]) == (second["visit"], second["device"])


def test_salts_are_destroyed_after_two_days() -> None:
    event()
    event(now=after(days=1))
    event(now=after(days=2))
    assert NOW.date() not in salts._cached
    seconds = shared_redis.run_or_none(lambda client: client.ttl(f"{salts.REDIS_PREFIX}2026-03-02"))
    if seconds is not None:  # Redis keeps them, and lets go by itself
        assert 0 < seconds <= 2 * 86_400
    else:
        assert "2026-03-02" not in salts_file() and "2026-03-03" in salts_file()


def salts_file() -> str:
    from pathlib import Path

    from django.conf import settings

    path = Path(settings.DATA_DIR) / "salts.json"
    assert path.stat().st_mode & 0o077 == 0
    return path.read_text()


def test_the_salt_of_today_survives_a_restart() -> None:
    first = event()
    salts.forget()
    assert event("/b")["device"] == first["device"]


@pytest.mark.parametrize(
    ("cookies", "consent", "known"),
    [("on", False, True), ("off", True, False), ("consent", False, False), ("consent", True, True)],
)
def test_a_cookie_is_believed_only_where_the_site_allows_it(cookies: str, consent: bool, known: bool) -> None:
    stored = event(site=facts(cookies=cookies), cookie="123456789", consent=consent)
    assert (stored["device"] == 123456789) is known


def test_a_cookie_knows_a_device_on_another_day_and_it_is_no_longer_new() -> None:
    site = facts(cookies="on")
    first = event("/a", site, cookie="42")
    again = event("/a", site, cookie="42", now=after(days=3), ip="192.0.2.1")
    assert first["device"] == again["device"] and first["visit"] != again["visit"]
    assert (first["is_new"], again["is_new"]) == (1, 0)


def test_consent_in_the_middle_of_a_visit_does_not_split_it() -> None:
    site = facts(cookies="consent")
    before = event("/a", site)
    told = event("/b", site, cookie="42", consent=True, now=after(minutes=1))
    later = event("/c", site, cookie="42", consent=True, now=after(minutes=2), ip="192.0.2.1")
    assert {(one["visit"], one["device"]) for one in (before, told, later)} == {(before["visit"], before["device"])}
    again = event("/a", site, cookie="42", consent=True, now=after(days=2))
    assert (again["device"], again["is_new"]) == (42, 0) and again["visit"] != before["visit"]


def test_a_cookie_that_came_before_does_not_join_the_visit_of_another_person_behind_its_address() -> None:
    site = facts(cookies="consent")
    event("/a", site, cookie="42", consent=True, now=after(days=-2))
    other = event("/a", site)
    back = event("/b", site, cookie="42", consent=True, now=after(minutes=1))
    assert (back["device"], back["visit"] == other["visit"]) == (42, False)


def test_two_who_consent_behind_one_address_are_two() -> None:
    site = facts(cookies="consent")
    first = event("/a", site)
    one = event("/b", site, cookie="42", consent=True, now=after(minutes=1))
    other = event("/b", site, cookie="43", consent=True, now=after(minutes=2), user_agent=IPHONE)
    assert one["visit"] == first["visit"] != other["visit"]


def test_all_events_of_a_visit_share_where_it_came_from() -> None:
    event("/a?utm_source=mag&utm_campaign=c1", referrer="https://www.google.com/search?q=x")
    second = event("/b", referrer="https://example.com/a")
    assert (second["source"], second["utm_campaign"]) == ("mag", "c1")


@pytest.mark.parametrize(
    "return_from", ["https://checkout.stripe.com/c/pay", "https://www.paypal.com/", "https://www.bing.com/search?q=a"]
)
@pytest.mark.parametrize("first", ["https://www.google.com/", ""])
def test_a_referrer_or_a_campaign_in_the_middle_never_moves_a_visit(first: str, return_from: str) -> None:
    begun = event("/shop", referrer=first)
    back = event("/thanks?utm_source=mag&utm_medium=email&gclid=1", referrer=return_from, now=after(minutes=5))
    later = event("/more", now=after(minutes=6))
    assert back["visit"] == begun["visit"] == later["visit"]
    for name in ORIGIN_COLUMNS:
        assert (back.get(name) or "") == (begun.get(name) or "") == (later.get(name) or ""), name


def test_a_conversion_after_the_payment_page_belongs_to_what_began_the_visit(store: Any) -> None:
    from tests.support import ask, record

    begun = event("/shop", referrer="https://www.google.com/")
    back = event("/thanks", referrer="https://checkout.stripe.com/pay", now=after(minutes=3))
    record(begun, back)
    now = after(minutes=5)
    assert ask(7, "visits", by="source", now=now) == {"Google": 1}
    assert ask(7, "views", by="source", now=now) == {"Google": 2}
    thanks = {"dimension": "page", "operator": "is", "value": ["/thanks"]}
    assert ask(7, "visits", by="source", where=thanks, now=now) == {"Google": 1}


def test_a_ping_belongs_to_the_view_it_names_and_never_begins_a_visit() -> None:
    view = event("/a", view_id="00000000abcde")
    assert event(kind="ping", view_id="00000000abcde", engaged=3.5, scroll=40)["view_id"] == view["view_id"] == 0xABCDE
    assert reason(kind="ping", ip="198.51.100.99") == "unknown_visit"


def test_an_action_without_a_view_belongs_to_the_last_one() -> None:
    view = event("/a")
    assert event(kind="event", name="Play")["view_id"] == view["view_id"]


def test_a_client_that_knows_its_visit_stays_in_it_from_another_address() -> None:
    first = event("/a")
    other = event("/b", ip="192.0.2.200", session=str(first["visit"]))
    assert (other["visit"], other["device"]) == (first["visit"], first["device"])


def test_a_visit_of_another_site_cannot_be_joined() -> None:
    first = event("/a")
    assert event("/b", facts(site_id=8), session=str(first["visit"]))["visit"] != first["visit"]


def test_a_session_nobody_knows_needs_an_address() -> None:
    assert reason(session="12345", ip="", trusted=True) == "unknown_visit"
    assert reason(session="12345", trusted=True) == ""


def test_backdated_events_do_not_disturb_the_visit_of_today() -> None:
    now = event("/a")
    past = event("/old", trusted=True, at=NOW - timedelta(days=9))
    assert past["visit"] != now["visit"] and past["ts"] == NOW - timedelta(days=9)
    assert event("/b", now=after(minutes=5))["visit"] == now["visit"]


def test_open_visits_are_bounded() -> None:
    known = visits.MemoryVisits(max_visits=100)
    for n in range(1000):
        known.put((7, n, 0), visits.OpenVisit(n + 1, n, 0, 0))
    assert len(known.by_key) == 100 and len(known.keys_by_id) == 100
    assert known.get((7, 999, 0)) is not None and known.get((7, 1, 0)) is None


def test_a_person_is_whoever_logged_in() -> None:
    assert event(tags={"username": "ada", "plan": "pro"})["person"] == "ada"
    assert event("/b")["user_agent"] == CHROME


def test_the_start_of_a_visit_stays_when_something_earlier_comes_late() -> None:
    noon = NOW.replace(hour=12, minute=5)
    opened = event("/a", now=noon)
    late = event("/before", now=noon + timedelta(minutes=2), at=noon - timedelta(minutes=10))
    assert late["visit"] == opened["visit"] and late["ts"] < opened["ts"]
    assert late["visit_start"] == opened["visit_start"] == noon


def test_a_visit_whose_earlier_event_comes_late_across_an_hour_counts_once(store: Any) -> None:
    from tests.support import ask, record

    noon = NOW.replace(hour=12, minute=5)
    events = [
        event("/a", now=noon),
        event("/before", now=noon + timedelta(minutes=2), at=noon - timedelta(minutes=10)),
        event("/b", now=noon + timedelta(minutes=3)),
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
