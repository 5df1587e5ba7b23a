"""Corrections of stored events change every report."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support import NOW, browse, derive_number, event, record, visit
from tests.support.types import Store
from tracking.store import Selection
from tracking.store.migrate import list_nodes

SITE, OTHER = 1000, 1001


def visits(store: Store, site: int = SITE) -> list[tuple[Any, ...]]:
    sql = "SELECT visit, views, entry_page FROM visits FINAL WHERE site_id = {site:UInt64} ORDER BY visit"
    return [tuple(row.values()) for row in store.rows(sql, {"site": site})]


def test_a_person_is_erased_with_all_events_of_their_visits_and_nobody_else(store: Store) -> None:
    browse(SITE, "/before-log-in", visit=7, visitor="jo")
    browse(SITE, "/after", visit=7, visitor="jo", person="jo", at=NOW + timedelta(minutes=1), visit_start=NOW)
    browse(SITE, "/mine", visit=8, visitor="al", person="al")
    browse(OTHER, "/elsewhere", visit=7, person="jo")
    assert store.erase_events(Selection(SITE, {"person": ["jo"]})) == 2
    assert visits(store) == [(8, 1, "/mine")]
    assert visits(store, OTHER) == [(7, 1, "/elsewhere")]
    assert store.rows("SELECT DISTINCT path FROM events ORDER BY path") == [{"path": "/elsewhere"}, {"path": "/mine"}]
    assert store.rows("SELECT person FROM identities FINAL WHERE site_id = 1000") == [{"person": "al"}]
    assert store.rows("SELECT device FROM firsts FINAL WHERE site_id = 1000") == [
        {"device": derive_number("device", SITE, "al")}
    ]


def test_reports_follow_a_bot_that_is_quarantined_and_restored(store: Store) -> None:
    browse(SITE, "/a", "/b", visit=7, user_agent="curl")
    browse(SITE, "/c", visit=8, user_agent="Firefox", visitor="two")
    before = visits(store)
    crawl = Selection(SITE, {"user_agent": ["curl"]})
    assert store.quarantine_events(crawl, "by hand") == 2
    assert visits(store) == [(8, 1, "/c")]
    assert store.rows("SELECT path, reason FROM bots ORDER BY path") == [
        {"path": "/a", "reason": "by hand"}, {"path": "/b", "reason": "by hand"}
    ]  # fmt: skip
    assert store.restore_events(crawl) == 2
    assert visits(store) == before
    assert store.rows("SELECT count() AS n FROM bots") == [{"n": 0}]


def test_a_visit_is_computed_from_its_remaining_events(store: Store) -> None:
    browse(SITE, "/a", "/b", "/c", visit=7, source="Bing")
    gone = store.erase_events(Selection(SITE, start=NOW, end=NOW + timedelta(seconds=5)), complete_visits=False)
    assert gone == 1
    assert visits(store) == [(7, 2, "/b")]
    assert store.rows("SELECT source FROM visits FINAL") == [{"source": "Bing"}]


def test_after_erasing_the_first_visit_of_a_device_the_next_one_is_first(store: Store) -> None:
    record(*visit(SITE, "/a", visit=7), *visit(SITE, "/b", visit=8, at=NOW + timedelta(days=2)))
    store.erase_events(Selection(SITE, {"visit": [7]}))
    assert store.rows("SELECT first FROM firsts FINAL") == [{"first": NOW + timedelta(days=2)}]


def test_a_correction_that_was_interrupted_is_finished(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracking.store import corrections

    for device in range(9):  # on a cluster, some on each node
        browse(SITE, "/a", visitor=device)
    everything = Selection(SITE, {"path": ["/a"]})
    with monkeypatch.context() as patch:
        patch.setattr(corrections, "rebuild_derived_rows", lambda host, job: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.erase_events(everything)
    assert len(visits(store)) == 9
    assert store.finish_corrections(abandoned=0) == 1
    store.erase_events(everything)
    assert visits(store) == []
    assert store.finish_corrections() == 0


def test_rollups_of_the_corrected_time_become_outdated(store: Store) -> None:
    browse(SITE, "/a", visit=7)
    asked = "SELECT sum(rows) AS n FROM touched WHERE site_id = 1000"
    before = store.rows(asked)[0]["n"]
    store.erase_events(Selection(SITE, {"visit": [7]}))
    assert store.rows(asked)[0]["n"] > before


def test_text_of_strangers_is_a_bound_value(store: Store) -> None:
    browse(SITE, "/a", person="x')) OR 1=1 --")
    browse(SITE, "/b", visitor="two")
    assert store.erase_events(Selection(SITE, {"person": ["') OR ('1'='1"]})) == 0
    assert store.erase_events(Selection(SITE, {"person": ["x')) OR 1=1 --"]})) == 1
    with pytest.raises(ValueError, match="no column"):
        Selection(SITE, {"1=1 OR path": ["x"]}).sql()


def test_data_retention_deletes_only_expired_months_of_a_site(store: Store) -> None:
    for month in (1, 2, 3):
        at = NOW.replace(month=month)
        browse(SITE, f"/{month}", at=at, visitor=month)
        browse(OTHER, f"/{month}", at=at, visitor=month)
    browse(SITE, "/last year", at=NOW.replace(year=2025), visitor="alone in its month")
    store.keep_months({SITE: 1, OTHER: 0}, NOW)
    asked = "SELECT path FROM events WHERE site_id = {site:UInt64} ORDER BY path"
    assert [row["path"] for row in store.rows(asked, {"site": SITE})] == ["/2", "/3"]
    assert [row["path"] for row in store.rows(asked, {"site": OTHER})] == ["/1", "/2", "/3"]
    assert len(visits(store)) == 2 and len(visits(store, OTHER)) == 3
    assert store.rows("SELECT count() AS n FROM firsts FINAL WHERE site_id = 1000") == [{"n": 2}]
    assert store.rows(
        "SELECT count() AS n FROM system.parts WHERE active AND table = 'events' AND partition = '202503'"
    ) == [{"n": 0}]


def mutations(store: Store) -> int:
    asked = "SELECT count() AS n FROM system.mutations WHERE database = currentDatabase() AND table LIKE 'firsts%'"
    return int(store.rows(asked)[0]["n"])


def test_expired_devices_of_many_sites_are_deleted_by_one_statement_if_any(store: Store) -> None:
    sites = {700_000_000 + number: 1 + number % 2 for number in range(60)}
    for site in sites:
        browse(site, "/kept", at=NOW, visitor="here")
        browse(site, "/came back", at=NOW.replace(month=1), visitor="regular")
        browse(site, "/came back", at=NOW, visitor="regular", visit=5)
    before = mutations(store)
    store.keep_months(sites, NOW)
    store.keep_months(sites, NOW)
    assert mutations(store) == before
    for site in sites:
        browse(site, "/gone", at=NOW.replace(year=2025), visitor="gone")
    store.keep_months(sites, NOW)
    assert mutations(store) - before <= 2 * max(1, len(list_nodes())), "one for each length of time that sites keep"
    left = store.rows("SELECT site_id, count() AS n FROM firsts FINAL WHERE site_id >= 700000000 GROUP BY site_id")
    assert {row["n"] for row in left} == {2} and len(left) == 60


def test_data_retention_keeps_whole_months(store: Store) -> None:
    from tracking.store.data_retention import find_oldest_month

    assert [find_oldest_month(count, NOW) for count in (1, 2, 3, 14)] == [202602, 202601, 202512, 202501]


def test_events_that_were_not_selected_are_unchanged(store: Store) -> None:
    record(event(SITE, "/a", visit=0))
    assert store.erase_events(Selection(SITE, {"person": ["nobody"]})) == 0
    assert store.rows("SELECT count() AS n FROM events") == [{"n": 1}]
