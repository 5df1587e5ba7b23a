"""After an interrupted move between events and bots every row exists once: repeated, or finished later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import browse
from tests.support.types import Store
from tracking.store import Selection, corrections, move
from tracking.store.target import get_target

SITE = 1000
ROOT = Path(__file__).resolve().parents[2]
CRAWL = Selection(SITE, {"user_agent": ["curl"]})
STEPS = ("_claim_rows", "_copy_claimed_rows", "rebuild_derived_rows", "confirm_touched", "_delete_job")

# Kills itself at a step; the events are its own, in DATA_DIR
KILLED = """
import django, os, signal; django.setup()
from tests.support import browse
from tracking import spool, store
from tracking.store import corrections
store.migrate()
browse(1000, "/a", "/b", visit=7, user_agent="curl"); browse(1000, "/c", visit=8, user_agent="Firefox", visitor="two")
spool.flush()
real = corrections.delete_rows
def delete(host, table, *more):
    if table == {table!r}:
        os.kill(os.getpid(), signal.SIGKILL)
    real(host, table, *more)
corrections.delete_rows = delete
crawl = store.Selection(1000, {{"user_agent": ["curl"]}})
{back}
store.quarantine_events(crawl, "by hand")
"""
BACK = """
corrections.delete_rows = real; store.quarantine_events(crawl, "by hand"); corrections.delete_rows = delete
store.restore_events(crawl)
"""
AFTER = """
import django, json; django.setup()
from tracking import spool, store
from tests.tracking.test_store_moves import lie
spool.flush()
crawl = store.Selection(1000, {{"user_agent": ["curl"]}})
{job}
print(lie(store)); spool.stop(); store.close()
"""
APART = {"events": 1, "bots": 2, "visits": [(8, 1)], "moves": 0, "corrections": 0}
BACK_AGAIN = {"events": 3, "bots": 0, "visits": [(7, 2), (8, 1)], "moves": 0, "corrections": 0}


def lie(store: Store) -> dict[str, Any]:
    """What lies where."""
    from tracking.store.migrate import list_nodes

    counts: dict[str, Any] = {
        name: store.rows(f"SELECT count() AS n FROM {name}")[0]["n"] for name in ("events", "bots")
    }
    seen = store.rows("SELECT visit, views FROM visits FINAL WHERE site_id = 1000 ORDER BY visit")
    counts["visits"] = [(row["visit"], row["views"]) for row in seen]
    for name in ("moves", "corrections"):
        counts[name] = sum(corrections.count_rows(host, name, "1", {}) for host in list_nodes())
    return counts


@pytest.fixture
def traffic(store: Store) -> Any:
    browse(SITE, "/a", "/b", visit=7, user_agent="curl")
    browse(SITE, "/c", visit=8, user_agent="Firefox", visitor="two")
    return store


def stop_at(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """The step is never reached."""
    monkeypatch.setattr(move if step.startswith("_") else corrections, step, lambda *_, **__: 1 / 0)


@pytest.mark.parametrize(
    ("step", "again"),
    [  # by turns, the others are heavy
        pytest.param(step, again, marks=() if again == (number % 2 == 0) else pytest.mark.heavy,
                     id=f"{step} {'asked again' if again else 'finished'}")
        for number, step in enumerate(STEPS) for again in (True, False)
    ],
)  # fmt: skip
def test_after_an_interrupted_move_every_row_exists_once(
    traffic: Any, monkeypatch: pytest.MonkeyPatch, step: str, again: bool
) -> None:
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        stop_at(patch, step)
        traffic.quarantine_events(CRAWL, "by hand")
    if again or step == "_claim_rows":  # before the claim nothing was decided
        traffic.quarantine_events(CRAWL, "by hand")
    traffic.finish_corrections(0)
    assert lie(traffic) == APART
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        stop_at(patch, step)
        traffic.restore_events(CRAWL)
    if again or step == "_claim_rows":
        traffic.restore_events(CRAWL)
    traffic.finish_corrections(0)
    assert lie(traffic) == BACK_AGAIN


def test_the_latest_mark_counts_when_an_interrupted_move_is_finished_later(
    traffic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(corrections, "rebuild_derived_rows", lambda *_: 1 / 0)
        traffic.quarantine_events(CRAWL, "by hand")
    if not get_target().embedded:  # another process might still be at it: an hour later nobody is
        traffic.finish_corrections(0)
    assert traffic.restore_events(CRAWL) == 2
    traffic.finish_corrections(0)
    assert lie(traffic) == BACK_AGAIN


def test_a_move_that_another_process_may_be_running_is_not_finished(
    traffic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(corrections, "rebuild_derived_rows", lambda *_: 1 / 0)
        traffic.quarantine_events(CRAWL, "by hand")
    assert traffic.finish_corrections(600) == 0
    assert traffic.finish_corrections(0) >= 1 and traffic.finish_corrections(0) == 0


@pytest.mark.parametrize(
    ("table", "back", "job", "then"),
    [
        ("events", "", "store.finish_corrections()", APART),
        pytest.param("events", "", "store.quarantine_events(crawl, 'by hand'); store.finish_corrections()", APART,
                     marks=pytest.mark.heavy),
        ("bots", BACK, "store.finish_corrections()", BACK_AGAIN),
    ],
    ids=["killed setting apart", "asked again", "killed bringing back"],
)  # fmt: skip
def test_a_move_killed_between_copy_and_delete_is_finished(
    tmp_path: Path, table: str, back: str, job: str, then: dict[str, Any]
) -> None:
    env = {
        **os.environ, "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings",
        "EVENTS_URL": "", "DATABASE_URL": "", "REDIS_URL": "",
    }  # fmt: skip

    def run(script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
        )

    first = run(KILLED.format(table=table, back=back))
    assert first.returncode == -signal.SIGKILL, first.stderr[-2000:]
    second = run(AFTER.format(job=job))
    assert second.returncode == 0, second.stderr[-2000:]
    assert second.stdout.splitlines()[-1] == str(then)
