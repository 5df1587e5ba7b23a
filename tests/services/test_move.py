"""`manage.py move`: from SQLite and chDB to PostgreSQL and two shards of ClickHouse, with every number compared."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from tests.config.test_serve_command import MANAGE
from tests.services import servers
from tests.services.test_first_starts import create_database

pytestmark = pytest.mark.services
ANSWERS = """
import sys
import django; django.setup()
from datetime import datetime
from accounts.models import Account, User
from sites.models import Site
from tests.support import ask
users, accounts = User.objects.order_by("pk"), Account.objects.order_by("pk")
print(*users.values_list("email", "password", "created"), *accounts.values_list())
now, metrics = datetime.fromisoformat(sys.argv[1]), ("visitors", "visits", "views", "bounce_rate", "new_visitors")
for site in Site.objects.order_by("pk"):
    print(site.domain, ask(site, *metrics, "revenue", "avg_duration", period="30d", now=now))
    for by in ("day", "page", "source", "country"):
        print(by, *sorted(map(str, ask(site, *metrics, by=by, period="30d", now=now, limit=200))), sep="\\n")
"""
NOW = datetime.now(UTC).isoformat()


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of an installation in one directory, with the demo's traffic."""
    names = ("DATABASE_URL", "EVENTS_URL", "REDIS_URL")
    env = {name: value for name, value in os.environ.items() if name not in names}
    env |= {"DATA_DIR": str(tmp_path_factory.mktemp("old")), "DJANGO_SETTINGS_MODULE": "config.settings"}
    for command in (["migrate"], ["events", "migrate"], ["demo"]):
        assert not manage(env, *command).returncode
    return env


@pytest.fixture
def new() -> dict[str, str]:
    """The addresses of an empty PostgreSQL and an empty database on two nodes."""
    for port in servers.HTTP:
        servers.ask(port, "DROP DATABASE IF EXISTS moved SYNC")
    events = servers.EVENTS_URL.replace("DATABASE", "moved")
    return {"DATABASE_URL": create_database("moved"), "EVENTS_URL": events}


def manage(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MANAGE, *words], cwd=servers.ROOT, env=env, capture_output=True, text=True, timeout=600)


def move(old: dict[str, str], new: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    passed = {f"NEW_{name}": value for name, value in new.items()}
    return manage({**old, **passed}, "move", *words)


def ask(env: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ANSWERS, NOW], cwd=servers.ROOT, env=env, capture_output=True, text=True
    )
    assert not done.returncode and done.stdout.count("\n") > 50, done.stderr
    return done.stdout


def test_everything_is_moved_and_equal(old: dict[str, str], new: dict[str, str]) -> None:
    dry = move(old, new, "--dry-run")
    assert not dry.returncode and "Nothing was copied" in dry.stdout, dry.stderr
    assert servers.ask(servers.HTTP[0], "SELECT count() FROM system.tables WHERE database = 'moved'") == "0"
    began = time.monotonic()
    done = move(old, new)
    assert not done.returncode, done.stderr
    print(done.stdout, time.monotonic() - began)
    assert "The database has been copied" in done.stdout and "The events have been copied" in done.stdout
    assert ask(old) == ask({**old, **new})
    counts = [int(servers.ask(port, "SELECT count() FROM moved.events_local")) for port in servers.HTTP]
    assert min(counts) > 1_000
    again = move(old, new)
    assert again.returncode == 1 and "is not empty" in again.stderr and "Traceback" not in again.stderr
    with psycopg.connect(new["DATABASE_URL"]) as session:  # numbers of rows continue behind the copied ones
        highest = session.execute("SELECT max(id) FROM accounts_account").fetchone()
        upcoming = session.execute("SELECT nextval(pg_get_serial_sequence('accounts_account', 'id'))").fetchone()
    assert highest and upcoming and upcoming[0] == highest[0] + 1


def test_a_killed_move_leaves_a_store_that_nothing_uses_and_is_repeated_from_the_start(
    old: dict[str, str], new: dict[str, str]
) -> None:
    passed = {**old, "NEW_EVENTS_URL": new["EVENTS_URL"]}
    running = subprocess.Popen([*MANAGE, "move"], cwd=servers.ROOT, env=passed, stdout=subprocess.DEVNULL)
    while not int(servers.ask(servers.HTTP[0], "SELECT count() FROM moved.events_local") or 0):
        assert running.poll() is None
        time.sleep(0.05)
    running.kill()
    running.wait()
    used = manage({**old, "EVENTS_URL": new["EVENTS_URL"]}, "events", "migrate")
    assert used.returncode == 1 and "has not ended" in used.stderr
    done = manage(passed, "move")
    assert not done.returncode, done.stderr
    assert ask(old) == ask({**old, "EVENTS_URL": new["EVENTS_URL"]})
    assert not manage({**old, "EVENTS_URL": new["EVENTS_URL"]}, "events", "migrate").returncode


def test_a_move_beside_a_running_server_and_one_without_a_new_address_are_refused(
    old: dict[str, str], tmp_path: Path
) -> None:
    nowhere = manage(old, "move")
    assert nowhere.returncode == 1 and "Name where to move" in nowhere.stderr
    hold = (
        "from pathlib import Path; from config.serving.server import hold_serving_lock; import sys\n"
        "with hold_serving_lock(Path(sys.argv[1])): print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", "import django; django.setup()\n" + hold, old["DATA_DIR"]],
        cwd=servers.ROOT, env=old, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        done = manage(old, "move", "--database", "postgres://nobody@127.0.0.1:1/none")
        assert done.returncode == 1 and "Stop the server first" in done.stderr
        holder.kill()
    away = manage(old, "move", "--database", "postgres://nobody@127.0.0.1:1/none")
    assert away.returncode == 1 and "does not answer" in away.stderr and "Traceback" not in away.stderr
