"""Parse EVENTS_URL: a directory for chDB, one ClickHouse server, or a cluster.

chdb:///absolute/directory
clickhouse://user:password@host:8123/database            (clickhouses:// for TLS)
clickhouse://user:password@h1:8123,h2:8123/database?cluster=NAME
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.conf import settings

from tracking.store.errors import StoreError

PORTS = {"clickhouse": 8123, "clickhouses": 8443}


@dataclass(frozen=True)
class Host:
    """One node's HTTP address."""

    name: str
    port: int


@dataclass(frozen=True, kw_only=True)
class Target:
    """The location of the event store. Without `hosts` it is chDB in this process, in `directory`."""

    where: str  # displayed to people, without password
    directory: Path | None = None
    hosts: tuple[Host, ...] = ()
    database: str = "default"
    user: str = "default"
    password: str = ""
    secure: bool = False
    cluster: str = ""

    @property
    def embedded(self) -> bool:
        return self.directory is not None


def parse_events_url(url: str) -> Target:
    """Parse a URL. Raises StoreError with a sentence about what is wrong."""
    parts = urlsplit(url)
    if parts.scheme == "chdb":
        if parts.netloc or not parts.path.startswith("/"):
            raise StoreError("EVENTS_URL needs an absolute path after chdb://, as in chdb:///var/lib/footfall/events.")
        return Target(where=parts.path, directory=Path(unquote(parts.path)))
    if parts.scheme not in PORTS:
        raise StoreError(f"EVENTS_URL starts with {parts.scheme!r}; use chdb:/// or clickhouse://.")
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    host_list = tuple(_parse_host(text, PORTS[parts.scheme]) for text in hosts.split(",") if text)
    cluster = dict(parse_qsl(parts.query)).get("cluster", "")
    if not host_list:
        raise StoreError("EVENTS_URL names no host.")
    if len(host_list) > 1 and not cluster:
        raise StoreError("EVENTS_URL names several hosts; add ?cluster=NAME, as remote_servers calls them.")
    database = unquote(parts.path.strip("/")) or "default"
    return Target(
        where=f"{parts.scheme}://{hosts}/{database}", hosts=host_list, database=database,
        user=unquote(user) or "default", password=unquote(password),
        secure=parts.scheme == "clickhouses", cluster=cluster,
    )  # fmt: skip


def _parse_host(text: str, port: int) -> Host:
    name, colon, number = text.rpartition(":")
    if not colon or text.endswith("]"):
        return Host(text.strip("[]"), port)
    if not number.isdigit():
        raise StoreError(f"EVENTS_URL has a port that is not a number: {number!r}.")
    return Host(name.strip("[]"), int(number))


@lru_cache(maxsize=4)
def _parse_cached(url: str) -> Target:
    return parse_events_url(url)


_other_url: ContextVar[str] = ContextVar("events_url", default="")


@contextmanager
def use_events_url(url: str) -> Iterator[None]:
    """Use the event store at another URL in this thread meanwhile, to copy this one there."""
    token = _other_url.set(url)
    try:
        yield
    finally:
        _other_url.reset(token)


def get_target() -> Target:
    """Return the event store of this process, by EVENTS_URL."""
    return _parse_cached(_other_url.get() or settings.EVENTS_URL)
