"""`make test-services`: starts the services, runs the suite on them, stops them. Arguments go to pytest."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.services import servers

MARKS = "not browser and not heavy"


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
        return subprocess.run([*command, *parallel, *(arguments or ["tests"])], cwd=servers.ROOT, env=env).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
