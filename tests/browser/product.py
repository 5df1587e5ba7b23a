"""The product as it is operated: `manage.py serve` in a process of its own, with its own data."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from tests.served import PATIENCE, reserve_port, wait_for_site, wait_until

ROOT = Path(__file__).resolve().parents[2]
EMAIL, PASSWORD = "alice@example.com", "correct horse battery"
START_SECONDS, STOP_SECONDS = 180, 30

READ = """
import json, sys, django
django.setup()
from tracking import store
json.dump({name: store.rows(f"SELECT * FROM {name} ORDER BY ts") for name in sys.argv[1:]}, sys.stdout, default=str)
"""
SITES = """
import json, sys, django
django.setup()
from django.db import transaction
from sites.management.commands.provision import provision
from sites.models import Site
from sites.services import site_update
made, (email, password, wanted) = {}, json.loads(sys.argv[1])
with transaction.atomic():  # a server never knows a site without its settings
    for name, values in wanted.items():
        words = {"account_name": "Alice", "domain": name + ".localhost", "timezone": "UTC"}
        site = provision(email=email, password=password, **words)["site"]
        made[name] = site["site_id"]
        site_update(site=Site.objects.get(pk=site["site_id"]), **values)
json.dump(made, sys.stdout)
"""


def knows_link(url: httpx.URL) -> bool:
    """Whether the server on this machine answers to the address."""
    headers, here = {"Host": url.netloc.decode()}, url.copy_with(host="127.0.0.1")
    return httpx.head(here, headers=headers, timeout=PATIENCE).status_code < 404


@dataclass
class Product:
    """One server. `read` needs the server stopped, because the embedded store is one process's."""

    data_dir: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="footfall-browser-")))
    port: int = field(default_factory=reserve_port)
    process: subprocess.Popen[bytes] | None = None
    settings: dict[str, str] = field(default_factory=dict)  # more of the environment

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("EVENTS_URL", "DATABASE_URL")}
        return {
            **kept, "DATA_DIR": str(self.data_dir), "PORT": str(self.port), "DJANGO_SETTINGS_MODULE": "config.settings",
            **self.settings,
        }  # fmt: skip

    def command(self, *words: str) -> str:
        """Run Python with the product's data; its output."""
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def start(self) -> None:
        """Serve; returns once /healthz says so."""
        with (self.data_dir / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--port", str(self.port), "--no-demo"],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.2)
        raise AssertionError((self.data_dir / "serve.log").read_text()[-3000:])

    def stop(self) -> None:
        """SIGTERM, as an operator would; the spool drains."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(STOP_SECONDS)
            self.process = None

    def provision(self, domain: str) -> dict[str, Any]:
        """A site of alice's, as a script makes it: its number and keys, known to the server."""
        words = ["--email", EMAIL, "--password", PASSWORD, "--account", "Alice", "--domain", domain, "--json"]
        made: dict[str, Any] = json.loads(self.command("manage.py", "provision", *words))["site"]
        wait_for_site(self.url, made["site_id"])
        return made

    def sites(self, **wanted: dict[str, Any]) -> dict[str, int]:
        """Sites of alice's, `<name>.localhost`, with these settings: their numbers, known to the server."""
        made: dict[str, int] = json.loads(self.command("-c", SITES, json.dumps([EMAIL, PASSWORD, wanted])))
        for number in made.values():
            wait_for_site(self.url, number)
        return made

    def wait_for_links(self, *addresses: str) -> None:
        """Until the server knows tracked links and pixels. Asked by HEAD, they count nothing."""
        for url in map(httpx.URL, addresses):
            wait_until(partial(knows_link, url), partial("the server does not know {}".format, url))

    def wait_until_stored(self) -> None:
        """Until everything that the server has answered is in the store, where reports find it."""
        wait_until(lambda: not self.count_waiting(), lambda: f"{self.count_waiting()} events wait")

    def count_waiting(self) -> int:
        """Events that are not in the store yet."""
        return int(httpx.get(f"{self.url}/healthz", timeout=PATIENCE).json()["spool"]["depth"])

    def read(self, *tables: str) -> dict[str, list[dict[str, Any]]]:
        """All rows of tables, oldest first."""
        found: dict[str, list[dict[str, Any]]] = json.loads(self.command("-c", READ, *tables))
        return found

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.data_dir, ignore_errors=True)
