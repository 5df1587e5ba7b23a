"""Errors of the store are reported in one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.support import browse
from tests.support.types import Store
from tracking import store
from tracking.store import StoreAway, StoreError
from tracking.store.migrate import split_statements
from tracking.store.target import Host, get_target, parse_events_url

ROOT = Path(__file__).resolve().parents[2]
embedded = pytest.mark.skipif(not get_target().embedded, reason="about the engine in this process")


def in_another_process(code: str, **environment: str) -> str:
    """What a fresh process says that runs `code` with a store of its own."""
    env = {**os.environ, "EVENTS_URL": "", "DJANGO_SETTINGS_MODULE": "config.settings", **environment}
    script = f"import django; django.setup()\nfrom tracking import store\n{code}"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr[-2000:]


@embedded
def test_a_second_process_gets_an_error_that_the_directory_is_in_use(store: Store, tmp_path: Path) -> None:
    store.ping()
    said = in_another_process(
        "try: store.ping()\nexcept store.StoreAway as error: print('told:', error)",
        DATA_DIR=str(tmp_path), EVENTS_URL=f"chdb://{get_target().directory}",
    )  # fmt: skip
    assert "told: The events at" in said and "are open in another process" in said
    assert "Stack trace" not in said


def test_a_forked_child_gets_an_error_instead_of_hanging(tmp_path: Path) -> None:
    said = in_another_process(
        "import os\nstore.ping()\npid = os.fork()\n"
        "if pid == 0:\n"
        "    try: store.ping()\n"
        "    except store.StoreError as error: print('told:', error, flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0)\nprint('parent', store.rows('SELECT 1 AS one'))",
        DATA_DIR=str(tmp_path),
        EVENTS_URL="",
    )
    assert "told: The event store was opened before this process was forked" in said
    assert "parent [{'one': 1}]" in said


def test_importing_the_store_does_not_import_the_engine(tmp_path: Path) -> None:
    said = in_another_process("import sys; print('chdb' in sys.modules)", DATA_DIR=str(tmp_path))
    assert said.strip() == "False"


def test_a_store_without_tables_says_what_to_do(tmp_path: Path) -> None:
    said = in_another_process(
        "print(store.is_migrated())\n"
        "try: store.rows('SELECT * FROM events')\nexcept store.StoreError as error: print('told:', error)",
        DATA_DIR=str(tmp_path),
    )
    assert said.startswith("False\n") and "told: The event store at" in said and "manage.py events migrate" in said


def test_an_unreachable_server_is_reported_as_unreachable(settings: Settings) -> None:
    settings.EVENTS_URL = "clickhouse://someone:secret@127.0.0.1:9/db"
    with pytest.raises(StoreAway, match=r"The event store at clickhouse://127.0.0.1:9/db does not answer") as told:
        store.ping()
    assert "secret" not in str(told.value)


def test_an_invalid_statement_reports_the_engines_first_line(store: Store) -> None:
    with pytest.raises(StoreError, match=r"The event store says: .*nonsense"):
        store.rows("SELECT nonsense()")
    browse(1, "/a")
    assert store.rows("SELECT count() AS n FROM events") == [{"n": 1}]


@pytest.mark.parametrize(
    ("url", "saying"),
    [
        ("chdb://relative/path", "absolute path"),
        ("mysql://host/db", "starts with 'mysql'"),
        ("clickhouse:///db", "names no host"),
        ("clickhouse://a,b/db", "several hosts"),
        ("clickhouse://a:port/db", "not a number"),
    ],
)
def test_a_wrong_url_says_what_is_wrong(url: str, saying: str) -> None:
    with pytest.raises(StoreError, match=saying):
        parse_events_url(url)


def test_a_cluster_url_is_parsed() -> None:
    found = parse_events_url("clickhouses://al%40ice:p%2Fw@h1:8124,h2,[::1]:9/ev?cluster=main")
    assert found.hosts == (Host("h1", 8124), Host("h2", 8443), Host("::1", 9))
    assert (found.user, found.password, found.database, found.cluster) == ("al@ice", "p/w", "ev", "main")
    assert "p/w" not in found.where and found.secure


def test_a_migration_has_distributed_tables_on_a_cluster_only() -> None:
    text = "-- a; comment\nCREATE TABLE x{local} (a String) ENGINE = MergeTree ORDER BY a;\n\n{distributed:x:a}\n"
    assert list(split_statements(text, parse_events_url("chdb:///tmp/x"))) == [
        "CREATE TABLE x (a String) ENGINE = MergeTree ORDER BY a"
    ]
    made = list(split_statements(text, parse_events_url("clickhouse://h/db?cluster=main")))
    assert made[0].startswith("CREATE TABLE x_local") and "Distributed('main'" in made[1] and len(made) == 2
