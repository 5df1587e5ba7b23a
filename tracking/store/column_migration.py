"""The migration that adds a declared column to the tables of a filled store.

Written once, by `manage.py add_event_column`, and then a file like any other: it never changes again.
"""

from __future__ import annotations

from pathlib import Path

from tracking.schema import EVENT_COLUMNS, Column, VisitValue
from tracking.store import materialized_views
from tracking.store.migrate import list_files

MERGED_BY = {
    VisitValue.FIRST: "min",
    VisitValue.FIRST_KNOWN: "min",
    VisitValue.GREATEST: "max",
    VisitValue.LEAST: "min",
}


def write_migration(name: str) -> Path:
    """Write the next migration, which adds the column. Raises ValueError for a column that is not declared."""
    if name not in EVENT_COLUMNS:
        raise ValueError(f"tracking/schema.py declares no column {name!r}")
    files = list_files()
    path = files[-1].with_name(f"{len(files) + 1:04}_{name}.sql.tmpl")
    path.write_text(build_migration(name, EVENT_COLUMNS[name]))
    return path


def build_migration(name: str, column: Column) -> str:
    """Return the statements that add the column to every table that has it."""
    codec = f" CODEC({column.codec})" if column.codec else ""
    statements = [
        add_column(table, definition)
        for table, definition in [
            ("events", f"`{name}` {column.type}{codec}"),
            ("bots", f"`{name}` {column.type}{codec}"),
            *(("visits", definition) for definition in list_visit_definitions(name, column)),
        ]
    ]
    if column.visit:
        select = materialized_views.visits_select("events{local}")
        statements.append(f"ALTER TABLE visits_view MODIFY QUERY\n{select};\n")
    if column.dimension and column.dimension.by_device:
        statements.append(add_column("rollup_devices", f"`{name}` {column.type}"))
    if column.dimension and column.dimension.in_rollups:
        statements.append("-- Closed days lack the dimension: they are built anew.\n")
        statements.append("TRUNCATE TABLE rollup_builds{local};\n")
    return f"-- {column.doc}\n" + "".join(statements)


def add_column(table: str, definition: str) -> str:
    """Return the statements for one table: on each node, and for the table over all nodes of a cluster."""
    names = (f"{table}{{local}}", table)
    return "".join(f"ALTER TABLE {each} ADD COLUMN IF NOT EXISTS {definition};\n" for each in names)


def list_visit_definitions(name: str, column: Column) -> list[str]:
    """Return the definitions of the columns of `visits`: one that merges by itself, and the alias of a ranked value."""
    if column.visit is None:
        return []
    stored_name, _ = materialized_views.VISIT_EXPRESSIONS[column.visit](name)
    if column.visit is VisitValue.SUM:
        sum_type = "Decimal(38, 4)" if column.type.startswith("Decimal") else "UInt64"
        return [f"`{name}` SimpleAggregateFunction(sum, {sum_type})"]
    if column.visit not in MERGED_BY:
        raise ValueError(f"write the migration of {name!r} by hand: a visit's map has a type of its own")
    stored = f"`{stored_name}` SimpleAggregateFunction({MERGED_BY[column.visit]}, {column.type})"
    return [stored] if stored_name == name else [stored, f"`{name}` {column.type} ALIAS substring({stored_name}, 2)"]
