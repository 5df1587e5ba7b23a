"""Requests to addresses that strangers chose: monitors, hooks, installation checks, imports.

No request may reach into the network this product runs in. A name is resolved once, every address it gives is
judged, and the connection is made to the very address that was judged, so a name that changes its answer gains
nothing. Every redirect is a new request and is judged again. An operator can allow networks (ALLOWED_OUTBOUND).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

import httpcore
import httpx
from django.conf import settings

# httpcore tries to import this seven times per request; where it is missing, every try walks the whole path again,
# a fifth of what a check costs. None says at once that it is not there.
if find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]

MOST_HOPS = 5
MOST_BYTES = 1_000_000
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.ip_network("64:ff9b::/96")
SPECIAL = ipaddress.ip_network("192.0.0.0/24")  # protocol assignments; one cloud keeps its metadata here


class OutboundError(Exception):
    """Why there is no answer, as a sentence for the person who typed the address."""


class OutboundForbidden(OutboundError):
    """The address lies in a network that must not be reached."""


@dataclass(frozen=True)
class Answer:
    """An answer: `body` cut at the limit, `milliseconds` until it was read, `tls_expires` of the last hop (UTC)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    milliseconds: int
    tls_expires: datetime | None = None
    hops: tuple[str, ...] = field(default=())
    truncated: bool = False


def inner_address(address: Address) -> Address:
    """The IPv4 address that an IPv6 form carries (mapped, 6to4, NAT64), else the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def allowed(address: str) -> bool:
    """Whether a request may go to `address`: it is public, or an operator allowed its network."""
    inner = inner_address(ipaddress.ip_address(address.split("%")[0]))
    networks = [ipaddress.ip_network(text, strict=False) for text in settings.ENV.allowed_outbound]
    if any(inner in network for network in networks if inner.version == network.version):
        return True
    return inner.is_global and not inner.is_multicast and inner not in SPECIAL


async def resolve(host: str, port: int) -> list[str]:
    """All addresses of `host`. Raises OutboundError when it has none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutboundError(f"The name {host} could not be resolved.") from error
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects only to addresses that were judged, by the address, never by the name again."""

    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await resolve(host, port)
        if not all(allowed(address) for address in addresses):
            raise OutboundForbidden(f"{host} lies in a network that may not be reached from here.")
        return await self._inner.connect_tcp(addresses[0], port, timeout, local_address, socket_options)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over `GuardedBackend`; certificates are checked against the name as usual."""

    def __init__(self) -> None:
        context = tls_context()
        super().__init__(verify=context)  # a context of its own would load the certificates for every request
        self._pool = httpcore.AsyncConnectionPool(ssl_context=context, network_backend=GuardedBackend())


_context: ssl.SSLContext | None = None


def tls_context() -> ssl.SSLContext:
    """One context for all requests: loading the certificates costs 20 ms."""
    global _context
    _context = _context or httpx.create_ssl_context(trust_env=True)
    return _context


def certificate_end(response: httpx.Response) -> datetime | None:
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream else None
    end = (tls.getpeercert() or {}).get("notAfter") if tls else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC) if end else None


async def read_some(response: httpx.Response, most: int) -> tuple[bytes, bool]:
    """At most `most` decoded bytes of the body, and whether there was more."""
    body = b""
    async for chunk in response.aiter_bytes(65536):
        body += chunk
        if len(body) > most:
            return body[:most], True
    return body, False


def sentence(error: Exception, url: str) -> str:
    """What went wrong, in words."""
    host = httpx.URL(url).host if url else url
    cause = error.__cause__ or error.__context__ or error
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return f"{host} did not answer in time."
    if "certificate" in str(error).lower() or isinstance(cause, ssl.SSLError):
        return f"{host} has a certificate problem: {str(error)[:120]}"
    if isinstance(error, httpx.ConnectError):
        return f"{host} refused the connection."
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return f"{host} broke the connection off."
    return f"{host} could not be asked: {type(error).__name__}"


async def fetch_async(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    timeout: float = 15,
    follow: bool = True,
    most_bytes: int = MOST_BYTES,
) -> Answer:
    """The answer to one request within `timeout` seconds altogether. Raises OutboundError with a sentence."""
    try:
        async with asyncio.timeout(timeout):
            return await follow_hops(url, method, headers or {}, content, timeout, follow, most_bytes)
    except OutboundError:
        raise
    except (
        httpx.HTTPError,
        httpx.InvalidURL,
        TimeoutError,
        OSError,
        ValueError,
        httpcore.ProtocolError,
    ) as error:
        raise OutboundError(sentence(error, url)) from error


async def follow_hops(
    url: str,
    method: str,
    headers: Mapping[str, str],
    content: bytes | None,
    timeout: float,
    follow: bool,
    most_bytes: int,
) -> Answer:
    started, hops = time.monotonic(), []
    async with httpx.AsyncClient(transport=GuardedTransport(), timeout=timeout, trust_env=False) as client:
        while True:
            if httpx.URL(url).scheme not in {"http", "https"}:
                raise OutboundError("Only http:// and https:// addresses can be asked.")
            hops.append(url)
            async with client.stream(method, url, headers=dict(headers), content=content) as response:
                if follow and response.next_request and len(hops) <= MOST_HOPS:
                    url = str(response.next_request.url)
                    method, content = (
                        response.next_request.method,
                        None if response.status_code < 307 else content,
                    )
                    continue
                if follow and response.next_request:
                    raise OutboundError(f"More than {MOST_HOPS} redirects.")
                body, truncated = await read_some(response, most_bytes)
                return Answer(
                    status=response.status_code,
                    headers=dict(response.headers),
                    body=body,
                    url=url,
                    milliseconds=round((time.monotonic() - started) * 1000),
                    tls_expires=certificate_end(response),
                    hops=tuple(hops),
                    truncated=truncated,
                )


def fetch(url: str, **options: Any) -> Answer:
    """`fetch_async` for code without an event loop."""
    return asyncio.run(fetch_async(url, **options))
