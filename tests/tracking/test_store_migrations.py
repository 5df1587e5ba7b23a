"""The migrations of the event store create what the code reads and writes."""

import re

from tests.support.types import Store
from tracking.schema import EVENT_COLUMNS
from tracking.store import materialized_views
from tracking.store.migrate import list_files
from tracking.store.target import get_target

SUFFIX = "_local" if get_target().cluster else ""
HINT = "a new or changed column needs a migration: docs/development.md, “A dimension on a new column”"
COLUMNS = (
    "SELECT name, type, compression_codec, default_kind FROM system.columns"
    " WHERE database = currentDatabase() AND table = {table:String} ORDER BY position"
)
VIEW = (
    "SELECT formatQuery(replaceAll(as_select, currentDatabase() || '.', '')) AS query FROM system.tables"
    " WHERE database = currentDatabase() AND name = {name:String}"
)
FORMATTED = "SELECT formatQuery({query:String}) AS query"
Column = tuple[str, str, str]


def columns_of(store: Store, table: str) -> list[Column]:
    """(name, type, codec) of a table's stored columns. The engine writes the width of Delta into its codec."""
    rows = store.rows(COLUMNS, {"table": table + SUFFIX})
    return [
        (row["name"], row["type"], re.sub(r"Delta\(\d\)", "Delta", row["compression_codec"]))
        for row in rows
        if row["default_kind"] != "ALIAS"
    ]


def sort_lines(query: str) -> list[str]:
    """The lines of a formatted SELECT in alphabetical order: a view writes its columns by name, in any order."""
    return sorted(line.removesuffix(",") for line in query.split("\n"))


def test_the_migrations_create_the_columns_of_events_that_the_code_declares(store: Store) -> None:
    declared = [
        (name, column.type, f"CODEC({column.codec})" if column.codec else "") for name, column in EVENT_COLUMNS.items()
    ]
    assert sorted(columns_of(store, "events")) == sorted(declared), HINT
    assert sorted(columns_of(store, "bots")) == sorted([*declared, ("reason", "LowCardinality(String)", "")]), HINT


def test_the_migrations_create_the_columns_of_visits_that_a_rebuild_fills(store: Store) -> None:
    for table in materialized_views.SELECTS:
        created = [name for name, _, _ in columns_of(store, table)]
        assert sorted(created) == sorted(materialized_views.list_insert_columns(table).split(", ")), HINT


def test_a_materialized_view_selects_what_a_rebuild_selects(store: Store) -> None:
    for table, build_select in materialized_views.SELECTS.items():
        [created] = store.rows(VIEW, {"name": f"{table}_view"})
        [rebuilt] = store.rows(FORMATTED, {"query": build_select(f"events{SUFFIX}")})
        assert sort_lines(created["query"]) == sort_lines(rebuilt["query"]), HINT


def test_migrations_are_literal_and_numbered_without_gaps() -> None:
    files = list_files()
    assert [file.name[:5] for file in files] == [f"{number:04}_" for number in range(1, len(files) + 1)]
    for file in files:
        placeholders = set(re.findall(r"\{[^}]*\}", file.read_text()))
        assert all(one == "{local}" or re.fullmatch(r"\{distributed:\w+:\w+\}", one) for one in placeholders), file.name
