"""Caddy, by `deploy/Caddyfile` and with an authority of its own, gets certificates for proved hosts only."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.config.test_serve_command import MANAGE
from tests.served import reserve_ports, wait_until
from tests.services import servers
from tests.services.test_served_hits import serving

pytestmark = pytest.mark.services
PROVED, PENDING, STRANGE = "stats.agency.test", "stats.pending.test", "stats.stranger.test"
PROVISION = ("--email", "a@example.com", "--password", "correct horse battery", "--json")


class Installation(NamedTuple):
    """A server behind Caddy; `authority` is the file with Caddy's own root certificate."""

    port: int
    plain_port: int
    authority: Path


def manage(env: dict[str, str], *words: str) -> str:
    done = subprocess.run([*MANAGE, *words], cwd=servers.ROOT, env=env, capture_output=True, text=True, check=True)
    return done.stdout


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def connect(port: int, host: str, authority: Path | None = None) -> ssl.SSLSocket:
    """A TLS connection to a host, whose certificate must be the authority's if one is named. Raises ssl.SSLError."""
    context = ssl.create_default_context(cafile=authority)
    if authority is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    return context.wrap_socket(plain, server_hostname=host)


def get_page(installation: Installation, host: str, path: str) -> tuple[int, str, str]:
    """Status, headers and text of a page by https."""
    connection = http.client.HTTPSConnection(host, installation.port)
    connection.sock = connect(installation.port, host, installation.authority)
    connection.request("GET", path)
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply.status, str(reply.headers), text


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("certificates")
    env = {**os.environ, "DATABASE_URL": "", "EVENTS_URL": "", "REDIS_URL": "", "TRUSTED_PROXIES": "127.0.0.1"}
    env |= {"BASE_URL": "https://dashboard.example.net", "SECRET_KEY": "s" * 60}
    with serving(env, home / "data") as address:
        env["DATA_DIR"] = str(home / "data")
        brand_hosts(env, address)
        port, storage = reserve_ports(2), home / "caddy"
        options = "local_certs\nskip_install_trust\ndefault_bind 127.0.0.1\n"
        caddy_env = env | {
            "UPSTREAM": address.removeprefix("http://"), "CERTIFICATES": str(storage), "XDG_DATA_HOME": str(home),
            "CADDY_OPTIONS": f"{options}http_port {port}\nhttps_port {port + 1}", "HOME": str(home),
        }  # fmt: skip
        command = [servers.program("caddy", "caddy"), "run", "--config", str(servers.ROOT / "deploy" / "Caddyfile")]
        with (home / "caddy.log").open("wb") as log:
            caddy = subprocess.Popen([*command, "--adapter", "caddyfile"], env=caddy_env, stdout=log, stderr=log)
        try:
            wait_until(partial(is_open, port + 1), (home / "caddy.log").read_text)
            yield Installation(port + 1, port, storage / "pki" / "authorities" / "local" / "root.crt")
        finally:
            caddy.terminate()
            caddy.wait(30)


def brand_hosts(env: dict[str, str], address: str) -> None:
    """Two accounts with a white label each, of which one host is proved."""
    for host in (PROVED, PENDING):
        made = json.loads(manage(env, "provision", *PROVISION, "--account", host, "--domain", f"www.{host}"))
        key = {"Authorization": f"Bearer {made['account']['authkey']}"}
        told = httpx.patch(
            f"{address}/api/v1/brand", json={"host": host, "name": "Agency Numbers"}, headers=key, timeout=30
        )
        assert told.status_code == 200, told.text
        if host == PROVED:
            manage(env, "custom_domain", "approve", host, "--purpose", "brand")
    wait_until(
        lambda: httpx.get(f"{address}/internal/tls-allowed?domain={PROVED}").status_code == 200,
        lambda: "the host is not allowed",
    )


def test_a_proved_host_is_served_under_its_brand_with_a_certificate_of_its_own(installation: Installation) -> None:
    status, headers, text = get_page(installation, PROVED, "/login")
    assert status == 200 and "Agency Numbers" in text
    assert "footfall" not in (headers + text).lower() and "caddy" not in headers.lower()


@pytest.mark.parametrize("host", [PENDING, STRANGE, f"x.{PROVED}", "localhost"])
def test_any_other_name_ends_the_handshake(installation: Installation, host: str) -> None:
    with pytest.raises(ssl.SSLError):
        connect(installation.port, host)


def test_nobody_asks_about_certificates_through_the_proxy(installation: Installation) -> None:
    assert get_page(installation, PROVED, f"/internal/tls-allowed?domain={PROVED}")[0] == 404


def test_pages_by_http_are_redirected_and_beacons_are_answered(installation: Installation) -> None:
    address, host = f"http://127.0.0.1:{installation.plain_port}", {"Host": PROVED}
    page = httpx.get(f"{address}/login", headers=host)
    assert page.status_code == 301 and page.headers["Location"] == f"https://{PROVED}/login"
    assert httpx.get(f"{address}/js", headers=host).status_code == 200


def test_the_installations_own_host_has_a_certificate_too(installation: Installation) -> None:
    assert get_page(installation, "dashboard.example.net", "/login")[0] == 200
