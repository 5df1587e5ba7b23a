"""A server that is killed with a hit half recorded: whoever repeats the hit, it is stored exactly once.

Two servers share a Redis. A proxy before it stops the first one, as a debugger does, at a known point of the hit: once
Redis has what the hit claims, or once the hit is in the spool and Redis has not heard of that. Then it is killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import redis

from tests.config.test_serve_command import MANAGE
from tests.served import reserve_port, wait_for_site, wait_until
from tests.services import servers
from tests.services.proxies import Proxy, open_proxy
from tests.services.test_first_starts import create_database, is_healthy
from tests.support.hits import BROWSER, CHROME

pytestmark = pytest.mark.services
DATABASE = "killed_servers"
PROVISION = ("--email", "a@example.com", "--password", "correct horse battery", "--account", "A", "--json")
LINKS = """
import django; django.setup()
from accounts.models import Account
from links.models import Conversion
from links.services.conversions import conversion_create
from links.services.links import datapoint_create
account = Account.objects.get()
sale = conversion_create(account=account, name="Sale")
datapoint_create(account=account, alias="offer", url="https://shop.test/?sub=[s2sidentifier]", conversions=[sale])
print(sale.code)
"""


class KilledServer:
    """A server with a DATA_DIR of its own, which may be killed and started again."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.env, self.folder, self.port = {**env, "DATA_DIR": str(folder)}, folder, reserve_port()
        self.log = folder / "serve.log"
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self.log.open("ab") as output:
            command = [*MANAGE, "serve", "--no-demo", "--port", str(self.port)]
            self.process = subprocess.Popen(command, cwd=servers.ROOT, env=self.env, stdout=output, stderr=output)
        wait_until(partial(is_healthy, self.port), self.log.read_text, 120)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(number)
        self.process.wait(60)

    def read_spool(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.folder.glob("spool/*/*-*-*"))


class TwoServers(NamedTuple):
    """Two servers, and the proxy between the first one and Redis."""

    one: KilledServer
    two: KilledServer
    proxy: Proxy
    site: int
    key: str
    sale: str
    redis: redis.Redis


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoServers]:
    folder = tmp_path_factory.mktemp("killed")
    address = os.environ["TESTS_REDIS_URL"].replace("NUMBER", "12")
    with open_proxy(servers.REDIS) as proxy:
        env = {
            **os.environ, "DATABASE_URL": create_database(DATABASE), "SECRET_KEY": "s" * 60, "REDIS_URL": address,
            "EVENTS_URL": servers.EVENTS_URL.replace("DATABASE", DATABASE), "TRUSTED_PROXIES": "127.0.0.1",
        }  # fmt: skip
        one = KilledServer({**env, "REDIS_URL": address.replace(str(servers.REDIS), str(proxy.port))}, folder / "one")
        two = KilledServer(env, folder / "two")
        try:
            one.start()
            two.start()
            told = json.loads(run(two, [*MANAGE, "provision", *PROVISION, "--domain", "a.example"]))["site"]
            sale = run(two, [MANAGE[0], "-c", LINKS]).strip()
            for server in (one, two):
                wait_for_site(server.url, told["site_id"])
                wait_until(partial(knows_link, server), server.log.read_text)
            connection = redis.Redis.from_url(address)
            yield TwoServers(one, two, proxy, told["site_id"], told["api_key"], sale, connection)
        finally:
            for server in (one, two):
                with suppress(AttributeError, ProcessLookupError):
                    server.end(signal.SIGKILL)


def knows_link(server: KilledServer) -> bool:
    return httpx.get(f"{server.url}/l/offer", headers={"user-agent": "curl/8"}, timeout=60).status_code < 400


def run(server: KilledServer, command: list[str]) -> str:
    env = {**server.env, "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run(command, cwd=servers.ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


class RepeatedHit(NamedTuple):
    """A hit that can be repeated: how it is sent, what it claims in Redis, and how its rows are counted."""

    send: Callable[[KilledServer], httpx.Response]
    claim: str
    condition: str


def send_view(there: TwoServers, name: str, server: KilledServer) -> httpx.Response:
    """A page view of the tracker, with an id for some minutes."""
    query = {
        "site_id": str(there.site), "type": "pageview", "href": f"/{name}", "host": "a.example", "x": f"id of {name}",
    }  # fmt: skip
    headers = {"user-agent": CHROME, "x-forwarded-for": "81.2.69.7", **BROWSER}
    return httpx.get(f"{server.url}/in.php", params=query, headers=headers, timeout=60)


def send_event(there: TwoServers, name: str, server: KilledServer) -> httpx.Response:
    """An event of a program, with an id for a day."""
    body = {"url": f"https://a.example/{name}", "name": "pageview", "event_id": f"id of {name}"}
    headers = {"user-agent": CHROME, "x-api-key": there.key, "x-forwarded-for": "81.2.69.8"}
    return httpx.post(f"{server.url}/api/event", json=body, headers=headers, timeout=60)


def send_sale(there: TwoServers, name: str, word: str, server: KilledServer) -> httpx.Response:
    """A conversion with an order number, which counts once."""
    query = {"clickId": word, "id": there.sale, "val": "10", "param": name}
    return httpx.get(f"{server.url}/s2s", params=query, timeout=60)


def build_hit(there: TwoServers, kind: str, name: str) -> RepeatedHit:
    if kind == "conversion":
        headers = {"user-agent": CHROME, "x-forwarded-for": "81.2.69.9", **BROWSER}
        clicked = httpx.get(f"{there.two.url}/l/offer", headers=headers, timeout=60)
        word = httpx.URL(clicked.headers["location"]).params["sub"]
        return RepeatedHit(partial(send_sale, there, name, word), "footfall:counted:conversion:*", f"name = '{name}'")
    send = send_view if kind == "beacon" else send_event
    return RepeatedHit(partial(send, there, name), "footfall:seen:*", f"path = '/{name}' AND kind = 'view'")


def count_stored(condition: str) -> int:
    sql = f"SELECT count() FROM {DATABASE}.events_local WHERE {condition}"
    return sum(int(servers.ask(port, sql)) for port in servers.HTTP)


def wait_until_stored(there: TwoServers) -> None:
    for server in (there.one, there.two):
        wait_until(
            lambda url=server.url: not httpx.get(f"{url}/healthz", timeout=20).json()["spool"]["depth"],  # type: ignore[misc]
            lambda: "the spool is not empty",
        )


def kill_at(there: TwoServers, hit: RepeatedHit, *words: bytes, passes: bool) -> None:
    """Send a hit to the first server, and kill it when it has sent these words to Redis, which does not answer the
    last of them."""
    send_view(there, f"first-{there.one.process.pid}", there.one)  # so that it knows the salt of the day
    wait_until_stored(there)
    known = set(there.redis.keys(hit.claim))
    point = there.proxy.stop_at(*words, stop=lambda: there.one.process.send_signal(signal.SIGSTOP), passes=passes)

    def send() -> None:
        with suppress(httpx.HTTPError):
            hit.send(there.one)

    sender = threading.Thread(target=send)
    sender.start()
    assert point.reached.wait(60)
    wait_until(lambda: set(there.redis.keys(hit.claim)) - known, lambda: "nothing is claimed")
    there.one.end(signal.SIGKILL)
    there.proxy.thaw()
    sender.join()


CLAIMS = {  # what each kind of hit asks before its event is in the spool
    "beacon": [b'"join_visit"'],
    "event": [b'"join_visit"'],
    "conversion": [b'"claim_first"'] * 2,
}


def read_answers(there: TwoServers, hit: RepeatedHit) -> list[str]:
    """How the hit is answered that is repeated to both servers, twice."""
    servers_in_turns = (there.two, there.one, there.one, there.two)
    return [hit.send(server).headers.get("x-event-dropped", "stored") for server in servers_in_turns]


@pytest.mark.parametrize("kind", CLAIMS)
def test_what_a_killed_server_had_only_claimed_is_stored_when_it_is_repeated(
    installation: TwoServers, kind: str
) -> None:
    hit = build_hit(installation, kind, f"claimed-{kind}")
    kill_at(installation, hit, *CLAIMS[kind][:1], passes=True)
    assert f"claimed-{kind}".encode() not in installation.one.read_spool()
    meanwhile = hit.send(installation.two)  # nobody can know yet whether it is stored
    assert (meanwhile.status_code, meanwhile.headers["x-event-dropped"]) == (503, "undecided")
    assert meanwhile.headers["retry-after"] == "1"
    installation.one.start()
    assert read_answers(installation, hit) == ["stored", "duplicate", "duplicate", "duplicate"]
    wait_until_stored(installation)
    assert count_stored(hit.condition) == 1


@pytest.mark.parametrize("kind", CLAIMS)
def test_what_a_killed_server_had_stored_is_a_duplicate_when_it_is_repeated(
    installation: TwoServers, kind: str
) -> None:
    hit = build_hit(installation, kind, f"stored-{kind}")
    kill_at(installation, hit, *CLAIMS[kind], b"EVALSHA", passes=False)
    assert f"stored-{kind}".encode() in installation.one.read_spool()
    installation.one.start()
    assert read_answers(installation, hit) == ["duplicate"] * 4
    wait_until_stored(installation)
    assert count_stored(hit.condition) == 1
