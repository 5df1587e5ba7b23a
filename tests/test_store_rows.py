"""The event store of a test: it has what the test recorded and nothing of earlier ones, even where rows are reused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import browse, empty_store, record, visit
from tests.support.store_rows import count_changes
from tests.support.types import Store
from tracking import spool
from tracking.store import insert

SITE = 100_001


@pytest.fixture
def inserts(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The tables of all inserts, into a store that holds nothing that could be reused."""
    store.execute("TRUNCATE TABLE events")
    tables: list[str] = []
    insert_block = insert._insert

    def note(block: Any, table: str, *more: Any) -> None:
        tables.append(table)
        insert_block(block, table, *more)

    monkeypatch.setattr(insert, "_insert", note)
    yield tables


def read_paths(store: Store) -> list[str]:
    return [row["path"] for row in store.rows("SELECT path FROM events ORDER BY path")]


def count_visits(store: Store) -> int:
    return int(store.rows("SELECT count() AS visits FROM visits FINAL")[0]["visits"])


def test_the_same_traffic_is_inserted_once(store: Store, inserts: list[str]) -> None:
    for _ in range(3):
        empty_store()
        browse(SITE, "/a", "/b")
        assert read_paths(store) == ["/a", "/b"]
        assert count_visits(store) == 1
    assert inserts == ["events"]


def test_other_traffic_takes_the_place_of_earlier_rows(store: Store, inserts: list[str]) -> None:
    for path in ("/a", "/b", "/a"):
        empty_store()
        browse(SITE, path)
        assert read_paths(store) == [path]
        assert count_visits(store) == 1
    assert inserts == ["events"] * 3


def test_rows_are_not_reused_after_the_store_changed(store: Store, inserts: list[str]) -> None:
    browse(SITE, "/a")
    assert read_paths(store) == ["/a"]
    browse(SITE, "/b", visitor="two")
    assert read_paths(store) == ["/a", "/b"]
    empty_store()
    browse(SITE, "/a")
    assert read_paths(store) == ["/a"]
    store.execute("TRUNCATE TABLE events")
    empty_store()
    browse(SITE, "/a")
    assert read_paths(store) == ["/a"]
    assert inserts == ["events"] * 4


def test_a_store_that_nobody_filled_is_empty(store: Store) -> None:
    browse(SITE, "/a")
    assert count_visits(store) == 1
    empty_store()
    assert read_paths(store) == []
    assert count_visits(store) == 0


def test_what_is_inserted_beside_the_spool_comes_after_earlier_rows_are_gone(store: Store) -> None:
    browse(SITE, "/a")
    assert read_paths(store) == ["/a"]
    empty_store()
    store.insert_rows("events", visit(SITE, "/b"))
    assert read_paths(store) == ["/b"]
    empty_store()
    spool.write_event(visit(SITE, "/c")[0])
    spool.flush()
    assert read_paths(store) == ["/c"]


def test_reused_rows_count_as_a_change(store: Store) -> None:
    browse(SITE, "/a")
    assert read_paths(store) == ["/a"]
    before = count_changes()
    empty_store()
    record(*visit(SITE, "/a"))
    assert read_paths(store) == ["/a"]
    assert count_changes() == (before[0] + 1, before[1] + 1)
