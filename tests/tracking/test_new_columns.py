"""A filled store gets a new column: by a declaration, and the migration that a command writes for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from goals.predicates import is_one_of
from reports.query import context, dimensions
from tests.support import NOW, ask, browse, event, record
from tests.support.types import Store
from tests.tracking import test_store_migrations
from tracking.schema import AMOUNT, EVENT_COLUMNS, TEXT, WORD, Column, ColumnDimension, VisitValue, find_columns
from tracking.store import client, corrections, materialized_views

SITE = 1000
NEW = {
    "weather": Column(
        WORD,
        "Sun or rain.",
        visit=VisitValue.FIRST,
        dimension=ColumnDimension("Weather", empty="Unknown", in_rollups=True, by_device=True),
    ),
    "mood": Column(WORD, "The visitor's.", visit=VisitValue.GREATEST, dimension=ColumnDimension("Mood")),
    "steps": Column("UInt32", "Walked.", visit=VisitValue.SUM),
    "tip": Column(AMOUNT, "Given.", visit=VisitValue.SUM),
    "remark": Column(TEXT, "Of one event.", codec="ZSTD(3)"),
}
ADDED = {  # table -> the columns that the migrations add
    "events": [*NEW],
    "bots": [*NEW],
    "visits": ["weather", "weather_", "mood", "steps", "tip"],
    "rollup_devices": ["weather"],
}


migrate = import_module("tracking.store.migrate")  # `tracking.store` has a function of that name


@pytest.fixture
def declare(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Declares the columns one after the other and writes their migrations; the store is as it was afterwards."""
    original = materialized_views.visits_select(f"events{test_store_migrations.SUFFIX}")
    directory = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS_DIRECTORY, directory)
    monkeypatch.setattr(migrate, "MIGRATIONS_DIRECTORY", directory)

    def declare() -> None:
        for name, column in NEW.items():
            monkeypatch.setitem(EVENT_COLUMNS, name, column)
            if column.dimension:
                of_column = dimensions.column_dimension(name, column, column.dimension)
                monkeypatch.setitem(dimensions.DIMENSIONS, name, of_column)
            call_command("add_event_column", name)
        monkeypatch.setattr(context, "VISIT_ALIASES", find_columns(VisitValue.FIRST, VisitValue.FIRST_KNOWN))

    yield declare
    client.execute(f"ALTER TABLE visits_view MODIFY QUERY {original}")
    for table, names in ADDED.items():
        for name in names:
            client.execute(f"ALTER TABLE {table} DROP COLUMN IF EXISTS {name}")
    client.execute("DELETE FROM schema_migrations WHERE name > '0006'")


def test_a_filled_store_is_upgraded_by_the_migration_of_a_new_column(store: Store, declare: Callable[[], None]) -> None:
    browse(SITE, "/old", visit=7)
    browse(SITE, "/older", visit=8, at=NOW - timedelta(minutes=40))
    declare()
    assert [name[5:] for name in migrate.migrate()] == [*NEW] and migrate.migrate() == []
    new: dict[str, Any] = {"weather": "rain", "mood": "calm", "steps": 20, "tip": 1.5, "remark": "wet"}
    later = NOW + timedelta(minutes=1)
    record(event(SITE, "/more", visit=7, visit_start=NOW, at=later, **{**new, "weather": "sun"}))
    record(*(event(SITE, path, visit=9, visit_start=later, at=later, **new) for path in ("/new", "/newer")))
    visits = "SELECT visit, weather, mood, steps, toFloat64(tip) AS tip FROM visits FINAL ORDER BY visit"
    upgraded = [
        {"visit": 7, "weather": "", "mood": "calm", "steps": 20, "tip": 1.5},  # began before the column
        {"visit": 8, "weather": "", "mood": "", "steps": 0, "tip": 0.0},
        {"visit": 9, "weather": "rain", "mood": "calm", "steps": 40, "tip": 3.0},
    ]
    assert store.rows(visits) == upgraded
    assert corrections.erase_events(corrections.Selection(SITE, {"path": ["/newer"]}), complete_visits=False) == 1
    assert store.rows(visits) == [*upgraded[:2], {**upgraded[2], "steps": 20, "tip": 1.5}]  # rebuilt with the columns
    assert ask(SITE, "visits", by="weather") == {"": 2, "rain": 1}
    assert ask(SITE, "visits", by="mood", where=[is_one_of("weather", "rain")]) == {"calm": 1}


def test_the_tables_are_those_that_the_code_declares_after_such_a_migration(
    store: Store, declare: Callable[[], None]
) -> None:
    declare()
    migrate.migrate()
    test_store_migrations.test_the_migrations_create_the_columns_of_events_that_the_code_declares(store)
    test_store_migrations.test_the_migrations_create_the_columns_of_visits_that_a_rebuild_fills(store)
    test_store_migrations.test_a_materialized_view_selects_what_a_rebuild_selects(store)


def test_only_a_declared_column_gets_a_migration(store: Store, declare: Callable[[], None]) -> None:
    with pytest.raises(CommandError, match="declares no column 'humidity'"):
        call_command("add_event_column", "humidity")
