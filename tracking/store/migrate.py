"""Numbered SQL files become tables: `migrations/NNNN_what_it_does.sql.tmpl`, each once per node, with a ledger.

A file is statements that end in `;` at a line's end, and may be run again (IF NOT EXISTS). In it
    {local}                   `` on one node, `_local` on a cluster
    {distributed:NAME}        nothing on one node; on a cluster the Distributed table over NAME_local
    {event_columns}           the columns of an event (also {event_names}, {visit_aliases})
    {visits_select:SOURCE}    what a view selects (also identities_select, firsts_select)
A cluster needs no Keeper: every node is addressed by itself.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tracking.store import session, tables, views
from tracking.store.errors import StoreError
from tracking.store.insert import insert_rows
from tracking.store.target import Host, Target, target

FOLDER = Path(__file__).parent / "migrations"
log = logging.getLogger(__name__)
LEDGER = "schema_migrations"
PLACEHOLDER = re.compile(r"\{(\w+)(?::([\w{}]+?))?\}(?!\})")


def files() -> list[Path]:
    """All migrations in order."""
    return sorted(FOLDER.glob("[0-9]*.sql.tmpl"))


def nodes(goal: Target | None = None) -> list[Host | None]:
    """Every node that holds data, each addressed by itself; [None] for the engine in this process."""
    goal = goal or target()
    if goal.embedded:
        return [None]
    if len(goal.hosts) > 1 or not goal.cluster:
        return list(goal.hosts)
    port = goal.hosts[0].port
    found = session.rows(
        "SELECT DISTINCT host_name FROM system.clusters WHERE cluster = {name:String} ORDER BY host_name",
        {"name": goal.cluster},
    )
    if not found:
        raise StoreError(f"The server at {goal.where} knows no cluster named {goal.cluster!r}.")
    return [Host(row["host_name"], port) for row in found]


def migrate() -> list[str]:
    """Bring every node up to date; the names of the migrations that ran somewhere."""
    goal, done = target(), []
    for host in nodes(goal):
        _create_database(goal, host)
        applied = _applied(host)
        for file in files():
            name = file.name.partition(".")[0]
            if name not in applied:
                _apply(goal, host, file.read_text(), name)
                done.append(name)
        if host is not None:
            _bound_system_logs(host)
    return list(dict.fromkeys(done))


def is_migrated() -> bool:
    """Whether every node has every migration. Raises StoreAway."""
    names = {file.name.partition(".")[0] for file in files()}
    try:
        return all(names <= _applied(host) for host in nodes())
    except StoreError as error:
        if "lacks a table" in str(error):
            return False
        raise


def truncate() -> None:
    """Empty every table on every node (tests)."""
    for host in nodes():
        for name in _filled_tables(host):
            session.execute(f"TRUNCATE TABLE {name}", host=host)


def statements(text: str, goal: Target) -> Iterator[str]:
    """The statements of a migration, rendered for this target."""
    rendered = render(re.sub(r"^--.*$", "", text, flags=re.M), goal)
    yield from (part.strip() for part in re.split(r";[ \t]*\n", rendered + "\n") if part.strip())


def render(text: str, goal: Target) -> str:
    """A migration's text with its placeholders filled."""
    text = text.replace("{local}", "_local" if goal.cluster else "")
    return PLACEHOLDER.sub(lambda found: _fill(found[1], found[2] or "", goal), text)


def _fill(word: str, argument: str, goal: Target) -> str:
    if word == "distributed":
        return distributed(argument, goal) + ";\n" if goal.cluster else ""
    if word.removesuffix("_select") in views.SELECTS:
        return views.SELECTS[word.removesuffix("_select")](argument)
    if word == "visit_aliases":
        found = views.visit_aliases().items()
        return ",\n    ".join(f"`{name}` {type} ALIAS {sql}" for name, (type, sql) in found)
    return {"event_columns": tables.event_columns, "event_names": tables.event_names}[word]()


def distributed(name: str, goal: Target) -> str:
    """The Distributed table over `<name>_local`; every table has a column its rows are placed by."""
    shard = next((table.shard for table in tables.TABLES if table.name == name), "site_id")
    return (
        f"CREATE TABLE IF NOT EXISTS {name} AS {name}_local"
        f" ENGINE = Distributed('{goal.cluster}', currentDatabase(), '{name}_local', cityHash64({shard}))"
    )


def _create_database(goal: Target, host: Host | None) -> None:
    if host is not None and goal.database != "default":
        session.create_database(goal, host)
    session.execute(
        f"CREATE TABLE IF NOT EXISTS {LEDGER} (name String, applied DateTime('UTC')) ENGINE = MergeTree ORDER BY name",
        host=host,
    )


def _applied(host: Host | None) -> set[str]:
    with session.client(host) as opened:
        return {row[0] for row in opened.query(f"SELECT name FROM {LEDGER}").result_rows}


def _bound_system_logs(host: Host) -> None:
    """Let a server's own logs forget after a week, so that they never fill its disk, where we may say so."""
    try:
        with session.client(host) as opened:
            found = opened.query(
                "SELECT name FROM system.tables WHERE database = 'system' AND name LIKE '%_log'"
                " AND engine LIKE '%MergeTree' AND engine_full NOT LIKE '% TTL %'"
            )
        for (name,) in found.result_rows:
            session.execute(f"ALTER TABLE system.{name} MODIFY TTL event_date + INTERVAL 7 DAY", host=host)
    except StoreError as error:
        log.info("the server's own logs keep what their configuration says: %s", error)


def _apply(goal: Target, host: Host | None, text: str, name: str) -> None:
    for statement in statements(text, goal):
        session.execute(statement, host=host)
    insert_rows(LEDGER, [{"name": name, "applied": datetime.now(UTC)}], host=host)


def _filled_tables(host: Host | None) -> list[str]:
    """The tables of a node that hold rows themselves and are not empty, the ledger aside."""
    with session.client(host) as opened:
        found = opened.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
            " AND total_rows > 0"
        )
        return [row[0] for row in found.result_rows if row[0] != LEDGER]
