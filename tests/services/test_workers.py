"""Celery as in production: a broker in Redis, two workers and two beats as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest
import redis

from accounts.models import Account
from accounts.operations.task_runs import LEASE_DURATION
from config import celery as celery_app
from config.periodic_tasks import PeriodicTask
from sites import site_cache
from sites.services import site_create
from tests.services import servers

pytestmark = pytest.mark.services
PORT = servers.REDIS + 2
SET_UP = """
import django, json, sys; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("events", "migrate")
from datetime import UTC, datetime
from sites.management.commands.provision import provision
from sites.models import Site
from sites.uptime.services import monitor_create
made = provision(email="a@example.com", password="correct horse battery", account_name="A", domain="a.example",
                 timezone="UTC")["site"]
monitor_create(site=Site.objects.get(pk=made["site_id"]), url=sys.argv[1], interval=3600, now=datetime.now(UTC))
"""

HOLD = """
import django, sys, time; django.setup()
from datetime import UTC, datetime
from accounts.operations.task_runs import run_guarded
run_guarded("held", lambda: (print("running", flush=True), time.sleep(600)), now=datetime.now(UTC))
"""
TAKE = """
import django, time; django.setup()
from datetime import UTC, datetime
from accounts.operations.task_runs import run_guarded
while not run_guarded("held", lambda: None, now=datetime.now(UTC)):
    time.sleep(0.5)
"""


def how_often(env: dict[str, str]) -> dict[str, tuple[int, int, str]]:
    """Of each task: runs, failures, the last one's error."""
    with psycopg.connect(env["DATABASE_URL"]) as database:
        found = database.execute("SELECT name, runs, failures, error FROM operations_taskrun").fetchall()
    return {name: (runs, failures, error) for name, runs, failures, error in found}


def python(env: dict[str, str], *words: str) -> str:
    done = subprocess.run([sys.executable, *words], cwd=servers.ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@contextmanager
def celery(env: dict[str, str], log: Path, *words: str) -> Iterator[None]:
    with log.open("wb") as output:
        one = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "config", *words],
            cwd=servers.ROOT, env=env, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield
        assert one.poll() is None, log.read_text()[-3000:]
    finally:
        one.terminate()
        one.wait(30)


@contextmanager
def counting(asked: list[str]) -> Iterator[str]:
    """A page that notes who asks for it."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", PORT), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{PORT}/up"
    finally:
        server.shutdown()
        server.server_close()


def test_two_workers_and_two_beats_do_due_work_once(tmp_path: Path) -> None:
    env = {
        **os.environ, "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings",
        "ALLOWED_OUTBOUND": "127.0.0.0/8", "EVENTS_URL": servers.EVENTS_URL.replace("DATABASE", "workers"),
        "REDIS_URL": os.environ["REDIS_URL"].rpartition("/")[0] + "/9",
    }  # fmt: skip
    asked: list[str] = []
    with counting(asked) as page, ExitStack() as stack:
        python(env, "-c", SET_UP, page)
        for number in (1, 2):
            schedule = str(tmp_path / f"beat{number}")
            stack.enter_context(
                celery(env, tmp_path / f"worker{number}.log", "worker", "-c", "2", "-n", f"w{number}@here")
            )
            stack.enter_context(celery(env, tmp_path / f"beat{number}.log", "beat", "-s", schedule, "--pidfile="))
        end = time.monotonic() + 90
        while how_often(env).get("uptime", (0,))[0] < 4 and time.monotonic() < end:
            time.sleep(0.5)
        how = how_often(env)
        beat = redis.Redis.from_url(env["REDIS_URL"]).keys("*last-beat")
    assert how["uptime"][0] >= 4 and how["deliveries"][0] >= 2 and beat, (tmp_path / "worker1.log").read_text()[-2000:]
    assert [row for row in how.values() if row[1] or row[2]] == []
    assert asked == ["/up"], "the monitor was due once"


def test_a_task_of_a_killed_worker_is_soon_taken_over_by_another(tmp_path: Path) -> None:
    env = {**os.environ, "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    python(env, "-c", SET_UP.partition('call_command("events"')[0])
    lease = LEASE_DURATION.total_seconds()
    with subprocess.Popen([sys.executable, "-c", HOLD], cwd=servers.ROOT, env=env, stdout=subprocess.PIPE) as first:
        assert first.stdout and first.stdout.readline() == b"running\n"
        with subprocess.Popen([sys.executable, "-c", TAKE], cwd=servers.ROOT, env=env) as second:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(lease + 5)  # a lease that nobody renewed would be over
            first.kill()
            assert second.wait(lease + 60) == 0


def nothing() -> None:
    """A task."""


@pytest.mark.django_db
def test_a_worker_loads_sites_created_elsewhere(account: Account) -> None:
    site_cache.refresh()
    made = site_create(account=account, domain="new.example")
    assert site_cache.get_site(made.pk) is None
    celery_app.run_task(PeriodicTask("nothing", "tests.services.test_workers.nothing", 60))
    assert site_cache.get_site(made.pk) is not None
