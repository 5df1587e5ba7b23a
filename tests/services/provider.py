"""A real OpenID provider on loopback, and people who log in at it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx

from tests.served import PATIENCE, reserve_port

ROOT = Path(__file__).resolve().parents[2]
CLIENT_ID, CLIENT_SECRET = "footfall:acme", "a-secret-of-acme"


class OpenIdProvider:
    """The provider: its address, and how it misbehaves."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"

    def behave(self, **control: object) -> None:
        """Behave well, but for what is given; see `oidc_provider.mjs`."""
        httpx.post(f"{self.issuer}/control", json=control).raise_for_status()

    def log_in(self, address: str, name: str, until: str) -> str:
        """Open an address of the provider in a new browser, log in as `name`; return where it sends the browser."""
        with httpx.Client() as browser:
            answer = browser.get(address)
            while answer.is_redirect:
                address = urljoin(address, answer.headers["location"])
                if address.startswith(until):
                    return address
                answer = browser.get(address)
                if answer.status_code == 200:
                    answer = browser.post(address, data={"login": name})
            raise AssertionError(f"{address} answers {answer.status_code}: {answer.text[:500]}")


@contextmanager
def openid_provider() -> Iterator[OpenIdProvider]:
    """A provider that runs until the block ends. Its package is installed with the other tools of static/."""
    subprocess.run(["make", "--no-print-directory", "static/node_modules/.installed"], cwd=ROOT, check=True)
    port = reserve_port()
    command = ["node", str(ROOT / "tests/services/oidc_provider.mjs"), str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            read: list[str] = []
            while "ready\n" not in read:
                read.append(process.stdout.readline())
                assert read[-1], f"the provider did not start: {''.join(read)}"
            yield OpenIdProvider(port)
        finally:
            process.terminate()
            process.wait(PATIENCE)
