"""Give every shard about as many slots, together with their rows: `manage.py events rebalance` after shards were added.

Rows are copied into a table beside the one that is read, attached to that one without running its materialized views,
and deleted at their old place once the new assignment is stored. Nothing may write meanwhile: the servers are stopped,
and a mark on every node makes inserts of forgotten ones wait. An interrupted run is repeated from its start: first
every node deletes the rows of slots that are not its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic, sleep

from accounts.migration_lock import hold_migration_lock
from tracking.store import client, shards
from tracking.store.corrections import WAIT_FOR_MUTATION
from tracking.store.errors import StoreError
from tracking.store.insert import insert_rows
from tracking.store.migrate import MIGRATIONS_TABLE, list_distributed, list_hosts
from tracking.store.shards import UNFINISHED_REBALANCE, Node, SlotAssignment, slot_sql
from tracking.store.target import Host, Target, get_target

# Written on the node where the events are, and read over all
TABLES_WITHOUT_SLOTS = {"touched", "corrections", "moves"}
RUNNING_INSERTS = (
    "SELECT count() FROM system.processes WHERE query_kind = 'Insert' AND current_database = currentDatabase()"
)
MAX_INSERT_SECONDS = 60.0
COPY_SETTINGS: dict[str, object] = {
    "insert_deduplicate": 0,
    "max_partitions_per_insert_block": 0,
}


def rebalance() -> int:
    """Spread the slots evenly and return how many changed their shard. Raises StoreError; then repeat it."""
    destination = get_target()
    if not destination.cluster:
        raise StoreError("Only a cluster has shards; EVENTS_URL names none.")
    with hold_migration_lock():
        hosts = list_hosts()
        nodes = [shards.read_node(destination, host) for host in hosts]
        shards.check_shards(destination, nodes)
        stored = shards.find_newest(nodes)
        if stored is None or any(node.stored is None for node in nodes):
            raise StoreError("The event store is not migrated yet: manage.py events migrate")
        check_no_corrections(nodes)
        wanted = shards.build_even_slots(stored.slots, len(nodes[0].listed))
        moving = [slot for slot in range(shards.SLOTS) if stored.slots[slot] != wanted[slot]]
        if moving or is_unfinished():
            change_slots(destination, nodes, (stored.version, stored.slots), wanted)
    return len(moving)


def change_slots(
    destination: Target, nodes: Sequence[Node], stored: tuple[int, SlotAssignment], wanted: SlotAssignment
) -> None:
    """Move the rows of all slots whose shard changes, and store the new assignment."""
    version, slots = stored
    mark_as_rebalancing(nodes)
    for node in nodes:
        delete_foreign_rows(node, slots)
    receiving = [
        node for node in nodes if node.own_shard in {new for old, new in zip(slots, wanted, strict=True) if old != new}
    ]
    for node in receiving:
        incoming = [slot for slot in range(shards.SLOTS) if wanted[slot] == node.own_shard != slots[slot]]
        for table, column in list_tables_by_slot():
            copy_rows(node.host, table, column, incoming)
    for node in receiving:
        for table, _ in list_tables_by_slot():
            attach_rows(node.host, table)
    for node in nodes:
        shards.store_slots(destination, node, version + 1, wanted, list_distributed())
    for node in nodes:
        delete_foreign_rows(node, wanted)
    for node in nodes:
        statement = f"ALTER TABLE {MIGRATIONS_TABLE} DELETE WHERE name = '{UNFINISHED_REBALANCE}'"
        client.execute(statement, settings=WAIT_FOR_MUTATION, host=node.host)


def list_tables_by_slot() -> list[tuple[str, str]]:
    """Return the tables whose rows have to be on the shard of their slot, and the column that says which."""
    return [(table, column) for table, column in list_distributed() if table not in TABLES_WITHOUT_SLOTS]


def is_unfinished() -> bool:
    """Return whether an earlier run was interrupted. Raises StoreError."""
    sql = f"SELECT count() FROM {MIGRATIONS_TABLE} WHERE name = '{UNFINISHED_REBALANCE}'"
    return any(count(host, sql) for host in list_hosts())


def mark_as_rebalancing(nodes: Sequence[Node]) -> None:
    """Mark every node, so that nothing else uses the store; then wait until inserts that began before have ended."""
    for node in nodes:
        insert_rows(MIGRATIONS_TABLE, [{"name": UNFINISHED_REBALANCE, "applied": datetime.now(UTC)}], host=node.host)
    deadline = monotonic() + MAX_INSERT_SECONDS
    while any(count(node.host, RUNNING_INSERTS) for node in nodes):
        if monotonic() > deadline:
            raise StoreError("Something still inserts into the event store. Stop all servers and repeat it.")
        sleep(0.1)


def check_no_corrections(nodes: Sequence[Node]) -> None:
    """Raise StoreError if a correction was interrupted: its notes are on the node whose rows it changes."""
    for node in nodes:
        if any(count(node.host, f"SELECT count() FROM {table}_local") for table in ("corrections", "moves")):
            raise StoreError("A correction was interrupted; finish it first: manage.py events finish")


def copy_rows(host: Host, table: str, column: str, slots: Sequence[int]) -> None:
    """Copy the rows of these slots from their shards to a table of this node. Raises StoreError if any is missing."""
    staging = name_staging_table(table)
    where = f"WHERE {slot_sql(column)} IN ({', '.join(map(str, slots))})"
    client.execute(f"DROP TABLE IF EXISTS {staging} SYNC", host=host)
    client.execute(f"CREATE TABLE {staging} AS {table}_local", host=host)
    client.execute(f"INSERT INTO {staging} SELECT * FROM {table} {where}", settings=COPY_SETTINGS, host=host)
    # Rows of one key are merged at any time, so that only merged rows can be counted
    final = " FINAL" if has_merged_rows(host, table) else ""
    expected = count(host, f"SELECT count() FROM {table}{final} {where}")
    if (copied := count(host, f"SELECT count() FROM {staging}{final}")) != expected:
        raise StoreError(
            f"{copied} of {expected} rows of {table} arrived on {host.name}:{host.port}. Nothing was deleted; stop all "
            "servers and repeat it."
        )


def attach_rows(host: Host, table: str) -> None:
    """Attach the copied rows to the table that is read, without running its materialized views."""
    staging = name_staging_table(table)
    with client.client(host) as connection:
        partitions = connection.query(
            "SELECT DISTINCT partition_id FROM system.parts WHERE active AND database = currentDatabase()"
            " AND table = {table:String}",
            parameters={"table": staging},
        ).result_rows
    for (partition,) in partitions:
        client.execute(f"ALTER TABLE {table}_local ATTACH PARTITION ID '{partition}' FROM {staging}", host=host)
    client.execute(f"DROP TABLE {staging} SYNC", host=host)


def name_staging_table(table: str) -> str:
    """Return the name of the table that holds copied rows until they are attached."""
    return f"{table}_arriving"


def delete_foreign_rows(node: Node, slots: SlotAssignment) -> None:
    """Delete the rows of a node whose slots are those of other shards."""
    foreign = ", ".join(str(slot) for slot in range(shards.SLOTS) if slots[slot] != node.own_shard)
    for table, column in list_tables_by_slot() if foreign else ():
        where = f"{slot_sql(column)} IN ({foreign})"
        if count(node.host, f"SELECT count() FROM (SELECT 1 FROM {table}_local WHERE {where} LIMIT 1)"):
            client.execute(
                f"ALTER TABLE {table}_local DELETE WHERE {where}", settings=WAIT_FOR_MUTATION, host=node.host
            )


def has_merged_rows(host: Host, table: str) -> bool:
    """Return whether rows of one key of a table are merged into one."""
    sql = (
        "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = '{}' AND engine != 'MergeTree'"
    )
    return bool(count(host, sql.format(f"{table}_local")))


def count(host: Host, sql: str) -> int:
    """Return the single number that a query on one node gives."""
    with client.client(host) as connection:
        return int(connection.query(sql).result_rows[0][0])
