"""Shards that are added, moved, lost or exchanged: no number changes, or a sentence says why it is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from tests.config.test_serve_command import MANAGE
from tests.services import servers
from tests.services.nodes import Nodes, open_nodes
from tracking import store

pytestmark = pytest.mark.services
TABLES = ("events", "visits", "firsts", "identities", "bots", "heat")


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    with open_nodes(tmp_path, 4) as opened:
        yield opened


def environment(tmp_path: Path, url: str) -> dict[str, str]:
    (tmp_path / "data").mkdir(exist_ok=True)
    return {
        **os.environ, "DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": "", "REDIS_URL": "", "EVENTS_URL": url,
    }  # fmt: skip


def people(tmp_path: Path, url: str, *words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tests.services.people", *words], cwd=servers.ROOT, env=environment(tmp_path, url),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def events(tmp_path: Path, url: str, job: str) -> subprocess.CompletedProcess[str]:
    env = environment(tmp_path, url)
    subprocess.run([*MANAGE, "migrate"], cwd=servers.ROOT, env=env, check=True, capture_output=True)
    return subprocess.run([*MANAGE, "events", job], cwd=servers.ROOT, env=env, capture_output=True, text=True)


def count_rows(nodes: Nodes, number: int, table: str = "events") -> int:
    return int(nodes.ask(number, f"SELECT count() FROM people.{table}_local"))


def check_totals(found: dict[str, Any]) -> None:
    assert found["now"] == {"visitors": 300, "visits": 300, "views": 900, "bounce_rate": 0, "new_visitors": 150}


def test_a_third_shard_changes_no_number_neither_before_nor_after_it_gets_its_part(
    nodes: Nodes, tmp_path: Path
) -> None:
    two = nodes.arrange([0], [1])
    before = people(tmp_path, two, "visit", "count")
    assert before["now"]["visits"] == before["now"]["visitors"] == 300 and before["now"]["views"] == 600

    three = nodes.arrange([0], [1], [2])
    returned = people(tmp_path, three, "return", "count")
    check_totals(returned)
    assert [count_rows(nodes, number) > 0 for number in (0, 1, 2)] == [True, True, False]

    moved = events(tmp_path, three, "rebalance")
    assert moved.returncode == 0 and "280 of 840 slots" in moved.stdout, moved.stderr
    assert people(tmp_path, three, "count") == returned
    assert min(count_rows(nodes, number) for number in (0, 1, 2)) > 200
    for table in TABLES:
        devices = [set(nodes.ask(n, f"SELECT DISTINCT device FROM people.{table}_local").split()) for n in (0, 1, 2)]
        assert sum(map(len, devices)) == len(set().union(*devices)), table
    again = events(tmp_path, three, "rebalance")
    assert again.returncode == 0 and "equal parts already" in again.stdout

    people(tmp_path, three, "visit")  # the same devices, visits and ids: every row finds its earlier ones
    doubled = people(tmp_path, three, "count")
    assert doubled["now"] == {**returned["now"], "views": 1_500}
    assert people(tmp_path, three, "erase") == 30 * 5


def test_a_store_of_an_earlier_version_keeps_its_rows_when_a_shard_is_added_with_the_update(
    nodes: Nodes, tmp_path: Path
) -> None:
    two = nodes.arrange([0], [1])
    people(tmp_path, two)
    for number in (0, 1):
        nodes.ask(number, "DROP TABLE people.shard_slots SYNC")
        for table in TABLES:
            nodes.ask(
                number,
                f"CREATE OR REPLACE TABLE people.{table} AS people.{table}_local"
                f" ENGINE = Distributed('{servers.CLUSTER}', 'people', '{table}_local', cityHash64(device))",
            )
    insert = (
        "INSERT INTO people.events (site_id, ts, id, kind, device, visit, visit_start, path)"
        " SETTINGS distributed_foreground_insert = 1"
        " SELECT 9, {}, number, 'view', number, number + 1, '2026-01-05 10:00:00', '/' FROM numbers(500)"
    )
    nodes.ask(0, insert.format("'2026-01-05 10:00:00'"))
    assert count_visits(nodes, (0, 1), site=9) == (500, 500)
    three = nodes.arrange([0], [1], [2])
    check_totals(people(tmp_path, three, "visit", "return", "count"))
    assert count_rows(nodes, 2) == 0
    nodes.ask(0, insert.format("'2026-01-05 10:00:05'"))
    assert count_visits(nodes, (0, 1, 2), site=9) == (500, 1_000)


def count_visits(nodes: Nodes, numbers: tuple[int, ...], site: int) -> tuple[int, int]:
    """Rows of visits when every node merges its own, and the pages of them all."""
    sql = f"SELECT count(), sum(views) FROM people.visits_local FINAL WHERE site_id = {site}"
    found = [tuple(map(int, nodes.ask(number, sql).split())) for number in numbers]
    return sum(visits for visits, _ in found), sum(views for _, views in found)


def test_an_interrupted_rebalance_is_repeated_and_nothing_uses_the_store_before(nodes: Nodes, tmp_path: Path) -> None:
    before = people(tmp_path, nodes.arrange([0], [1]), "visit", "return", "count")
    three = nodes.arrange([0], [1], [2])
    people(tmp_path, three)
    # Node 2 takes its first rows, then a table of one node is not there: the rebalance ends in the middle
    nodes.ask(2, "DROP TABLE people.rollup_seen SYNC")
    failed = events(tmp_path, three, "rebalance")
    assert failed.returncode == 1 and "Traceback" not in failed.stderr
    refused = events(tmp_path, three, "migrate")
    assert refused.returncode == 1 and "repeat it: manage.py events rebalance" in refused.stderr
    nodes.ask(
        2,
        "CREATE TABLE people.rollup_seen AS people.rollup_seen_local"
        f" ENGINE = Distributed('{servers.CLUSTER}', 'people', 'rollup_seen_local', cityHash64(site_id))",
    )
    done = events(tmp_path, three, "rebalance")
    assert done.returncode == 0, done.stderr
    assert people(tmp_path, three, "count") == before
    assert min(count_rows(nodes, number) for number in (0, 1, 2)) > 100


def test_a_list_of_shards_that_does_not_fit_the_stored_rows_is_refused_with_a_sentence(
    nodes: Nodes, tmp_path: Path
) -> None:
    two = nodes.arrange([0], [1])
    before = people(tmp_path, two, "visit", "return", "count")
    refusals: list[tuple[list[list[int]], str]] = [
        ([[1], [0]], "Restore the order of the list"),
        ([[0], [2]], "is empty, but the list of shards names it as shard 2"),
        ([[0]], "Shard 2 of the cluster 'two_shards' holds events, but is no longer in the list"),
    ]
    for shards, sentence in refusals:
        check_refused(events(tmp_path, nodes.arrange(*shards), "migrate"), sentence)
    three = nodes.arrange([0], [1], [2])
    check_refused(events(tmp_path, two, "migrate"), "EVENTS_URL names no node of shard 3")
    single = f"clickhouse://127.0.0.1:{nodes.http[0]}/people"
    check_refused(events(tmp_path, single, "migrate"), "belongs to a cluster")
    assert people(tmp_path, three, "count") == before


def test_inserts_wait_while_an_address_in_the_list_leads_to_the_node_of_another_shard(
    nodes: Nodes, tmp_path: Path
) -> None:
    url = nodes.arrange([0], [1], [2])
    people(tmp_path, url, "visit")
    before = [count_rows(nodes, number) for number in (0, 1, 2)]
    nodes.exchange(1, 2)  # the list is what it was
    people(tmp_path, url, "away")
    assert [count_rows(nodes, number) for number in (0, 2, 1)] == before, "nothing was inserted at a wrong place"
    check_refused(events(tmp_path, url, "migrate"), "Restore the order of the list")
    nodes.exchange(1, 2)
    people(tmp_path, url, "waiting")
    check_totals(people(tmp_path, url, "count"))


def test_nodes_that_list_the_shards_in_different_orders_are_refused(nodes: Nodes, tmp_path: Path) -> None:
    three = nodes.arrange([0], [1], [2])
    nodes.list_differently(2, [1], [0], [2])
    refused = events(tmp_path, three, "migrate")
    check_refused(refused, f"127.0.0.1:{nodes.http[0]} is shard 1 of the cluster")
    assert f"127.0.0.1:{nodes.http[2]} lists it as shard 2; give every node the same remote_servers" in refused.stderr
    nodes.list_differently(2, [0], [1])
    check_refused(events(tmp_path, three, "migrate"), "does not find itself in its list")
    nodes.list_differently(2, [0], [2])
    check_refused(events(tmp_path, three, "migrate"), "list different numbers of shards (2 and 3); give every node")
    people(tmp_path, nodes.arrange([0], [1], [2]))


def test_an_assignment_whose_earlier_one_was_not_deleted_is_the_one_in_use(nodes: Nodes, tmp_path: Path) -> None:
    two = nodes.arrange([0], [1])
    before = people(tmp_path, two, "visit", "return", "count")
    for number in (0, 1):
        nodes.ask(
            number,
            "INSERT INTO people.shard_slots SELECT 0, own, arrayReverse(listed), arrayMap(slot -> 1, slots)"
            " FROM people.shard_slots",
        )
    assert people(tmp_path, two, "count") == before
    people(tmp_path, nodes.arrange([0], [1], [2]), "visit")
    stored = [nodes.ask(n, "SELECT version, length(listed), max(slots[2]) FROM people.shard_slots GROUP BY ALL")
              for n in (0, 1, 2)]  # fmt: skip
    assert [text.split() for text in stored] == [["2", "3", "2"]] * 3


def test_a_single_server_does_not_become_a_cluster_on_the_same_database(nodes: Nodes, tmp_path: Path) -> None:
    cluster = nodes.arrange([0], [1])
    single = f"clickhouse://127.0.0.1:{nodes.http[0]}/people"
    before = people(tmp_path, single, "visit", "count")
    check_refused(events(tmp_path, cluster, "migrate"), "holds the events of a single server")
    assert people(tmp_path, single, "count") == before


def check_refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert done.returncode == 1 and sentence in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_while_a_shard_is_away_reports_say_so_and_inserts_wait_then_everything_is_there(
    nodes: Nodes, tmp_path: Path
) -> None:
    url = nodes.arrange([0], [1])
    whole = people(tmp_path, url, "visit", "meta")
    assert whole["views"] == 600 and not whole["incomplete"] and not whole["request"] and whole["silent"] == []
    assert whole["health"] == ["", ""]
    for away, staying in ((1, 0), (0, 1)):
        nodes.stop(away, kill=True)
        part = people(tmp_path, url, "away", "meta")
        assert part["incomplete"] and part["request"] and not part["other_request"]
        assert 0 < part["views"] < 600
        assert part["silent"] == [nodes.http[away]] and part["task"] == "StoreAway"
        error, warning = part["health"]
        assert error == "" and f"127.0.0.1:{nodes.http[away]}" in warning
        assert part["views"] == int(
            nodes.ask(staying, "SELECT count() FROM people.events_local WHERE ts >= '2000-01-01' AND path != '/old'")
        )
        nodes.start(away)
    people(tmp_path, url, "waiting")
    check_totals(people(tmp_path, url, "count"))


def test_a_report_waits_for_a_node_that_froze_little_longer_than_its_query_may_run(
    nodes: Nodes, settings: Settings
) -> None:
    nodes.arrange([0])
    settings.EVENTS_URL = f"clickhouse://127.0.0.1:{nodes.http[0]}/default"
    limits = {"max_execution_time": 1}
    assert store.query("SELECT 1", settings=limits).rows == [(1,)]
    os.kill(nodes.processes[0].pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(store.StoreAway):
        store.query("SELECT 1", settings=limits)
    assert time.monotonic() - began < 60


def test_a_report_leaves_out_a_shard_that_froze(nodes: Nodes, tmp_path: Path, settings: Settings) -> None:
    settings.EVENTS_URL = nodes.arrange([0], [1])
    people(tmp_path, settings.EVENTS_URL)
    limits = {"max_execution_time": 80}
    assert not store.query_available("SELECT count() FROM events", settings=limits).incomplete
    os.kill(nodes.processes[1].pid, signal.SIGSTOP)
    began = time.monotonic()
    assert store.query_available("SELECT count() FROM events", settings=limits).incomplete
    assert time.monotonic() - began < 60, "it was not waited for as long as the query may run"


def test_a_replica_answers_for_one_that_is_away(nodes: Nodes, tmp_path: Path) -> None:
    url = nodes.arrange([0, 1], [2])
    whole = people(tmp_path, url, "visit", "return", "count")
    check_totals(whole)
    assert count_rows(nodes, 0) == count_rows(nodes, 1) > 0
    nodes.stop(0, kill=True)
    part = people(tmp_path, url, "skip", "meta")
    assert part["views"] == 900 and not part["incomplete"] and part["silent"] == [nodes.http[0]]
