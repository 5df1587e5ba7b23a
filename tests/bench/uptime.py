"""`make bench-uptime`: whether many monitors of a local server are all checked within their minute.

    python -m tests.bench.uptime [--monitors 10000] [--minutes 2] [--beat-minutes 5]

Prints checks per minute, how late they came, CPU and RSS of the checking process, and how far beat drifts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sites.uptime.models import Monitor
    from sites.uptime.state_machine import CheckResult

PORT = 9599
ROUND = 5  # seconds between two rounds, as in the table of periods
SERVER = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
"""


def start_server(folder: str) -> subprocess.Popen[bytes]:
    Path(folder, "target.py").write_text(SERVER)
    command = [sys.executable, "-m", "uvicorn", "target:app", "--port", str(PORT), "--log-level", "error"]
    return subprocess.Popen([*command, "--lifespan", "off"], cwd=folder)


def prepare(monitors: int) -> None:
    from django.core.management import call_command

    from accounts.models import Account
    from sites.models import Site
    from sites.services import site_create
    from sites.uptime.models import Monitor
    from sites.uptime.state_machine import find_next_check

    call_command("migrate", verbosity=0)
    site: Site = site_create(account=Account.objects.create(name="Bench"), domain="bench.example")
    now = datetime.now(UTC)
    Monitor.objects.bulk_create(
        [
            Monitor(site=site, url=f"http://127.0.0.1:{PORT}/{n}", next_due=find_next_check(n, 60, now), state="up")
            for n in range(1, monitors + 1)
        ],
        batch_size=1000,
    )


def run_rounds(seconds: float) -> list[tuple[int, float]]:
    """(monitor, seconds late) of every check made in that time; rounds start every ROUND seconds, as beat's do."""
    from sites.uptime import checks, scheduler, services

    late: list[tuple[int, float]] = []

    async def noted(monitor: Monitor) -> CheckResult:
        verdict = await checks.check_monitor(monitor)
        due = monitor.next_due - timedelta(seconds=monitor.interval)
        late.append((monitor.pk, (datetime.now(UTC) - due).total_seconds()))
        return verdict

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        scheduler.run_round(noted, services.incident_notify)
        time.sleep(max(0.0, ROUND - (time.monotonic() - begun)))
    return late


def beat_drift(seconds: float) -> float:
    """How far (s) the last of the ten-second beats is from where the first one puts it."""
    from config import celery

    ticks: list[float] = []
    beats = threading.Event()
    celery.app.conf.beat_schedule = {"tick": {"task": "tick", "schedule": 10.0}}

    @celery.app.task(name="tick")  # type: ignore[untyped-decorator]  # celery has no types
    def tick() -> None:
        ticks.append(time.monotonic())

    threads = celery.CeleryThreads()
    threads.start()
    beats.wait(seconds)
    threads.stop()
    return max((abs((t - ticks[0]) - 10.0 * i) for i, t in enumerate(ticks)), default=float("nan"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--monitors", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--beat-minutes", type=float, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(DATA_DIR=folder, ALLOWED_OUTBOUND="127.0.0.1/32", DJANGO_SETTINGS_MODULE="config.settings")
        import django

        django.setup()
        server = start_server(folder)
        try:
            print(json.dumps(measured(options), indent=1))
        finally:
            server.terminate()
            server.wait()


def measured(options: argparse.Namespace) -> dict[str, float]:
    prepare(options.monitors)
    before, wall = time.process_time(), time.monotonic()
    late = run_rounds(options.minutes * 60)
    cpu, wall = time.process_time() - before, time.monotonic() - wall
    seconds = [value for _, value in late]
    cuts = quantiles(seconds, n=100)
    figures = {
        "monitors": options.monitors,
        "minutes": round(wall / 60, 2),
        "checks": len(late),
        "checks_per_monitor_and_minute": round(len(late) / options.monitors / (wall / 60), 3),
        "monitors_checked": len({pk for pk, _ in late}),
        "late_p50_s": round(cuts[49], 2),
        "late_p99_s": round(cuts[98], 2),
        "late_max_s": round(max(seconds), 2),
        "cpu_share_of_one_core": round(cpu / wall, 3),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "beat_drift_s": round(beat_drift(options.beat_minutes * 60), 3),
    }
    Path("bench-results").mkdir(exist_ok=True)
    Path("bench-results/uptime.json").write_text(json.dumps(figures, indent=1))
    return figures


if __name__ == "__main__":
    main()
