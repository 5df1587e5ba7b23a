"""Two real ClickHouse nodes give the same results as the embedded engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.services import servers

pytestmark = pytest.mark.services


def five(home: Path, **environment: str) -> dict[str, Any]:
    env = {**os.environ, "DATA_DIR": str(home), "DATABASE_URL": "", "REDIS_URL": "", **environment}
    done = subprocess.run(
        [sys.executable, "-m", "tests.services.five"], cwd=servers.ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def rows_on(port: int, table: str) -> int:
    return int(servers.ask(port, f"SELECT count() FROM smoke.{table}") or -1)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the two stores say: (two nodes, this process's engine)."""
    for port in servers.HTTP:
        servers.ask(port, "DROP DATABASE IF EXISTS smoke SYNC")
    cluster = servers.EVENTS_URL.replace("DATABASE", "smoke")
    return (
        five(tmp_path_factory.mktemp("cluster"), EVENTS_URL=cluster),
        five(tmp_path_factory.mktemp("embedded"), EVENTS_URL=""),
    )


def test_five_queries_have_the_same_results_on_two_shards_and_in_the_process(
    answers: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    two_nodes, embedded = answers
    assert two_nodes["stored"] == two_nodes["written"] >= 10_000
    assert two_nodes == embedded


def test_rows_are_on_both_nodes_and_each_visit_on_one(answers: tuple[dict[str, Any], dict[str, Any]]) -> None:
    counts = [rows_on(port, "events_local") for port in servers.HTTP]
    assert min(counts) > 1_000
    for table, column in (("events_local", "visit"), ("visits_local", "visit"), ("firsts_local", "device")):
        found = [
            set(servers.ask(port, f"SELECT DISTINCT {column} FROM smoke.{table}").split()) for port in servers.HTTP
        ]
        assert not found[0] & found[1], table


def test_migrating_again_changes_nothing(answers: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path) -> None:
    script = (
        "import os, django; django.setup()\nfrom tracking import store\n"
        "print(store.is_migrated(), store.migrate(), store.is_migrated())"
    )
    env = {
        **os.environ, "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": "",
        "EVENTS_URL": servers.EVENTS_URL.replace("DATABASE", "smoke"),
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", script], cwd=servers.ROOT, env=env, capture_output=True, text=True)
    assert done.stdout.strip() == "True [] True", done.stderr[-2000:]
