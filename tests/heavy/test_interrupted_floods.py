"""Interrupted floods of hits: every answered hit is stored, nothing else, and nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.heavy.flooded_server import Flood, Served, end_all
from tests.served import wait_until

pytestmark = pytest.mark.heavy
PAGES = "SELECT toUInt64(substring(path, 2)) AS number, count() AS times FROM events GROUP BY number"
VIEWS = "SELECT sum(views) AS views FROM visits FINAL"
LEDGER = (
    "SELECT (SELECT sum(hits) FROM received) AS received, (SELECT count() FROM events) AS stored,"
    " (SELECT sum(hits) FROM refusals) AS refused,"
    " (SELECT sum(hits) FROM refusals WHERE reason = 'spool_full') AS without_space"
)
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


def check(flood: Flood, pages: list[dict[str, Any]], views: list[dict[str, Any]]) -> None:
    recorded = {int(row["number"]): int(row["times"]) for row in pages}
    assert {number for number, times in recorded.items() if times != 1} == set(), "recorded twice"
    assert flood.answered <= set(recorded), "answered and not recorded"
    assert set(recorded) <= flood.sent, "recorded and never sent"
    assert not set(recorded) & set(flood.refused), "refused and recorded"
    assert int(views[0]["views"]) == len(recorded), "visits do not agree with events"


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Servers end with their test."""
    yield
    end_all()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[list[Path]]:
    """Mount points to be given back."""
    points: list[Path] = []
    yield points
    for point in points:
        subprocess.run(["umount", "-l", str(point)], check=False)


def mount(points: list[Path], point: Path, options: str) -> None:
    point.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(point)], check=True)
    points.append(point)


def remount(point: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(point)], check=True)


def kill(server: Served, flood: Flood, enough: int) -> None:
    """Kill the server in the middle of a flood, once so many requests were answered; however fast that is."""
    wait_until(lambda: len(flood.answered) > enough, lambda: f"{len(flood.answered)} answers", seconds=120)
    server.end(signal.SIGKILL)


def flood_until_killed(server: Served, flood: Flood, enough: int) -> None:
    killer = threading.Thread(target=kill, args=(server, flood, enough))
    killer.start()
    flood.until(lambda: not killer.is_alive())


def test_killed_ten_times_during_a_flood_no_event_is_lost_or_stored_twice(tmp_path: Path) -> None:
    server = Served(tmp_path)
    server.start()
    flood = Flood(server.provision())
    for round_number in range(10):
        enough = len(flood.answered) + 220 + 13 * round_number
        flood_until_killed(server, flood, enough)
        server.start()
    flood.for_seconds(0.5)
    server.end()
    check(flood, *server.recorded(PAGES, VIEWS))
    assert len(flood.answered) > 2_000


def test_a_store_outage_loses_no_event_and_shows_in_health(tmp_path: Path) -> None:
    away = Served(tmp_path, EVENTS_URL="clickhouse://127.0.0.1:9/nowhere")
    away.start()
    flood = Flood(away.provision())
    flood.until(lambda: len(flood.answered) > 500)
    health = away.until(lambda health: not health["store"]["reachable"])
    assert health["status"] == "degraded" and "does not answer" in health["store"]["error"]
    assert health["spool"]["depth"] >= len(flood.answered) > 500
    away.end()
    back = Served(tmp_path)
    back.start()
    flood.for_seconds(1)
    health = back.until(lambda health: health["spool"]["depth"] == 0)
    assert health["store"]["reachable"] and health["spool"]["warning"] == ""
    back.end()
    check(flood, *back.recorded(PAGES, VIEWS))


@root_only
def test_a_spool_directory_that_becomes_writable_is_used_without_restart(tmp_path: Path, mounted: list[Path]) -> None:
    mount(mounted, tmp_path / "disk", "ro,size=512m")
    server = Served(tmp_path, EVENTS_URL=f"chdb://{tmp_path}/disk/events")
    server.start()
    flood = Flood(server.provision())
    flood.for_seconds(2)
    health = server.until(lambda health: not health["store"]["reachable"])
    assert "cannot be written" in health["store"]["error"]
    remount(tmp_path / "disk", "rw")
    flood.for_seconds(1)
    server.until(lambda health: health["spool"]["depth"] == 0 and health["store"]["reachable"])
    server.end()
    check(flood, *server.recorded(PAGES, VIEWS))


@root_only
def test_a_full_disk_rejects_hits_with_a_reason_and_counts_them(tmp_path: Path, mounted: list[Path]) -> None:
    mount(mounted, tmp_path / "spool", "size=3m")
    mount(mounted, tmp_path / "disk", "ro,size=512m")
    server = Served(tmp_path, EVENTS_URL=f"chdb://{tmp_path}/disk/events")
    server.start()
    flood = Flood(server.provision())
    flood.until(lambda: len(flood.sent) >= 6_000)
    assert set(flood.refused.values()) == {"spool_full"}
    assert server.health()["spool"]["full"] and "full" in server.health()["spool"]["warning"]
    remount(tmp_path / "disk", "rw")
    server.until(lambda health: health["spool"]["depth"] == 0 and health["store"]["reachable"])
    before = len(flood.refused)
    flood.for_seconds(1)
    assert len(flood.refused) == before
    server.until(lambda health: health["spool"]["depth"] == 0)
    server.end()
    pages, views, ledger = server.recorded(PAGES, VIEWS, LEDGER)
    check(flood, pages, views)
    assert len(pages) == len(flood.answered)
    told = {name: int(value) for name, value in ledger[0].items()}
    assert told["received"] == told["stored"] + told["refused"]
    assert told["stored"] + told["without_space"] == len(flood.sent)  # the others asked whether the site is known
