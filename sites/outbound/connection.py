"""Connections that go only to addresses that were judged, and that count what comes in."""

from __future__ import annotations

import errno
import ssl
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

import httpcore
import httpx

from sites.outbound import names
from sites.outbound.addresses import allowed
from sites.outbound.errors import OutboundError, OutboundForbidden

# httpcore tries to import this seven times per request; where it is missing, every try walks the whole path again,
# a fifth of what a check costs. None says at once that it is not there.
if find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]

MAX_TRIED = 3  # addresses of one name
# What this machine lacks, as opposed to what the other one refuses
OUR_ERRORS = frozenset((
    errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM,
    errno.EACCES, errno.EPERM,
))  # fmt: skip


def is_ours(error: BaseException) -> bool:
    """Whether an error, or one behind it, says that this machine could not connect to anybody there.

    Errors of TLS have numbers of their own."""
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            return False
        if isinstance(seen, OSError) and not isinstance(seen, ssl.SSLError) and seen.errno in OUR_ERRORS:
            return True
        seen = seen.__cause__ or seen.__context__
    return False


class Meter:
    """Counts the bytes that come in over all connections of one request, headers and framing included."""

    def __init__(self, most: int) -> None:
        self.most, self.count = most, 0

    def add(self, count: int) -> None:
        """Count bytes. Raises OutboundError beyond the limit."""
        self.count += count
        if self.count > self.most:
            raise OutboundError(f"It sent more than {self.most:,} bytes around its answer.")


class MeteredStream(httpcore.AsyncNetworkStream):
    """A stream whose incoming bytes are counted."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, meter: Meter) -> None:
        self._inner, self._meter = inner, meter

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._inner.read(max_bytes, timeout)
        self._meter.add(len(data))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return MeteredStream(await self._inner.start_tls(ssl_context, server_hostname, timeout), self._meter)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects only to addresses that were judged, by the address, never by the name again."""

    def __init__(self, meter: Meter) -> None:
        self._inner, self._meter = httpcore.AnyIOBackend(), meter
        self.looking_up = False

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failures: list[Exception] = []
        for address in (await self.judged_addresses(host))[:MAX_TRIED]:
            try:
                stream = await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                failures.append(error)
            else:
                return MeteredStream(stream, self._meter)
        raise next((error for error in failures if not is_ours(error)), failures[0])

    async def judged_addresses(self, host: str) -> list[str]:
        """The addresses of `host`, every one of which may be reached. Raises OutboundForbidden."""
        self.looking_up = True
        addresses = await names.resolve(host)
        self.looking_up = False
        if not all(allowed(address) for address in addresses):
            raise OutboundForbidden(host)
        return addresses


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over `GuardedBackend`; certificates are checked against the name as usual."""

    def __init__(self, backend: GuardedBackend) -> None:
        context = tls_context()
        super().__init__(verify=context)  # a context of its own would load the certificates for every request
        self._pool = httpcore.AsyncConnectionPool(ssl_context=context, network_backend=backend)


_context: ssl.SSLContext | None = None


def tls_context() -> ssl.SSLContext:
    """One context for all requests: loading the certificates costs 20 ms."""
    global _context
    _context = _context or httpx.create_ssl_context(trust_env=True)
    return _context
