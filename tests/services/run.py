"""`make test-services`: starts the services, runs the suite on them, stops them. Arguments go to pytest."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.served import reserve_ports

os.environ.setdefault("SERVICES_PORT", str(reserve_ports(14)))  # for the servers, and for the tests that ask them

from tests.services import servers

MARKS = "not browser and not heavy"
# What may differ between the embedded defaults and the services; everything else runs the same Python over the same
# interfaces, and is left to `make test`.
FILES: dict[str, str] = {
    "services": "two nodes, several processes with one Redis, workers and beats of their own",
    "tracking/test_pipeline_visits.py": "open visits, devices and salts lie in Redis",
    "tracking/test_event_endpoint.py": "ids sent before and limits lie in Redis",
    "links/test_redirects.py": "unique clicks, over restarts too",
    "links/test_conversions.py": "clicks wait for their conversion and their visit in Redis",
    "tracking/test_store_migrations.py": "every node has the columns and views that the code declares",
    "tracking/test_store_tables.py": "types, views and inserts over the wire, distributed tables",
    "tracking/test_store_corrections.py": "every node corrects itself",
    "tracking/test_store_moves.py": "and finishes what was interrupted",
    "tracking/test_spool.py": "segments are inserted over the wire, the same one twice",
    "tracking/test_personal_data.py": "erasure and export reach every node",
    "tracking/test_heatmap_beacons.py": "a second table by device",
    "reports/query/test_rollups.py": "distributed joins; days settle before they are rolled up",
    "goals/test_goal_report.py": "sets of visits within a shard",
    "sites/test_site_cache.py": "changes of sites reach every process through PostgreSQL",
    "sites/uptime/test_check_rounds.py": "monitors are claimed by one of several workers, in PostgreSQL",
    "sites/alerts/test_alert_delivery.py": "deliveries are claimed once",
    "reports/digests/test_digests.py": "mails are claimed once",
    "accounts/test_secrets_at_rest.py": "encrypted columns are of another type in PostgreSQL",
    "accounts/audit/test_chain.py": "PostgreSQL has triggers of its own, and locks of rows",
    "accounts/test_session_store.py": "rows of sessions have keys of their own, in PostgreSQL too",
    "accounts/test_login.py": "limits of log-ins are counted in the cache",
}


def main(arguments: list[str]) -> int:
    """pytest's exit code."""
    with (
        tempfile.TemporaryDirectory(prefix="footfall-services-") as folder,
        servers.clickhouse(Path(folder)) as events,
        servers.postgres(Path(folder)) as database,
        servers.redis(Path(folder)) as redis,
    ):
        env = {
            **os.environ,
            "TESTS_EVENTS_URL": events.replace("DATABASE", "tests_WORKER"),
            "TESTS_DATABASE_URL": database,
            "TESTS_REDIS_URL": redis.removesuffix("/0") + "/NUMBER",
        }
        command = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=-ra --strict-markers", "-m", MARKS]
        parallel = [] if any(one.startswith("-n") for one in arguments) else ["-n", "2", "--dist", "loadfile"]
        named = any((servers.ROOT / one.partition("::")[0]).exists() for one in arguments)
        what = [*arguments, *([] if named else [f"tests/{name}" for name in FILES])]
        return subprocess.run([*command, *parallel, *what], cwd=servers.ROOT, env=env).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
