"""Rows move between `events` and `bots`: claimed, copied, deleted, and everything made of them made anew.

Each step may be done twice. A row is claimed in `moves` first; a claimed row is copied unless it is there already, and
deleted where it was. So whoever was interrupted may ask again, and `finish` does the rest of what nobody asks for.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from accounts.operations.run import run_each
from tracking.store import correct, session
from tracking.store.changes import gate
from tracking.store.correct import Selection, local
from tracking.store.errors import StoreAway
from tracking.store.migrate import nodes
from tracking.store.tables import event_names
from tracking.store.target import Host, target

ROW = "site_id, visit, ts, id"
SOURCE = {"bots": "events", "events": "bots"}
ABANDONED_SECONDS = 3600  # until then another process may still be at it


def set_apart(selection: Selection, reason: str) -> int:
    """Move the selected events to `bots`; how many. Their visits are made anew from what remains.

    Raises StoreError; doing it again finishes the job.
    """
    return _move(selection, "bots", reason)


def bring_back(selection: Selection) -> int:
    """Move the selected rows of `bots` back among the events; how many. Raises StoreError, as `set_apart`."""
    return _move(selection, "events", "")


def finish(abandoned: int | None = None) -> int:
    """Finish corrections that were interrupted, the oldest first; how many there were.

    `abandoned` is the age in seconds that tells one; by default none where no other process can be at it.
    """
    seconds = (0 if target().embedded else ABANDONED_SECONDS) if abandoned is None else abandoned
    known = " UNION ALL ".join(f"SELECT job, at FROM {local(name)}" for name in ("corrections", "moves"))
    asked = f"SELECT job FROM ({known}) GROUP BY job HAVING min(at) <= now64(3) - {int(seconds)} ORDER BY max(at)"
    found = 0
    for host in nodes():
        with session.client(host) as opened:
            jobs = [row[0] for row in opened.query(asked).result_rows]
        found += len(run_each(jobs, partial(_finish_job, host), what="Correction", stop_for=(StoreAway,)))
    return found


def _finish_job(host: Host | None, job: int) -> None:
    with gate:
        _carry(host, job)
        correct.make_anew(host, job)
        correct.touch_days(host, job)
        _forget(host, job)


def _move(selection: Selection, goal: str, reason: str) -> int:
    """Claim the rows on every node, then carry them to `goal`; how many were claimed."""
    where, params = selection.sql()
    moved, claimed = 0, []
    hosts = nodes()
    with gate:
        if target().embedded:
            finish()  # what was decided before comes first
        for host in hosts:
            begun = correct.clock(host)
            job = correct.note(host, where, params, whole_visits=False, source=SOURCE[goal])
            moved += _claim(host, job, goal, reason, where, params)
            claimed.append((host, job, begun))
        for host, job, begun in claimed:
            _carry(host, job)
            correct.make_anew(host, job)
            correct.touch_again(host, selection.site_id, begun)
            _forget(host, job)
    return moved


def _claim(host: Host | None, job: int, goal: str, reason: str, where: str, params: dict[str, Any]) -> int:
    """Note every row that is to move; an older claim on one of them is void. How many there are."""
    session.execute(
        f"INSERT INTO {local('moves')} SELECT {job}, now64(3), {{goal:String}}, {{why:String}}, {ROW}"
        f" FROM {local(SOURCE[goal])} WHERE {where}",
        {**params, "goal": goal, "why": reason}, host=host,
    )  # fmt: skip
    correct.delete(host, "moves", f"job != {job} AND ({ROW}) IN ({_claimed(job)})", {})
    return correct.count(host, "moves", f"job = {job}", {})


def _carry(host: Host | None, job: int) -> None:
    """Copy the claimed rows that are not there yet, and delete them where they were."""
    with session.client(host) as opened:
        asked = f"SELECT DISTINCT goal, reason FROM {local('moves')} WHERE job = {job}"
        found = opened.query(asked).result_rows
    for goal, reason in found:
        source, claimed = SOURCE[goal], f"({ROW}) IN ({_claimed(job)})"
        column, value = (", reason", ", {why:String}") if goal == "bots" else ("", "")
        session.execute(
            f"INSERT INTO {local(goal)} ({event_names()}{column}) SELECT {event_names()}{value}"
            f" FROM {local(source)} WHERE {claimed}"
            f" AND ({ROW}) NOT IN (SELECT {ROW} FROM {local(goal)} WHERE {claimed})",
            {"why": reason} if column else {}, host=host,
        )  # fmt: skip
        correct.delete(host, source, claimed, {})


def _forget(host: Host | None, job: int) -> None:
    correct.delete(host, "moves", f"job = {job}", {})
    correct.forget(host, job)


def _claimed(job: int) -> str:
    return f"SELECT {ROW} FROM {local('moves')} WHERE job = {job}"
