"""Migrations by one process at a time, and processes that do not migrate."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from accounts.migration_lock import hold_migration_lock
from tests.config.test_serve_command import MANAGE, ROOT
from tests.served import reserve_port


def build_environment(data_dir: Path) -> dict[str, str]:
    names = ("EVENTS_URL", "DATABASE_URL", "REDIS_URL")
    return {**{name: value for name, value in os.environ.items() if name not in names}, "DATA_DIR": str(data_dir)}


@pytest.mark.heavy
def test_two_processes_that_migrate_an_empty_database_at_once_both_succeed(tmp_path: Path) -> None:
    env = build_environment(tmp_path)
    both = [
        subprocess.Popen(
            [*MANAGE, "migrate"], env=env, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(2)
    ]
    texts = [one.communicate(timeout=180)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], texts
    assert sorted("No migrations to apply." in text for text in texts) == [False, True], texts


@pytest.mark.heavy
def test_serve_without_migrating_refuses_an_empty_database_and_says_what_to_do(tmp_path: Path) -> None:
    command = [*MANAGE, "serve", "--no-migrate", "--port", str(reserve_port())]
    done = subprocess.run(
        command, env=build_environment(tmp_path), cwd=ROOT, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "The database lacks migrations of this version" in done.stderr and "manage.py migrate" in done.stderr


def test_a_second_process_waits_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    inside, order = threading.Event(), list[str]()

    def migrate() -> None:
        with hold_migration_lock(), hold_migration_lock():  # a thread may hold it twice
            inside.set()
            time.sleep(0.5)
            order.append("first")

    first = threading.Thread(target=migrate)
    first.start()
    inside.wait(30)
    with hold_migration_lock():
        order.append("second")
    first.join()
    assert order == ["first", "second"]
    assert "Another process migrates; this one waits until it has ended." in caplog.messages


@pytest.mark.heavy
def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    hold = (
        "import django; django.setup()\nfrom accounts.migration_lock import hold_migration_lock\n"
        "lock = hold_migration_lock(); lock.__enter__(); print('held', flush=True); input()"
    )
    env = {**build_environment(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    holder = subprocess.Popen(
        [sys.executable, "-c", hold], env=env, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    holder.kill()
    holder.wait()
    subprocess.run([*MANAGE, "migrate", "accounts"], env=env, cwd=ROOT, check=True, timeout=180, capture_output=True)
