"""kill -9 during a flood of clicks: every answered click is stored, nothing else, and nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.served import reserve_port, wait_until

pytestmark = pytest.mark.heavy
ROOT = Path(__file__).resolve().parents[2]
PORT = reserve_port()
MAKE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from accounts.models import Account
from links.services.links import datapoint_create
account = Account.objects.create(name="Flood")
datapoint_create(account=account, alias="flood", url="https://shop.test/", append_query=True)
"""
READ = """
import json, sys, django
django.setup()
from tracking import spool, store
spool.start(); spool.flush(); spool.stop()
json.dump([row["text"] for row in store.rows("SELECT text FROM events WHERE kind IN ('link', 'spider')")], sys.stdout)
"""


def test_a_killed_server_loses_no_click_it_answered_and_counts_none_twice(tmp_path: Path) -> None:
    env = {**os.environ, "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    env.pop("EVENTS_URL", None)
    subprocess.run([sys.executable, "-c", MAKE], cwd=ROOT, env=env, check=True)
    log = (tmp_path / "serve.log").open("wb")
    command = [sys.executable, "manage.py", "serve", "--no-demo", "--port", str(PORT)]
    server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
    sent: list[str] = []
    answered: list[str] = []
    stop = threading.Event()
    try:
        wait(f"http://127.0.0.1:{PORT}/healthz")
        clickers = [threading.Thread(target=click, args=(n, sent, answered, stop)) for n in range(6)]
        for thread in clickers:
            thread.start()
        wait_until(lambda: len(answered) > 500, lambda: f"{len(answered)} answers", seconds=120)
        server.send_signal(signal.SIGKILL)
        stop.set()
        for thread in clickers:
            thread.join()
    finally:
        server.kill()
        server.wait()
    recorded = json.loads(subprocess.run(
        [sys.executable, "-c", READ], cwd=ROOT, env=env, check=True, capture_output=True, text=True
    ).stdout)  # fmt: skip
    assert len(answered) > 500
    assert set(answered) <= set(recorded) <= set(sent)
    assert len(recorded) == len(set(recorded))


def wait(url: str) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.3)
    raise AssertionError("the server does not start")


def click(number: int, sent: list[str], answered: list[str], stop: threading.Event) -> None:
    """Click until told to stop or the server is gone; every click has a name of its own."""
    headers = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36", "Accept-Language": "en"}
    with httpx.Client(headers=headers) as client:
        for turn in range(1_000_000):
            name = f"n={number}-{turn}"
            sent.append(name)
            try:
                reply = client.get(f"http://127.0.0.1:{PORT}/l/flood?{name}", timeout=5)
            except httpx.HTTPError:
                return
            if reply.status_code == 301 and reply.headers["location"].endswith(name):
                answered.append(name)
            if stop.is_set():
                return
