"""Many or slow monitors of one account do not delay the checks of another."""

import asyncio
import dataclasses
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import Account
from config import celery
from config.periodic_tasks import PERIODIC_TASKS
from sites import fair_rounds
from sites.fair_rounds import Slots
from sites.models import Site
from sites.services import site_create
from sites.uptime import scheduler
from sites.uptime.models import Incident, Monitor, UptimeHour
from sites.uptime.scheduler import CheckResults
from sites.uptime.services import monitor_create
from sites.uptime.state_machine import CheckResult, Transition, find_next_check

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TICK = 0.5  # seconds of the rounds' clock between two claims


class World:
    """Monitors of hosts named mallory hang for 30 seconds, others answer at once: as `answers` say, then well.

    The rounds' clock ticks with every claim, but not while an answer that came at once is on its way to be written:
    so how fast this machine is does not matter. `written` keeps (monitor, seconds) of every other result.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds, self.pending = 0.0, set[int]()
        self.answers: list[CheckResult] = []
        self.written: list[tuple[int, float]] = []
        self.under_way, self.most = 0, 0
        self.claim, self.write = scheduler.claim_due, scheduler.write_results
        monkeypatch.setattr(fair_rounds, "time", SimpleNamespace(monotonic=lambda: self.seconds))
        monkeypatch.setattr(fair_rounds, "CLAIM_INTERVAL", 0.01)
        monkeypatch.setattr(fair_rounds, "BATCH_SECONDS", 0.0)
        monkeypatch.setattr(scheduler, "claim_due", self.claim_due)
        monkeypatch.setattr(scheduler, "write_results", self.write_results)

    def claim_due(self, now: datetime, slots: Slots) -> list[Monitor]:
        self.seconds += 0 if self.pending else TICK
        found = self.claim(now, slots)
        self.pending |= {monitor.pk for monitor in found if "mallory" not in monitor.url}
        return found

    def write_results(self, results: CheckResults) -> list[Incident]:
        mine = [(monitor.pk, (at - NOW).total_seconds()) for monitor, _, at in results if "mallory" not in monitor.url]
        self.written += mine
        self.pending -= {key for key, _ in mine}
        return self.write(results)

    async def check(self, monitor: Monitor) -> CheckResult:
        if "mallory" not in monitor.url:
            return self.answers.pop(0) if self.answers else CheckResult(ok=True, milliseconds=50)
        self.under_way, until = self.under_way + 1, self.seconds + 30
        self.most = max(self.most, self.under_way)
        while self.seconds < until and self.seconds < scheduler.ROUND_SECONDS:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        self.under_way -= 1
        return CheckResult(ok=False, cause="mallory.example did not answer in time.")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def crowd(count: int, url: str = "https://mallory.example/", now: datetime = NOW, **fields: Any) -> Site:
    """A tenant with many monitors, all due for a while."""
    site = site_create(account=Account.objects.create(name="Mallory"), domain="mallory.example")
    rows = [
        Monitor(site=site, url=url, interval=30, timeout=30, next_due=now - timedelta(hours=1), **fields)
        for _ in range(count)
    ]
    Monitor.objects.bulk_create(rows)
    return site


def test_many_monitors_that_time_out_do_not_delay_others(site: Site, world: World) -> None:
    crowd(500)
    monitor = monitor_create(site=site, url="https://example.com/", interval=30, now=NOW)
    scheduler.run_round(world.check, lambda incident: None, NOW)
    due, moment = [0.0], find_next_check(monitor.pk, 30, NOW)
    while (moment - NOW).total_seconds() < scheduler.ROUND_SECONDS - 1:
        due, moment = [*due, (moment - NOW).total_seconds()], find_next_check(monitor.pk, 30, moment)
    assert [key for key, _ in world.written] == [monitor.pk] * len(due)
    assert all(at - should <= 2 * TICK for (_, at), should in zip(world.written, due, strict=True))
    assert world.most == scheduler.MAX_PER_ACCOUNT


def test_the_second_check_of_a_failure_is_on_time_beside_many_monitors(site: Site, world: World) -> None:
    crowd(500)
    world.answers = [CheckResult(ok=False, cause="Answered 503; expected 200-399.")] * 2
    monitor = monitor_create(site=site, url="https://example.com/", interval=3600, now=NOW)
    notified: list[Incident] = []
    scheduler.run_round(world.check, notified.append, NOW)
    incident = Incident.objects.get(monitor=monitor)
    assert 10 <= world.written[1][1] - world.written[0][1] <= 10 + 2 * TICK
    assert [one.pk for one in notified if one.monitor_id == monitor.pk] == [incident.pk]


def test_a_monitor_deleted_during_its_check_stops_nothing(site: Site) -> None:
    gone = monitor_create(site=site, url="https://example.com/a", now=NOW)
    stays = monitor_create(site=site, url="https://example.com/b", now=NOW)

    claimed = scheduler.claim_due(NOW)
    Monitor.objects.filter(pk=gone.pk).delete()
    scheduler.write_results([(monitor, CheckResult(ok=True, milliseconds=50), NOW) for monitor in claimed])
    stays.refresh_from_db()
    assert stays.state == "up"


def test_a_result_that_cannot_be_stored_does_not_affect_others(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = monitor_create(site=site, url="https://example.com/a", now=NOW)
    good = monitor_create(site=site, url="https://example.com/b", now=NOW)
    apply = scheduler.apply_result

    def broken(monitor: Monitor, verdict: CheckResult, now: datetime) -> Transition:
        if monitor.pk == bad.pk:
            raise ValueError("this one cannot be stored")
        return apply(monitor, verdict, now)

    async def check(monitor: Monitor) -> CheckResult:
        return CheckResult(ok=True, milliseconds=50)

    monkeypatch.setattr(scheduler, "apply_result", broken)
    assert scheduler.run_round(check, lambda incident: None, NOW) == 2
    good.refresh_from_db()
    assert good.state == "up"


def test_a_failing_notification_does_not_stop_others(site: Site) -> None:
    monitors = [monitor_create(site=site, url=f"https://example.com/{n}", now=NOW) for n in range(3)]
    Monitor.objects.update(state="unsure", first_failure=NOW - timedelta(seconds=10))
    notified: list[int] = []

    def tell(incident: Incident) -> None:
        if incident.monitor_id == monitors[0].pk:
            raise ValueError("these words cannot be made")
        notified.append(incident.monitor_id)

    async def check(monitor: Monitor) -> CheckResult:
        return CheckResult(ok=False, cause="Answered 503; expected 200-399.")

    scheduler.run_round(check, tell, NOW)
    assert sorted(notified) == [monitor.pk for monitor in monitors[1:]]


def test_monitors_of_a_deleted_site_are_not_checked(site: Site) -> None:
    monitor_create(site=site, url="https://example.com/", now=NOW)
    site.deleted = NOW
    site.save()
    assert scheduler.claim_due(NOW) == []


@pytest.mark.heavy
@pytest.mark.django_db(transaction=True)
def test_beside_500_monitors_that_time_out_a_check_runs_every_30_seconds(site: Site, settings: Settings) -> None:
    """In real time, by the rounds of the table of periods, against a server that accepts and never answers."""
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
    hole = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    threading.Thread(target=accept_for_ever, args=(listener,), daemon=True).start()
    answering = socket.create_server(("127.0.0.1", 0))
    requested: list[float] = []
    threading.Thread(target=answer_for_ever, args=(answering, requested), daemon=True).start()
    crowd(500, hole, now=datetime.now(UTC))
    fine = f"http://127.0.0.1:{answering.getsockname()[1]}/"
    monitor = monitor_create(site=site, url=fine, interval=30, now=datetime.now(UTC))
    begun, written, threads = time.monotonic(), list[datetime](), list[threading.Thread]()
    row = next(row for row in PERIODIC_TASKS if row.name == "uptime")
    while time.monotonic() - begun < 155:
        if (time.monotonic() - begun) // row.seconds >= len(threads):
            threads.append(threading.Thread(target=one_round, args=(row,)))
            threads[-1].start()
        checked = Monitor.objects.get(pk=monitor.pk).checked
        if checked and (not written or checked != written[-1]):
            written.append(checked)
        time.sleep(0.2)
    for thread in threads:
        thread.join(90)
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(written)]
    assert len(written) >= 5 and max(gaps) < 45, gaps  # of 30; a busy machine is late
    assert UptimeHour.objects.filter(monitor=monitor).exists()
    listener.close()
    answering.close()


def one_round(row: Any) -> None:
    try:
        celery.run_task(row)
    finally:
        connection.close()


def accept_for_ever(listener: socket.socket) -> None:
    connections = []
    while True:
        try:
            connections.append(listener.accept()[0])
        except OSError:
            return


def answer_for_ever(listener: socket.socket, requested: list[float]) -> None:
    while True:
        try:
            connected, _ = listener.accept()
        except OSError:
            return
        with connected:
            requested.append(time.monotonic())
            connected.recv(65536)
            connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
