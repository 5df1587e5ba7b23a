"""Two servers that start at the same moment on empty PostgreSQL and ClickHouse: one migrates, both serve."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.config.test_serve_command import MANAGE
from tests.served import reserve_port, wait_until
from tests.services import servers

pytestmark = pytest.mark.services


def create_database(name: str) -> str:
    """Make an empty database beside that of the tests; returns its DATABASE_URL."""
    here = os.environ["TESTS_DATABASE_URL"]
    with psycopg.connect(here, autocommit=True) as session:
        session.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        session.execute(f"CREATE DATABASE {name}")
    return f"{here.rpartition('/')[0]}/{name}"


def is_healthy(port: int) -> bool:
    """Whether the server answers and reaches its event store."""
    try:
        return bool(httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2).json()["store"]["reachable"])
    except httpx.HTTPError:
        return False


def test_two_first_starts_at_once_both_serve(tmp_path: Path) -> None:
    database, events = create_database("first_starts"), servers.EVENTS_URL.replace("DATABASE", "first_starts")
    started = []
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        env = {
            **os.environ, "DATA_DIR": str(tmp_path / str(number)), "DATABASE_URL": database, "EVENTS_URL": events,
            "REDIS_URL": os.environ["TESTS_REDIS_URL"].replace("NUMBER", "10"),
        }  # fmt: skip
        port, log = reserve_port(), tmp_path / f"{number}.log"
        with log.open("wb") as output:
            command = [*MANAGE, "serve", "--no-demo", "--port", str(port)]
            one = subprocess.Popen(command, cwd=servers.ROOT, env=env, stdout=output, stderr=output)
        started.append((one, port, log))
    try:
        for _, port, log in started:
            wait_until(partial(is_healthy, port), log.read_text, 120)
    finally:
        for one, _, _ in started:
            one.terminate()
            one.wait(30)
    texts = [log.read_text() for _, _, log in started]
    assert sum("Another process migrates" in text for text in texts) == 1, texts
    with psycopg.connect(database) as session:
        doubled = session.execute(
            "SELECT app, name FROM django_migrations GROUP BY app, name HAVING count(*) > 1"
        ).fetchall()
    assert doubled == []
    for port in servers.HTTP:
        assert servers.ask(port, "SELECT count() = uniqExact(name) FROM first_starts.schema_migrations") == "1"
