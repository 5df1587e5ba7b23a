"""Which shard of a cluster holds which rows.

A row belongs to one of SLOTS slots, by a hash of its device (or site), and a slot to one shard. The assignment is
stored on every node, and the `Distributed` tables place rows by it. So a shard that is added later gets no rows until
`manage.py events rebalance` gives it slots together with their rows, and all rows of a device stay together.

The first assignment places rows as a hash modulo the number of shards does, which earlier versions used: SLOTS is
divisible by every number up to 8. Other changes of the list of shards are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from tracking.store import client
from tracking.store.errors import StoreAway, StoreError
from tracking.store.target import Host, Target

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

SLOTS = 840
SLOTS_TABLE = "shard_slots"
UNFINISHED_REBALANCE = "unfinished rebalance"  # among the migrations of a node, while rows change their shard
SlotAssignment = tuple[int, ...]  # the shard of each slot, counted from 1
ShardAddresses = tuple[str, ...]  # the addresses of each shard in the cluster's list, in its order
CREATE_TABLE = (
    f"CREATE TABLE IF NOT EXISTS {SLOTS_TABLE} (version UInt64, own UInt16, listed Array(String), slots Array(UInt16))"
    " ENGINE = MergeTree ORDER BY version"
)
LIST_SHARDS = (  # of this node's list: the addresses of each shard, its own shard, the greatest weight of a shard
    "SELECT groupArray(addresses), max(own), max(weight) FROM (SELECT shard_num,"
    " arrayStringConcat(groupArray(host_name || ':' || toString(port)), ',') AS addresses,"
    " max(if(is_local, shard_num, 0)) AS own, max(shard_weight) AS weight"
    " FROM (SELECT * FROM system.clusters WHERE cluster = {cluster:String} ORDER BY shard_num, replica_num)"
    " GROUP BY shard_num ORDER BY shard_num)"
)


@dataclass(frozen=True, kw_only=True)
class StoredAssignment:
    """What a node has stored about its shard and all slots."""

    version: int
    own_shard: int
    listed: ShardAddresses
    slots: SlotAssignment


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node, as it describes itself and its cluster now."""

    host: Host
    own_shard: int  # number of its shard in the cluster's list
    listed: ShardAddresses
    stored: StoredAssignment | None
    has_rows: bool

    @property
    def name(self) -> str:
        return f"{self.host.name}:{self.host.port}"


def check_layout(destination: Target, host: Host) -> None:
    """Raise StoreError if the tables of a server belong to a cluster, and EVENTS_URL names none, or the reverse."""
    with client.client(host) as connection:
        rows = connection.query(
            "SELECT name, engine FROM system.tables WHERE database = currentDatabase()"
            " AND name IN ('events', 'events_local')"
        ).result_rows
    engines: dict[str, str] = dict(list(rows))  # type: ignore[arg-type]
    if destination.cluster and engines.get("events", "Distributed") != "Distributed":
        raise StoreError(
            f"The database {destination.database} on {host.name}:{host.port} holds the events of a single server. "
            "Name another database for the cluster, and copy the events: manage.py move."
        )
    if not destination.cluster and "events_local" in engines:
        raise StoreError(
            f"The database {destination.database} on {host.name}:{host.port} belongs to a cluster. "
            "Add ?cluster=NAME to EVENTS_URL, as remote_servers calls it."
        )


def is_assigned(destination: Target, hosts: Sequence[Host]) -> bool:
    """Return whether every node has the same assignment and places rows by it. Raises StoreError."""
    nodes = [read_node(destination, host) for host in hosts]
    check_shards(destination, nodes)
    if len({node.stored and (node.stored.version, node.stored.slots) for node in nodes}) != 1:
        return False
    return all(
        node.stored is not None
        and node.stored.listed == node.listed
        and uses_assignment(destination, node.host, node.stored.slots)
        for node in nodes
    )


def assign_slots(destination: Target, hosts: Sequence[Host], tables: Sequence[tuple[str, str]]) -> None:
    """Store the assignment on every node, and let its tables (name, column) place rows by it. Raises StoreError.

    It stays as it is if there is one already; a new shard has no slots yet.
    """
    for host in hosts:
        client.execute(CREATE_TABLE, host=host)
    nodes = [read_node(destination, host) for host in hosts]
    check_shards(destination, nodes)
    stored = find_newest(nodes)
    version, slots = (stored.version, stored.slots) if stored else (1, build_first_slots(nodes))
    if stored and any(node.stored != describe_assignment(node, version, slots) for node in nodes):
        version += 1  # so that no two assignments of a node have the same version
    for node in nodes:
        store_slots(destination, node, version, slots, tables)


def store_slots(
    destination: Target, node: Node, version: int, slots: SlotAssignment, tables: Sequence[tuple[str, str]]
) -> None:
    """Let the tables of a node place rows by these slots, then note so: `check_insert` asks for the note.

    The earlier assignment is deleted last. After an interruption both are there, and the newest one is read.
    """
    for table, column in tables:
        client.execute(build_table(table, column, destination.cluster, slots), host=node.host)
    if node.stored == describe_assignment(node, version, slots):
        return
    client.execute(
        f"INSERT INTO {SLOTS_TABLE} SELECT {version}, {node.own_shard}, {{listed:Array(String)}}, {list(slots)}",
        {"listed": list(node.listed)},
        host=node.host,
    )
    client.execute(
        f"ALTER TABLE {SLOTS_TABLE} DELETE WHERE version < {version}", settings={"mutations_sync": 2}, host=node.host
    )


def describe_assignment(node: Node, version: int, slots: SlotAssignment) -> StoredAssignment:
    """Return what a node stores once its tables place rows by these slots."""
    return StoredAssignment(version=version, own_shard=node.own_shard, listed=node.listed, slots=slots)


def read_node(destination: Target, host: Host) -> Node:
    """Ask a node for its shard, its list of shards and the stored assignment. Raises StoreError."""
    with client.client(host) as connection:
        listed, own, weight = connection.query(LIST_SHARDS, parameters={"cluster": destination.cluster}).result_rows[0]
        has_table, filled = connection.query(
            f"SELECT countIf(name = '{SLOTS_TABLE}'), sumIf(total_rows, name LIKE '%_local') FROM system.tables"
            " WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
        ).result_rows[0]
        rows = connection.query(
            f"SELECT version, own, listed, slots FROM {SLOTS_TABLE} ORDER BY version DESC LIMIT 1"
        ).result_rows if has_table else []  # fmt: skip
    if not own:
        raise StoreError(
            f"{host.name}:{host.port} does not find itself in its list of the cluster {destination.cluster!r}; "
            "remote_servers of every node needs the address of that node itself."
        )
    if weight != 1:
        raise StoreError("Shards hold rows by slots: remove the weights of shards from remote_servers.")
    stored = [
        StoredAssignment(version=version, own_shard=number, listed=tuple(addresses), slots=tuple(slots))
        for version, number, addresses, slots in rows
    ]
    return Node(
        host=host, own_shard=own, listed=tuple(listed), stored=stored[0] if stored else None, has_rows=bool(filled)
    )


def find_newest(nodes: Sequence[Node]) -> StoredAssignment | None:
    """Return the newest assignment of any node; None if there is none."""
    return max((node.stored for node in nodes if node.stored), key=lambda stored: stored.version, default=None)


def check_shards(destination: Target, nodes: Sequence[Node]) -> None:
    """Raise StoreError with a sentence if the list of shards is not what the stored rows were placed by."""
    check_lists_agree(destination, nodes)
    count = len(nodes[0].listed)
    if missing := set(range(1, count + 1)) - {node.own_shard for node in nodes}:
        raise StoreError(
            f"EVENTS_URL names no node of shard {min(missing)} of the cluster {destination.cluster!r}; name every node."
        )
    stored = find_newest(nodes)
    if stored and max(stored.slots) > count:
        raise StoreError(
            f"Shard {max(stored.slots)} of the cluster {destination.cluster!r} holds events, but is no longer in the "
            "list of shards. Put it back at its place."
        )
    has_rows = any(node.has_rows for node in nodes)
    for node in nodes:
        check_node(node, stored if has_rows else None)


def check_lists_agree(destination: Target, nodes: Sequence[Node]) -> None:
    """Raise StoreError if the nodes list different numbers of shards, or a shard at different places.

    A node may call itself by another name than others do, so only names that contradict each other are refused.
    """
    counts = sorted({len(node.listed) for node in nodes})
    if len(counts) > 1:
        raise StoreError(
            f"The nodes of the cluster {destination.cluster!r} list different numbers of shards "
            f"({' and '.join(map(str, counts))}); give every node the same remote_servers."
        )
    for node, other in product(nodes, repeat=2):
        own_addresses = set(node.listed[node.own_shard - 1].split(","))
        for number, addresses in enumerate(other.listed, 1):
            # At the own shard of the other node, the same address may be "localhost", and mean that node
            if number not in (node.own_shard, other.own_shard) and own_addresses & set(addresses.split(",")):
                raise StoreError(
                    f"{node.name} is shard {node.own_shard} of the cluster {destination.cluster!r}, but {other.name} "
                    f"lists it as shard {number}; give every node the same remote_servers."
                )


def check_node(node: Node, stored: StoredAssignment | None) -> None:
    """Raise StoreError if a node changed its place in the list of shards, or was replaced by an empty one."""
    if node.stored and node.stored.own_shard != node.own_shard:
        raise StoreError(
            f"{node.name} is shard {node.own_shard} in the list of shards, but holds the rows of shard "
            f"{node.stored.own_shard}. Restore the order of the list; new shards belong at its end."
        )
    if stored and not node.stored and node.own_shard in stored.slots and not node.has_rows:
        raise StoreError(
            f"{node.name} is empty, but the list of shards names it as shard {node.own_shard}, which holds events. "
            "New shards belong at the end of the list; restore a lost node from a backup."
        )


def build_first_slots(nodes: Sequence[Node]) -> SlotAssignment:
    """Return the assignment that keeps every row where an earlier version placed it. Raises StoreError if none does."""
    filled = max((node.own_shard for node in nodes if node.has_rows), default=0)
    if filled and SLOTS % filled:
        raise StoreError(f"Rows on {filled} shards cannot stay where they are; copy them to a new cluster.")
    count = filled or max(node.own_shard for node in nodes)
    return tuple(slot % count + 1 for slot in range(SLOTS))


def build_even_slots(slots: SlotAssignment, shards: int) -> SlotAssignment:
    """Return the assignment to so many shards that differs in the fewest slots and gives each about as many."""
    result = list(slots)
    wanted = {shard: SLOTS // shards + (shard <= SLOTS % shards) for shard in range(1, shards + 1)}
    surplus = [
        slot
        for shard in range(1, shards + 1)
        for slot in [at for at, owner in enumerate(slots) if owner == shard][wanted[shard] :]
    ]
    for shard in range(1, shards + 1):
        while result.count(shard) < wanted[shard]:
            result[surplus.pop()] = shard
    return tuple(result)


def slot_sql(column: str) -> str:
    """Return the SQL of a row's slot, counted from 0."""
    return f"cityHash64({column}) % {SLOTS}"


def format_shard_array(slots: SlotAssignment) -> str:
    """Write the index of each slot's shard, as ClickHouse writes it in a table's definition."""
    return f"[{', '.join(str(shard - 1) for shard in slots)}]"


def build_table(name: str, column: str, cluster: str, slots: SlotAssignment) -> str:
    """Return the statement that creates or replaces the Distributed table over `<name>_local`."""
    return (
        f"CREATE OR REPLACE TABLE {name} AS {name}_local ENGINE = Distributed('{cluster}', currentDatabase(),"
        f" '{name}_local', {format_shard_array(slots)}[{slot_sql(column)} + 1])"
    )


def uses_assignment(destination: Target, host: Host, slots: SlotAssignment) -> bool:
    """Return whether every Distributed table of a node is of this cluster and places rows by these slots."""
    with client.client(host) as connection:
        rows = connection.query(
            "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND engine = 'Distributed'"
        ).result_rows
    array, start = format_shard_array(slots), f"Distributed('{destination.cluster}',"
    return bool(rows) and all(array in text and re.sub(r"\\'", "'", text).startswith(start) for (text,) in rows)


def check_insert(connection: Client, destination: Target) -> None:
    """Raise StoreAway while a node's list of shards is not the one that its tables were made for.

    Asked before every insert, because ClickHouse reads a changed `remote_servers` at any time, and because an address
    in it may lead to another server from one moment to the next. Events then wait in the spool until `migrate` finds
    the list to be right again, or somebody corrects it.
    """
    rows = connection.query(
        f"SELECT listed, tupleElement(({LIST_SHARDS}), 1), (SELECT count() FROM schema_migrations"
        f" WHERE name = '{UNFINISHED_REBALANCE}'), ({list_exchanged_shards(destination)})"
        f" FROM {SLOTS_TABLE} ORDER BY version DESC LIMIT 1",
        parameters={"cluster": destination.cluster},
        settings={"skip_unavailable_shards": 1},  # an insert fails by itself if it has rows for such a shard
    ).result_rows
    if not rows:
        raise StoreAway("The event store is not migrated yet.")
    listed, now, rebalancing, exchanged = rows[0]
    if rebalancing:
        raise StoreAway("Rows are changing their shard (manage.py events rebalance).")
    if list(now[: len(listed)]) != list(listed):
        raise StoreAway(f"The list of shards of the cluster {destination.cluster!r} was changed.")
    if exchanged:
        raise StoreAway(
            f"In the list of shards of the cluster {destination.cluster!r}, the address of shard {exchanged[0]} leads "
            "to a node that holds the rows of another shard."
        )


def list_exchanged_shards(destination: Target) -> str:
    """Return the SQL for the shards of which the node that answers says itself that it is another one.

    Names of hosts say nothing of that: they may lead to another server than yesterday. A node that was restored from
    its backup is the shard that it was. `clusterAllReplicas` numbers all replicas, in the order of the list.
    """
    return (
        "WITH (SELECT groupArray(shard_num) FROM (SELECT shard_num FROM system.clusters"
        " WHERE cluster = {cluster:String} ORDER BY shard_num, replica_num)) AS shards"
        " SELECT groupUniqArray(shards[place]) FROM (SELECT _shard_num AS place, own"
        f" FROM clusterAllReplicas('{destination.cluster}', currentDatabase(), '{SLOTS_TABLE}'))"
        " WHERE shards[place] != own"
    )
