"""`fetch`: one request with everything it may cost bounded. It raises OutboundError and nothing else."""

from __future__ import annotations

import asyncio
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpcore
import httpx

from sites.outbound.body import INFLATED, encoding_of, read_body
from sites.outbound.connection import GuardedBackend, GuardedTransport, Meter, is_ours
from sites.outbound.errors import OutboundError, OutboundNotMade
from sites.outbound.names import check_name_servers
from sites.outbound.redirects import Hop, first_hop, next_hop

MAX_HOPS = 5
MAX_BYTES = 1_000_000
MAX_OVERHEAD = 500_000  # bytes of headers, framing and redirects beside twice the body
DEFAULT_HEADERS = {"User-Agent": "Mozilla/5.0 (compatible; outbound request)", "Accept": "*/*"}
# What the other side can cause; any other error is one of this installation
THEIR_ERRORS = (
    httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpcore.ProtocolError, httpcore.NetworkError,
    TimeoutError, OSError, ValueError, zlib.error,
)  # fmt: skip
OUR_ERRORS = (httpx.LocalProtocolError, httpx.UnsupportedProtocol)  # among those: a request that cannot be sent
NO_ADDRESS = "This is not an address that can be asked."


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer: `body` cut at the limit, `milliseconds` until it was read, `tls_expires` of the last hop (UTC).

    `encoding` names a compression that was not undone: the body is then empty.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    milliseconds: int
    tls_expires: datetime | None = None
    hops: tuple[str, ...] = field(default=())
    truncated: bool = False
    encoding: str = ""


async def fetch_async(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    timeout: float = 15,
    follow: bool = True,
    most_bytes: int = MAX_BYTES,
) -> Answer:
    """The answer to one request within `timeout` seconds altogether. Raises OutboundError with a sentence, of the kind
    OutboundNotMade where that says nothing about the address."""
    backend, hops = GuardedBackend(Meter(2 * most_bytes + MAX_OVERHEAD)), [url]
    try:
        async with asyncio.timeout(timeout):
            first = first_hop(url, method, with_defaults(headers or {}), content)
            return await follow_hops(first, backend, hops, timeout, follow, most_bytes)
    except OutboundError:
        raise
    except Exception as error:
        if backend.looking_up:
            await check_name_servers()
        raise explained(error, hops[-1], backend.looking_up) from error


def with_defaults(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers, and the default ones that are missing."""
    given = {name.lower() for name in headers}
    return {**{name: value for name, value in DEFAULT_HEADERS.items() if name.lower() not in given}, **headers}


async def follow_hops(
    hop: Hop, backend: GuardedBackend, hops: list[str], timeout: float, follow: bool, most_bytes: int
) -> Answer:
    """The answer at the end of the redirects. `hops` gets every address on the way, the one being asked last."""
    started, cookies = time.monotonic(), httpx.Cookies()
    async with GuardedTransport(backend) as transport:
        while True:
            response = await ask(transport, hop, cookies, timeout)
            try:
                following = next_hop(hop, response.status_code, response.headers.get("location")) if follow else None
                if following is None:
                    return await finish(response, hop, hops, started, most_bytes)
            finally:
                await response.aclose()
            if len(hops) > MAX_HOPS:
                raise OutboundError(f"More than {MAX_HOPS} redirects.")
            hop = following
            hops.append(str(hop.url))


async def ask(transport: GuardedTransport, hop: Hop, cookies: httpx.Cookies, timeout: float) -> httpx.Response:
    """Send one request; its answer, the body still unread. Cookies of earlier hops go along where they belong."""
    if hop.url.scheme not in {"http", "https"}:
        raise OutboundError("Only http:// and https:// addresses can be asked.")
    request = request_of(hop, timeout)
    cookies.set_cookie_header(request)
    response = await transport.handle_async_request(request)
    response.request = request
    cookies.extract_cookies(response)
    return response


def request_of(hop: Hop, timeout: float) -> httpx.Request:
    """The request of a hop; a name and a password in its address are sent as such. Raises OutboundNotMade."""
    limits = dict.fromkeys(("connect", "read", "write", "pool"), timeout)
    headers = {**hop.headers, "Accept-Encoding": "identity"}
    try:
        request = httpx.Request(
            hop.method, hop.url, headers=headers, content=hop.content, extensions={"timeout": limits}
        )
    except (ValueError, TypeError) as error:
        raise OutboundNotMade("The headers of this request contain letters that no header may have.") from error
    if hop.url.userinfo and "authorization" not in request.headers:
        next(httpx.BasicAuth(hop.url.username, hop.url.password).auth_flow(request))
    return request


async def finish(response: httpx.Response, hop: Hop, hops: list[str], started: float, most_bytes: int) -> Answer:
    """The answer, its body read."""
    encoding = encoding_of(response)
    unread = encoding if encoding not in INFLATED else ""
    body, truncated = (b"", False) if unread else await read_body(response, most_bytes)
    return Answer(
        status=response.status_code,
        headers=dict(response.headers),
        body=body,
        url=str(hop.url),
        milliseconds=round((time.monotonic() - started) * 1000),
        tls_expires=certificate_end(response),
        hops=tuple(hops),
        truncated=truncated,
        encoding=unread,
    )


def certificate_end(response: httpx.Response) -> datetime | None:
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream else None
    end = (tls.getpeercert() or {}).get("notAfter") if tls else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC) if end else None


def explained(error: Exception, url: str, looking_up: bool = False) -> OutboundError:
    """The error to raise instead of `error`, whatever that is. Never raises itself."""
    text = sentence(error, url, looking_up)
    ours = text == NO_ADDRESS or isinstance(error, OUR_ERRORS) or is_ours(error)
    theirs = isinstance(error, THEIR_ERRORS) and not ours
    return OutboundError(text) if theirs else OutboundNotMade(text)


def sentence(error: Exception, url: str, looking_up: bool = False) -> str:
    """What went wrong at `url`, in words. Never raises."""
    try:
        host = httpx.URL(url).host[:80] or "The address"
    except Exception:  # the parser raises more than it documents
        return NO_ADDRESS
    try:
        text = str(error)[:120]
    except Exception:  # an error that cannot even be written down
        text = ""
    if is_ours(error):
        return f"{host} could not be asked: this installation has no connection to it."
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return f"The name {host} could not be resolved in time." if looking_up else f"{host} did not answer in time."
    if isinstance(error, zlib.error):
        return f"{host} sent a compressed answer that is broken."
    if isinstance(error, httpx.InvalidURL):
        return f"{host} redirects to something that is no address."
    if "certificate" in text.lower() or isinstance(error.__cause__ or error.__context__ or error, ssl.SSLError):
        return f"{host} has a certificate problem: {text}"
    if isinstance(error, httpx.ConnectError):
        return f"{host} refused the connection."
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return f"{host} broke the connection off."
    return f"{host} could not be asked: {type(error).__name__}"


def fetch(url: str, **options: Any) -> Answer:
    """`fetch_async` for code without an event loop."""
    return asyncio.run(fetch_async(url, **options))
