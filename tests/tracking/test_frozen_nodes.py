"""Nodes of the event store that accept connections and never answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from pytest_django import Settings

from config import health
from tracking import store
from tracking.store import client
from tracking.store.target import get_target

UNLIMITED_SECONDS = 60  # far above every limit of a check, and far below what a statement may take


@pytest.fixture
def frozen(settings: Settings) -> Iterator[None]:
    """A cluster of two nodes whose listening sockets are all that is left."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        hosts = ",".join(f"127.0.0.1:{each.getsockname()[1]}" for each in sockets)
        settings.EVENTS_URL = f"clickhouse://{hosts}/db?cluster=two"
        yield


def test_a_check_of_frozen_nodes_ends_soon(frozen: None) -> None:
    began = time.monotonic()
    errors = client.check_hosts(get_target().hosts)
    assert set(errors) == set(get_target().hosts)
    assert all(isinstance(error, store.StoreAway) for error in errors.values())
    assert time.monotonic() - began < UNLIMITED_SECONDS


@pytest.mark.django_db
def test_the_health_report_of_a_frozen_store_is_built_and_names_the_error(
    frozen: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_store_check", (0.0, "", ""))
    began = time.monotonic()
    report = health.build_report(datetime.now(UTC))
    assert not report["store"]["reachable"] and "does not answer" in report["store"]["error"]
    assert time.monotonic() - began < UNLIMITED_SECONDS


def test_a_statement_does_not_wait_for_a_frozen_store(frozen: None, settings: Settings) -> None:
    settings.EVENTS_URL = f"clickhouse://127.0.0.1:{get_target().hosts[0].port}/db"
    began = time.monotonic()
    with pytest.raises(store.StoreAway):
        store.query("SELECT 1", settings={"max_execution_time": 1})
    assert time.monotonic() - began < UNLIMITED_SECONDS
