"""Connections to checked IP addresses only, with a limit on the bytes that are received.

A name with several addresses is connected to as described in RFC 8305 ("Happy Eyeballs"): an address that does not
answer delays the others only a little.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from importlib.util import find_spec
from typing import Any

import httpcore
import httpx
from httpcore import AsyncNetworkStream

from sites.outbound import host_lookup
from sites.outbound.addresses import OutboundError, OutboundForbidden, is_allowed_address

ATTEMPT_DELAY = 0.25  # seconds without a connection, after which the next address is tried as well
Connect = Callable[[str], Awaitable[AsyncNetworkStream]]
Attempts = set["asyncio.Task[AsyncNetworkStream]"]
MAX_ADDRESSES_TRIED = 20  # addresses of one name
# Errors of this machine, such as no route, as opposed to those of the remote one
LOCAL_ERRNOS = frozenset((
    errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM,
    errno.EACCES, errno.EPERM,
))  # fmt: skip
_context: ssl.SSLContext | None = None


async def connect_to_first(addresses: Sequence[str], connect: Connect) -> AsyncNetworkStream:
    """Connect to the address that answers first. They are tried in order, the next one at once when one has failed.

    Raises ExceptionGroup with the error of every address if none answers.
    """
    waiting, running, failures = list(addresses), Attempts(), list[Exception]()
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(attempt_connection(connect, waiting.pop(0))))
            timeout = ATTEMPT_DELAY if waiting else None
            done, running = await asyncio.wait(running, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            connected = [task.result() for task in done if not task.exception()]
            failures += [error for task in done if isinstance(error := task.exception(), Exception)]
            if connected:
                await close_all(connected[1:])
                return connected[0]
    finally:
        await cancel_attempts(running)
    raise ExceptionGroup("No address answers", failures)


async def attempt_connection(connect: Connect, address: str) -> AsyncNetworkStream:
    return await connect(address)


async def cancel_attempts(running: Attempts) -> None:
    """Cancel attempts, and close those that have connected meanwhile."""
    for task in running:
        task.cancel()
    await close_all(await asyncio.gather(*running, return_exceptions=True))


async def close_all(results: Iterable[object]) -> None:
    for stream in results:
        if isinstance(stream, AsyncNetworkStream):
            await stream.aclose()


# httpcore tries to import sniffio seven times per request. Where it is missing, every try searches the entire path,
# which is a fifth of the cost of a check; None makes the import fail at once.
if find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]


def is_local_error(error: BaseException) -> bool:
    """Return whether an error or a cause of it is one of this machine. TLS errors are not; their numbers differ."""
    current: BaseException | None = error
    for _ in range(10):
        if current is None:
            return False
        if isinstance(current, OSError) and not isinstance(current, ssl.SSLError) and current.errno in LOCAL_ERRNOS:
            return True
        current = current.__cause__ or current.__context__
    return False


class ByteLimit:
    """Counts the bytes received over all connections of one request, headers and framing included."""

    def __init__(self, maximum: int) -> None:
        self.maximum, self.count = maximum, 0

    def add(self, count: int) -> None:
        """Count bytes. Raises OutboundError beyond the limit."""
        self.count += count
        if self.count > self.maximum:
            raise OutboundError(f"It sent more than {self.maximum:,} bytes in all.")


class LimitedStream(httpcore.AsyncNetworkStream):
    """A stream whose incoming bytes are counted."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, limit: ByteLimit) -> None:
        self._inner, self._limit = inner, limit

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._inner.read(max_bytes, timeout)
        self._limit.add(len(data))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return LimitedStream(await self._inner.start_tls(ssl_context, server_hostname, timeout), self._limit)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects only to IP addresses that were checked, without looking the name up again."""

    def __init__(self, limit: ByteLimit) -> None:
        self._inner, self._limit = httpcore.AnyIOBackend(), limit
        self.resolving = False

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = (await self.resolve_allowed(host))[:MAX_ADDRESSES_TRIED]

        async def connect(address: str) -> httpcore.AsyncNetworkStream:
            return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)

        try:
            return LimitedStream(await connect_to_first(addresses, connect), self._limit)
        except ExceptionGroup as errors:
            failures = errors.exceptions  # the remote server's error says more than that IPv6 is missing here
            raise next((error for error in failures if not is_local_error(error)), failures[0]) from None

    async def resolve_allowed(self, host: str) -> list[str]:
        """Resolve `host` to the addresses that may be reached. Raises OutboundForbidden if there are none."""
        self.resolving = True
        addresses = await host_lookup.resolve(host)
        self.resolving = False
        permitted = [address for address in addresses if is_allowed_address(address)]
        if not permitted:
            raise OutboundForbidden(host)
        return permitted


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over `GuardedBackend`; certificates are checked against the host name as usual."""

    def __init__(self, backend: GuardedBackend) -> None:
        context = load_tls_context()
        super().__init__(verify=context)  # a context of its own would load the certificates for every request
        self._pool = httpcore.AsyncConnectionPool(ssl_context=context, network_backend=backend)


def load_tls_context() -> ssl.SSLContext:
    """Return the context of all requests, loaded once because that takes 20 ms."""
    global _context
    _context = _context or httpx.create_ssl_context(trust_env=True)
    return _context
