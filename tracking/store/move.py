"""Move rows between `events` and `bots`: claim, copy, delete, and rebuild everything derived from them.

Each step may be repeated. A row is claimed in `moves` first; a claimed row is copied unless it was copied already, and
then deleted at its source. So an interrupted caller may try again, and `finish_corrections` completes the rest.
"""

from __future__ import annotations

from functools import partial

from accounts.run_each import run_each
from tracking.schema import EVENT_COLUMNS
from tracking.store import client, corrections
from tracking.store.corrections import Selection, get_local_table
from tracking.store.errors import StoreAway
from tracking.store.locks import write_lock
from tracking.store.migrate import list_nodes
from tracking.store.target import Host, get_target

ROW_KEY = "site_id, visit, ts, id"
EVENT_COLUMN_LIST = ", ".join(f"`{name}`" for name in EVENT_COLUMNS)
SOURCE_TABLES = {"bots": "events", "events": "bots"}
ABANDONED_SECONDS = 3600  # younger jobs may still be running in another process


def quarantine_events(selection: Selection, reason: str) -> int:
    """Move the selected events to `bots` and return how many. Their visits are rebuilt from the remaining events.

    Raises StoreError; repeating it finishes the job.
    """
    return _move_events(selection, "bots", reason)


def restore_events(selection: Selection) -> int:
    """Move the selected rows of `bots` back to `events` and return how many. Raises StoreError."""
    return _move_events(selection, "events", "")


def finish_corrections(abandoned: int | None = None) -> int:
    """Finish interrupted corrections, the oldest first, and return how many there were.

    `abandoned` is the age in seconds of an interrupted one; by default 0 where no other process can have started it.
    """
    seconds = (0 if get_target().embedded else ABANDONED_SECONDS) if abandoned is None else abandoned
    open_jobs = " UNION ALL ".join(f"SELECT job, at FROM {get_local_table(name)}" for name in ("corrections", "moves"))
    sql = f"SELECT job FROM ({open_jobs}) GROUP BY job HAVING min(at) <= now64(3) - {int(seconds)} ORDER BY max(at)"
    result = 0
    for host in list_nodes():
        with client.client(host) as connection:
            jobs = [row[0] for row in connection.query(sql).result_rows]
        result += len(run_each(jobs, partial(_finish_job, host), what="Correction", stop_for=(StoreAway,)))
    return result


def _finish_job(host: Host | None, job: int) -> None:
    with write_lock:
        _copy_claimed_rows(host, job)
        corrections.rebuild_derived_rows(host, job)
        corrections.touch_following_day(host, job)
        _delete_job(host, job)


def _move_events(selection: Selection, destination: str, reason: str) -> int:
    """Claim the rows on every node, then move them to `destination`; return how many were claimed."""
    where, params = selection.sql()
    claimed_rows, claimed = 0, []
    hosts = list_nodes()
    with write_lock:
        if get_target().embedded:
            finish_corrections()  # earlier jobs first
        for host in hosts:
            started = corrections.read_clock(host)
            job = corrections.record_corrections(
                host, where, params, complete_visits=False, source=SOURCE_TABLES[destination]
            )
            claimed_rows += _claim_rows(host, job, destination, reason, where, params)
            claimed.append((host, job, started))
        for host, job, started in claimed:
            _copy_claimed_rows(host, job)
            corrections.rebuild_derived_rows(host, job)
            corrections.confirm_touched(host, selection.site_id, started)
            _delete_job(host, job)
    return claimed_rows


def _claim_rows(
    host: Host | None, job: int, destination: str, reason: str, where: str, params: dict[str, object]
) -> int:
    """Claim every row to move, replacing older claims; return how many there are."""
    client.execute(
        f"INSERT INTO {get_local_table('moves')} SELECT {job}, now64(3), {{goal:String}}, {{why:String}}, {ROW_KEY}"
        f" FROM {get_local_table(SOURCE_TABLES[destination])} WHERE {where}",
        {**params, "goal": destination, "why": reason}, host=host,
    )  # fmt: skip
    corrections.delete_rows(host, "moves", f"job != {job} AND ({ROW_KEY}) IN ({_select_claimed(job)})", {})
    return corrections.count_rows(host, "moves", f"job = {job}", {})


def _copy_claimed_rows(host: Host | None, job: int) -> None:
    """Copy the claimed rows that were not copied yet, and delete them at their source."""
    with client.client(host) as connection:
        sql = f"SELECT DISTINCT goal, reason FROM {get_local_table('moves')} WHERE job = {job}"
        result = connection.query(sql).result_rows
    for destination, reason in result:
        source, claimed = SOURCE_TABLES[destination], f"({ROW_KEY}) IN ({_select_claimed(job)})"
        column, value = (", reason", ", {why:String}") if destination == "bots" else ("", "")
        client.execute(
            f"INSERT INTO {get_local_table(destination)} ({EVENT_COLUMN_LIST}{column})"
            f" SELECT {EVENT_COLUMN_LIST}{value} FROM {get_local_table(source)} WHERE {claimed}"
            f" AND ({ROW_KEY}) NOT IN (SELECT {ROW_KEY} FROM {get_local_table(destination)} WHERE {claimed})",
            {"why": reason} if column else {},
            host=host,
        )
        corrections.delete_rows(host, source, claimed, {})


def _delete_job(host: Host | None, job: int) -> None:
    corrections.delete_rows(host, "moves", f"job = {job}", {})
    corrections.delete_job(host, job)


def _select_claimed(job: int) -> str:
    return f"SELECT {ROW_KEY} FROM {get_local_table('moves')} WHERE job = {job}"
