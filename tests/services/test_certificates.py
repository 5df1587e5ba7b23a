"""Proxies by the files in `deploy/`, before a served installation: certificates for proved hosts only.

Caddy gets them by itself, here from an authority of its own; nginx finds those that somebody got for it.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import trustme

from tests.config.test_serve_command import MANAGE
from tests.served import reserve_ports, wait_until
from tests.services import servers
from tests.services.test_served_hits import serving

pytestmark = pytest.mark.services
PROVED, PENDING, STRANGE = "stats.agency.test", "stats.pending.test", "stats.stranger.test"
PROVISION = ("--email", "a@example.com", "--password", "correct horse battery", "--json")
DEPLOY = servers.ROOT / "deploy"
SET_HOST = """
import sys, django
django.setup()
from accounts.models import Account
from accounts.services import account_brand_set
account_brand_set(account=Account.objects.get(name=sys.argv[1]), host=sys.argv[1], name="Agency Numbers")
"""


class Proxy(NamedTuple):
    """A proxy before the installation; `authority` is the file with the root of its certificates."""

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


def connect(proxy: Proxy, host: str) -> ssl.SSLSocket:
    """A TLS connection to a host, whose certificate must be the authority's. Raises ssl.SSLError."""
    context = ssl.create_default_context(cafile=proxy.authority)
    plain = socket.create_connection(("127.0.0.1", proxy.port), timeout=30)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except OSError:
        plain.close()
        raise


def get_page(proxy: Proxy, host: str, path: str) -> tuple[int, str, str]:
    """Status, headers and text of a page by https."""
    connection = http.client.HTTPSConnection(host, proxy.port)
    connection.sock = connect(proxy, host)
    connection.request("GET", path)
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply.status, str(reply.headers), text


@contextmanager
def running(command: list[str], env: dict[str, str], log: Path, port: int) -> Iterator[None]:
    """A proxy, until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=output)
    try:
        wait_until(partial(is_open, port), log.read_text)
        yield
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port of an installation with two white labels, of which one host is proved."""
    home = tmp_path_factory.mktemp("installation")
    env = {**os.environ, "DATABASE_URL": "", "EVENTS_URL": "", "REDIS_URL": "", "TRUSTED_PROXIES": "127.0.0.1"}
    env |= {"BASE_URL": "https://dashboard.example.net", "SECRET_KEY": "s" * 60}
    env |= {"DJANGO_SETTINGS_MODULE": "config.settings"}
    with serving(env, home / "data") as address:
        env["DATA_DIR"] = str(home / "data")
        for host in (PROVED, PENDING):
            manage(env, "provision", *PROVISION, "--account", host, "--domain", f"www.{host}")
            subprocess.run([sys.executable, "-c", SET_HOST, host], cwd=servers.ROOT, env=env, check=True)
        manage(env, "custom_domain", "approve", PROVED, "--purpose", "brand")
        question = f"{address}/internal/tls-allowed?domain={PROVED}"
        wait_until(lambda: httpx.get(question).status_code == 200, lambda: "the host is not allowed")
        yield address.removeprefix("http://")


@pytest.fixture(scope="module")
def caddy(upstream: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    home, plain_port = tmp_path_factory.mktemp("caddy"), reserve_ports(2)
    options = f"local_certs\nskip_install_trust\nhttp_port {plain_port}\nhttps_port {plain_port + 1}"
    env = os.environ | {
        "UPSTREAM": upstream, "CERTIFICATES": str(home / "certificates"), "CADDY_OPTIONS": options,
        "HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home),
    }  # fmt: skip
    command = [servers.program("caddy", "caddy"), "run", "--config", str(DEPLOY / "Caddyfile"), "--adapter"]
    with running([*command, "caddyfile"], env, home / "caddy.log", plain_port + 1):
        authority = home / "certificates" / "pki" / "authorities" / "local" / "root.crt"
        yield Proxy(plain_port + 1, plain_port, authority)


@pytest.fixture(scope="module")
def nginx(upstream: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """nginx with a certificate of an authority of ours, in the place where certbot puts them."""
    home, plain_port = tmp_path_factory.mktemp("nginx"), reserve_ports(2)
    home.chmod(0o755)
    authority, live = trustme.CA(), home / "live" / PROVED
    live.mkdir(parents=True)
    made = authority.issue_cert(PROVED)
    (live / "fullchain.pem").write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
    made.private_key_pem.write_to_path(str(live / "privkey.pem"))
    authority.cert_pem.write_to_path(str(home / "root.pem"))
    places = {
        "/etc/letsencrypt/live": str(home / "live"), "/var/log/nginx": str(home),
        "/etc/nginx/product_proxy.conf": str(DEPLOY / "product_proxy.conf"),
        "127.0.0.1:8000": upstream, "listen 80 ": f"listen 127.0.0.1:{plain_port} ",
        "listen 443 ": f"listen 127.0.0.1:{plain_port + 1} ",
    }  # fmt: skip
    text = "\n".join(line for line in (DEPLOY / "nginx.conf").read_text().splitlines() if "listen [::]" not in line)
    for before, after in places.items():
        assert before in text, before
        text = text.replace(before, after)
    main = f"user root;\npid {home}/nginx.pid;\ndaemon off;\nerror_log {home}/error.log;\nevents {{}}\n"
    (home / "nginx.conf").write_text(f"{main}http {{\n{text}\n}}\n")
    command = [servers.program("nginx", "nginx"), "-c", str(home / "nginx.conf"), "-e", str(home / "error.log")]
    with running(command, dict(os.environ), home / "nginx.log", plain_port + 1):
        yield Proxy(plain_port + 1, plain_port, home / "root.pem")


@pytest.fixture(params=["caddy", "nginx"])
def proxy(request: pytest.FixtureRequest) -> Proxy:
    found: Proxy = request.getfixturevalue(request.param)
    return found


def test_a_proved_host_is_served_under_its_brand_with_a_certificate_of_its_own(proxy: Proxy) -> None:
    status, headers, text = get_page(proxy, PROVED, "/login")
    assert status == 200 and "Agency Numbers" in text
    assert "footfall" not in (headers + text).lower() and "caddy" not in headers.lower()


@pytest.mark.parametrize("host", [PENDING, STRANGE, f"x.{PROVED}", "localhost"])
def test_any_other_name_ends_the_handshake(proxy: Proxy, host: str) -> None:
    with pytest.raises(ssl.SSLError) as error:
        connect(proxy, host)
    assert not isinstance(error.value, ssl.SSLCertVerificationError), "there is no certificate at all"


def test_nobody_asks_about_certificates_through_the_proxy(proxy: Proxy) -> None:
    assert get_page(proxy, PROVED, f"/internal/tls-allowed?domain={PROVED}")[0] == 404


def test_pages_by_http_are_redirected_and_beacons_are_answered(proxy: Proxy) -> None:
    address, host = f"http://127.0.0.1:{proxy.plain_port}", {"Host": PROVED}
    page = httpx.get(f"{address}/login", headers=host)
    assert page.status_code == 301 and page.headers["Location"] == f"https://{PROVED}/login"
    assert httpx.get(f"{address}/js", headers=host).status_code == 200


def test_caddy_serves_the_installations_own_host_too(caddy: Proxy) -> None:
    assert get_page(caddy, "dashboard.example.net", "/login")[0] == 200
