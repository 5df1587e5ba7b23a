"""A server whose PostgreSQL and Redis fall silent records hits, and /healthz says what is away within seconds."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.config.test_serve_command import MANAGE
from tests.served import PATIENCE, wait_for_site, wait_until
from tests.services import servers
from tests.services.proxies import open_proxy
from tests.services.test_first_starts import create_database
from tests.services.test_served_hits import PROVISION, serving
from tests.support.hits import CHROME

pytestmark = pytest.mark.services
DATABASE, REDIS = "The database does not answer.", "Redis does not answer."


def read_warnings(address: str) -> str:
    """What /healthz says now; it has to answer in a moment, whatever is away."""
    found: dict[str, Any] = httpx.get(f"{address}/healthz", timeout=PATIENCE).json()
    return " ".join(found["warnings"])


def wait_for_warning(address: str, sentence: str, *, told: bool) -> None:
    """Wait until /healthz says a sentence, or no longer says it."""
    wait_until(lambda: (sentence in read_warnings(address)) is told, lambda: read_warnings(address))


def send_hit(address: str, site: int) -> str:
    """Why a page view was not recorded; "" if it was."""
    query = {"site_id": str(site), "type": "pageview", "href": "/a", "host": "a.example"}
    headers = {"User-Agent": CHROME, "Accept-Language": "en", "X-Forwarded-For": "81.2.69.7"}
    reply = httpx.get(f"{address}/in.php", params=query, headers=headers, timeout=PATIENCE)
    return reply.headers.get("X-Event-Dropped", "") or str(reply.status_code)


def test_health_names_a_silent_database_and_a_silent_redis_while_hits_are_recorded(tmp_path: Path) -> None:
    url, events = create_database("outage_warnings"), servers.EVENTS_URL.replace("DATABASE", "outage_warnings")
    with open_proxy(servers.POSTGRES) as database, open_proxy(servers.REDIS) as redis:
        env = {
            **os.environ, "DATABASE_URL": url.replace(str(servers.POSTGRES), str(database.port)),
            "REDIS_URL": f"redis://127.0.0.1:{redis.port}/12", "EVENTS_URL": events, "SECRET_KEY": "s" * 60,
            "TRUSTED_PROXIES": "127.0.0.1",
        }  # fmt: skip
        with serving(env, tmp_path / "1") as address:
            told = subprocess.run(
                [*MANAGE, "provision", *PROVISION, "--domain", "a.example"], cwd=servers.ROOT,
                env={**env, "DATA_DIR": str(tmp_path / "1")}, check=True, capture_output=True,
            )  # fmt: skip
            site = json.loads(told.stdout)["site"]["site_id"]
            wait_for_site(address, site)
            assert DATABASE not in read_warnings(address) and REDIS not in read_warnings(address)
            for silent, sentence in ((redis, REDIS), (database, DATABASE)):
                silent.freeze()
                wait_for_warning(address, sentence, told=True)
                assert send_hit(address, site) == "200"
                silent.thaw()
                wait_for_warning(address, sentence, told=False)
        log = (tmp_path / "1" / "serve.log").read_text()
    assert log.count("Redis is away, live streams") <= 1
