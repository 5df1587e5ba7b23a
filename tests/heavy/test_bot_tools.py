"""Real tools send requests to a real server: programs are quarantined, and a person's browser is not."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.served import reserve_port, wait_for_site
from tests.support.hits import BROWSER, CHROME

pytestmark = pytest.mark.heavy
ROOT = Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("TOOLS_PYTHON", sys.executable)  # one that has scrapy, if there is one
MANAGE = [sys.executable, "manage.py"]
TOOLS: dict[str, list[str]] = {
    "curl": ["curl", "-s", "{url}"],
    "wget": ["wget", "-q", "-O", "-", "{url}"],
    "python urllib": [sys.executable, "-c", "import urllib.request as u; u.urlopen('{url}').read()"],
    "python httpx": [sys.executable, "-c", "import httpx; httpx.get('{url}')"],
    "python requests": [PYTHON, "-c", "import requests; requests.get('{url}')"],
    "node fetch": ["node", "-e", "fetch('{url}').then(r => r.text())"],
    "scrapy": [PYTHON, "-m", "scrapy", "fetch", "--nolog", "{url}"],
    "headless Chromium": [
        "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--dump-dom",
        "{url}",
    ],
    "curl as Chrome": ["curl", "-s", "-A", CHROME, "{url}"],
    "wget as Chrome": ["wget", "-q", "-O", "-", "-U", CHROME, "{url}"],
    "curl as Chrome, HTTP/1.0": ["curl", "-s", "-0", "-A", CHROME, "-H", "Accept-Language: en", "{url}"],
}  # fmt: skip
MODULES = {"scrapy": "scrapy", "python requests": "requests"}


class Served:
    """`manage.py serve` on a DATA_DIR of its own, with a site."""

    def __init__(self, folder: Path) -> None:
        self.folder, port = folder, reserve_port()
        self.env = {**os.environ, "DATA_DIR": str(folder), "EVENTS_URL": "", "DATABASE_URL": "", "REDIS_URL": ""}
        with (folder / "serve.log").open("w") as log:
            command = [*MANAGE, "serve", "--no-demo", "--port", str(port)]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=log, stderr=log)
        self.url = f"http://127.0.0.1:{port}"
        self.wait()
        told = ["--email", "a@example.com", "--password", "correct horse battery", "--account", "A"]
        made = json.loads(self.manage("provision", *told, "--domain", "example.com", "--json"))
        self.site = int(made["site"]["site_id"])
        wait_for_site(self.url, self.site)

    def wait(self) -> None:
        """Until it answers, or a minute and a half."""
        end = time.monotonic() + 90
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.5)
        raise AssertionError((self.folder / "serve.log").read_text()[-2000:])

    def manage(self, *words: str) -> str:
        done = subprocess.run([*MANAGE, *words], cwd=ROOT, env=self.env, capture_output=True, text=True, check=True)
        return done.stdout

    def stop_and_read(self) -> dict[str, list[tuple[str, str]]]:
        """What it stored of each table: (path, reason)."""
        self.process.terminate()
        self.process.wait(60)
        told = self.manage("shell", "-c", READ)
        result: dict[str, list[tuple[str, str]]] = ast.literal_eval(
            next(line[5:] for line in told.splitlines() if line.startswith("TOLD "))
        )
        return result


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    if made.process.poll() is None:
        made.process.kill()


def installed(name: str, command: list[str]) -> bool:
    if name in MODULES:
        found = subprocess.run([PYTHON, "-c", f"import {MODULES[name]}"], capture_output=True, check=False)
        return found.returncode == 0
    return shutil.which(command[0]) is not None


READ = """
from tracking import store
print("TOLD", {table: [(row["path"], row.get("reason", "")) for row in store.rows(f"SELECT * FROM {table}")]
      for table in ("events", "bots")})
"""


def test_requests_of_tools_are_quarantined_and_those_of_a_browser_are_not(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    for index, (name, command) in enumerate(TOOLS.items()):
        if installed(name, command):
            beacon = f"{served.url}/in.php?site_id={served.site}&type=pageview&href=%2Ftool-{index}&host=example.com"
            parts = [part.replace("{url}", beacon) for part in command]
            subprocess.run(parts, capture_output=True, timeout=90, check=False, cwd=served.folder)
    query = {"site_id": str(served.site), "type": "pageview", "href": "/person", "host": "example.com"}
    httpx.get(f"{served.url}/in.php", params=query, headers={**BROWSER, "user-agent": CHROME}, timeout=20)
    found = served.stop_and_read()
    table = []
    for index, (name, command) in enumerate(TOOLS.items()):
        path = f"/tool-{index}"
        told = dict(found["bots"]).get(path) or ("COUNTED" if path in dict(found["events"]) else "came not through")
        table.append((name, told if installed(name, command) else "not installed"))
    with capsys.disabled():
        print("\n" + "\n".join(f"{name:<26} {told}" for name, told in table))
    assert [path for path, _ in found["events"]] == ["/person"]
    assert all(told != "came not through" for _, told in table), table
    assert sum(told != "not installed" for _, told in table) >= 7
