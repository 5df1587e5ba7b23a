"""Two servers with one Redis under a crowd of beacons and clicks: what they recorded is what one process would have."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.config.test_serve_command import MANAGE
from tests.served import reserve_port, wait_for_site, wait_until
from tests.services import servers
from tests.services.test_first_starts import create_database, is_healthy
from tests.support.hits import BROWSER, CHROME

pytestmark = pytest.mark.services
PEOPLE, PAGES = 40, 10
PROVISION = ("--email", "a@example.com", "--password", "correct horse battery", "--account", "A", "--json")


@contextmanager
def serving(env: dict[str, str], folder: Path) -> Iterator[str]:
    """A server with a DATA_DIR of its own; yields its address. It is ended gracefully."""
    folder.mkdir()
    port, log = reserve_port(), folder / "serve.log"
    with log.open("wb") as output:
        command = [*MANAGE, "serve", "--no-demo", "--port", str(port)]
        one = subprocess.Popen(
            command, cwd=servers.ROOT, env={**env, "DATA_DIR": str(folder)}, stdout=output, stderr=output
        )
    try:
        wait_until(partial(is_healthy, port), log.read_text, 120)
        yield f"http://127.0.0.1:{port}"
    finally:
        one.terminate()
        assert one.wait(30) == 0, log.read_text()


async def visit(addresses: list[str], site: int, person: int) -> Counter[str]:
    """Open pages as one visitor, each beacon sent to both servers at the same moment; count how they were answered."""
    found: Counter[str] = Counter()
    headers = {"user-agent": CHROME, "x-forwarded-for": f"81.2.69.{person}", **BROWSER}
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:
        for page in range(PAGES):
            query = {
                "site_id": str(site), "type": "pageview", "href": f"/{page}", "host": "a.example",
                "x": f"an id of a beacon {person} {page}",
            }  # fmt: skip
            both = await asyncio.gather(*(client.get(f"{address}/in.php", params=query) for address in addresses))
            found.update(reply.headers.get("x-event-dropped", "stored") for reply in both)
    return found


async def visit_all(addresses: list[str], site: int) -> Counter[str]:
    """The visits of all people at the same time."""
    found: Counter[str] = Counter()
    for one in await asyncio.gather(*(visit(addresses, site, person) for person in range(1, PEOPLE + 1))):
        found += one
    return found


def ask_nodes(sql: str) -> int:
    """The sum of a number that every node knows of its own rows."""
    return sum(int(servers.ask(port, sql)) for port in servers.HTTP)


def test_a_crowd_at_two_servers_is_recorded_once_and_completely(tmp_path: Path) -> None:
    env = {
        **os.environ, "DATABASE_URL": create_database("served_hits"), "SECRET_KEY": "s" * 60,
        "EVENTS_URL": servers.EVENTS_URL.replace("DATABASE", "served_hits"), "TRUSTED_PROXIES": "127.0.0.1",
        "REDIS_URL": os.environ["TESTS_REDIS_URL"].replace("NUMBER", "11"),
    }  # fmt: skip
    with ExitStack() as stack:
        addresses = [stack.enter_context(serving(env, tmp_path / str(number))) for number in (1, 2)]
        told = subprocess.run(
            [*MANAGE, "provision", *PROVISION, "--domain", "a.example"], cwd=servers.ROOT,
            env={**env, "DATA_DIR": str(tmp_path / "1")}, check=True, capture_output=True,
        )  # fmt: skip
        site = json.loads(told.stdout)["site"]["site_id"]
        for address in addresses:
            wait_for_site(address, site)
        answered = asyncio.run(visit_all(addresses, site))
    assert answered == {"stored": PEOPLE * PAGES, "duplicate": PEOPLE * PAGES}
    stored = "FROM served_hits.events_local WHERE kind = 'view'"
    assert ask_nodes(f"SELECT count() {stored}") == PEOPLE * PAGES
    assert ask_nodes(f"SELECT uniqExact(visit) {stored}") == ask_nodes(f"SELECT uniqExact(device) {stored}") == PEOPLE
