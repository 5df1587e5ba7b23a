"""What the store derives from events by itself."""

from datetime import UTC, datetime, timedelta

from tests.support import NOW, browse, event, record
from tests.support.types import Store

SITE = 1000
VISITS = "SELECT * FROM visits FINAL WHERE site_id = 1000"


def test_a_visit_enters_on_its_first_page_and_leaves_on_its_last_in_whatever_order_they_arrive(store: Store) -> None:
    first, second, third = (event(SITE, path, at=NOW + timedelta(seconds=n)) for n, path in enumerate("zma"))
    for one in (second, third, first):
        record({**one, "visit_start": NOW})
    found = store.rows("SELECT entry_page, exit_page, views, first, last FROM visits FINAL")
    assert found == [
        {"entry_page": "z", "exit_page": "a", "views": 3, "first": NOW, "last": NOW + timedelta(seconds=2)}
    ]


def test_a_visit_has_the_source_of_its_first_event(store: Store) -> None:
    browse(SITE, "/a", source="Bing", country="EE", city="Tartu")
    record(event(SITE, "/b", at=NOW + timedelta(minutes=5), visit=store.rows(VISITS)[0]["visit"], visit_start=NOW,
                 source="Adverts", country="AT", city="Wien"))  # fmt: skip
    found = store.rows("SELECT source, country, city FROM visits FINAL")
    assert found == [{"source": "Bing", "country": "EE", "city": "Tartu"}]


def test_a_visit_without_its_first_event_still_has_its_source(store: Store) -> None:
    record(event(SITE, "/b", at=NOW + timedelta(seconds=3), visit_start=NOW, source="Bing", country="EE"))
    assert store.rows("SELECT source, country FROM visits FINAL") == [{"source": "Bing", "country": "EE"}]


def test_the_latest_value_of_a_tag_counts(store: Store) -> None:
    browse(SITE, "/a", visit=7, tags={"plan": "zero", "city": "Riga"})
    browse(SITE, "/b", visit=7, at=NOW + timedelta(seconds=9), tags={"plan": "gold"})
    found = store.rows("SELECT mapSort(tags) AS told FROM visits FINAL")
    assert found[0]["told"] == {"city": "Riga", "plan": "zero"} | {"plan": "gold"}


def test_actions_clicks_and_engaged_time_are_summed(store: Store) -> None:
    browse(SITE, "/a", "/b", visit=7)
    for kind, more in (("ping", {"engaged": 4000, "scroll": 60}), ("outbound", {}), ("event", {"revenue": 9.5})):
        record(event(SITE, kind=kind, visit=7, visit_start=NOW, at=NOW + timedelta(seconds=30), **more))
    row = store.rows(VISITS)[0]
    assert (row["views"], row["actions"], row["clicks"], row["events"]) == (2, 4, 1, 1)
    assert (row["engaged"], row["scroll"], float(row["revenue"])) == (4000, 60, 9.5)


def test_events_without_a_visit_make_no_visit(store: Store) -> None:
    record(event(SITE, kind="link", visit=0))
    assert store.rows("SELECT count() AS n FROM visits") == [{"n": 0}]


def test_persons_are_stored_by_visit_and_devices_with_their_first_visit(store: Store) -> None:
    browse(SITE, "/a", visit=7)
    browse(SITE, "/b", visit=8, at=NOW + timedelta(hours=2), person="jo@example.com")
    browse(SITE + 1, "/b", visit=9, person="jo@example.com")
    found = store.rows("SELECT site_id, visit, person, person_id FROM identities FINAL ORDER BY visit")
    assert [(row["visit"], row["person"]) for row in found] == [(8, "jo@example.com"), (9, "jo@example.com")]
    assert found[0]["person_id"] != found[1]["person_id"]
    assert all(0 < row["person_id"] < 2**53 for row in found)
    firsts = store.rows("SELECT first FROM firsts FINAL WHERE site_id = 1000")
    assert firsts == [{"first": NOW}]


def test_times_are_returned_as_aware_utc(store: Store) -> None:
    browse(SITE, "/a")
    row = store.rows("SELECT ts, visit_start FROM events WHERE ts < {end:DateTime64(3)}", {"end": NOW + timedelta(1)})
    assert row == [{"ts": NOW, "visit_start": NOW}]
    assert row[0]["ts"].tzinfo is UTC and isinstance(row[0]["ts"], datetime)
