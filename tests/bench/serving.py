"""Starts `serve` for a measurement, with its own DATA_DIR and a site, and measures the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
EMAIL, PASSWORD = "bench@example.com", "a bench needs no secret"


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used."""
    return _used(Path(f"/proc/{pid}/stat"))


def _used(stat: Path) -> float:
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass
class Served:
    """A running server."""

    process: subprocess.Popen[bytes]
    url: str
    env: dict[str, str]
    made: dict[str, Any]

    @property
    def rss_mb(self) -> float:
        """Resident memory."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0.0

    @property
    def answering(self) -> list[int]:
        """The process that answers hits; with `--workers` those of the workers."""
        return find_parts(self.process.pid, "worker") or [self.process.pid]

    @property
    def cpu_seconds(self) -> float:
        """Processor time used since the start by the processes that answer hits, all threads."""
        return sum(map(cpu_seconds, self.answering))

    @property
    def loop_seconds(self) -> float:
        """Processor time of the threads that answer; the rest is the writer's and the store's."""
        return sum(_used(Path(f"/proc/{pid}/task/{pid}/stat")) for pid in self.answering)

    def health(self) -> dict[str, Any]:
        """What /healthz says."""
        found: dict[str, Any] = httpx.get(f"{self.url}/healthz", timeout=10).json()
        return found


def find_parts(pid: int, part: str) -> list[int]:
    """The children of `serve --workers` that are a "worker", or the "store"; none of another `serve`."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    ending = f"--part\0{part}\0".encode()
    return [child for child in children if Path(f"/proc/{child}/cmdline").read_bytes().endswith(ending)]


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 90) -> None:
    """Until it answers. Raises RuntimeError when it does not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            httpx.get(url, timeout=2)
            return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise RuntimeError(f"{url} does not answer (exit code {process.poll()})")


@contextmanager
def served(
    data_dir: Path, port: int, domain: str = "bench.example", options: tuple[str, ...] = (), **env: str
) -> Iterator[Served]:
    """`manage.py serve` with a provisioned site, ended with SIGTERM."""
    geo = Path(os.environ.get("BENCH_GEO") or ROOT / "var" / "geo")
    if geo.exists() and not (data_dir / "geo").exists():
        (data_dir / "geo").symlink_to(geo)
    full = {**os.environ, "DATA_DIR": str(data_dir), "TRUSTED_PROXIES": "127.0.0.1", **env}
    manage = [sys.executable, str(ROOT / "manage.py")]
    process = subprocess.Popen([*manage, "serve", "--no-demo", "--port", str(port), *options], env=full, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/healthz", process)
        told = ["--email", EMAIL, "--password", PASSWORD, "--account", "Bench", "--domain", domain, "--json"]
        made = subprocess.run([*manage, "provision", *told], env=full, cwd=ROOT, check=True, capture_output=True)
        time.sleep(2.5)  # the server knows a new site within two seconds
        yield Served(process, url, full, json.loads(made.stdout))
    finally:
        process.terminate()
        process.wait(20)
