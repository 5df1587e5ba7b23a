"""Management commands run in the server, which alone has the event store open."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.support import event
from tests.support.types import Store
from tracking import remote_commands, spool
from tracking.store.target import get_target

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not get_target().embedded, reason="a server may be opened by any process")


@pytest.fixture
def serving(store: Store) -> Iterator[None]:
    remote_commands.serve()
    yield
    remote_commands.stop()


def command(job: str) -> str:
    """What `manage.py events <job>` says in a process of its own."""
    env = {**os.environ, "DATA_DIR": str(settings.DATA_DIR), "EVENTS_URL": f"chdb://{get_target().directory}"}
    done = subprocess.run(
        [sys.executable, "manage.py", "events", job], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
    )
    return done.stdout + done.stderr


def test_a_command_runs_in_the_server_that_has_the_store_open(serving: None, store: Store) -> None:
    spool.write_event(event(1000, "/a"))
    assert "Waiting: 1 rows" in command("status")
    assert "The spool is empty." in command("flush")
    assert store.rows("SELECT path FROM events") == [{"path": "/a"}]


def test_without_a_server_the_command_opens_the_store_or_reports_the_error(store: Store) -> None:
    store.ping()
    assert "are open in another process" in command("migrate")
    assert remote_commands.call("migrate") == "The event store is up to date."


def test_a_socket_left_by_a_killed_server_is_ignored(store: Store) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(remote_commands.get_socket_path()))
    assert remote_commands.call("finish") == "0 interrupted corrections were finished."
    remote_commands.serve()
    remote_commands.stop()
    assert not remote_commands.get_socket_path().exists()


def test_only_the_owner_can_connect_and_only_known_commands_run(serving: None) -> None:
    assert remote_commands.get_socket_path().stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyError):
        remote_commands.call("__import__")
    assert "does not understand" in str(remote_commands._run_command(b'{"call": "__import__"}')["error"])
    assert "does not understand" in str(remote_commands._run_command(b"no JSON")["error"])
