"""The HTTP client: one request with its redirects, within limits of time and bytes. It raises only OutboundError."""

from __future__ import annotations

import asyncio
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpcore
import httpx

from sites.outbound.addresses import OutboundError, OutboundNotSent
from sites.outbound.body import INFLATABLE, decode_body, read_body, read_content_encoding
from sites.outbound.connection import ByteLimit, GuardedBackend, GuardedTransport, is_local_error
from sites.outbound.host_lookup import check_name_servers
from sites.outbound.redirects import Hop, build_first_hop, build_next_hop

MAX_HOPS = 5
MAX_BYTES = 1_000_000
MAX_OVERHEAD = 500_000  # bytes of headers, framing and redirects, in addition to twice the body
DEFAULT_HEADERS = {"User-Agent": "Mozilla/5.0 (compatible; outbound request)", "Accept": "*/*"}
# Errors that the remote server can cause; all others have their cause in this installation
REMOTE_ERRORS = (
    httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpcore.ProtocolError, httpcore.NetworkError,
    TimeoutError, OSError, ValueError, zlib.error,
)  # fmt: skip
LOCAL_ERRORS = (
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)  # those of REMOTE_ERRORS that mean a request that cannot be sent
INVALID_URL = "This is not an address that can be requested."


@dataclass(frozen=True, kw_only=True)
class OutboundResponse:
    """A response: `body` up to the limit, `milliseconds` until it was read, and when the first certificate of all hops
    expires (`tls_expires`, UTC).

    `encoding` is a content encoding that was not decoded; the body is then empty.
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

    @property
    def text(self) -> str:
        """The body decoded to text."""
        return decode_body(self.body, self.headers.get("content-type", ""))


async def fetch_async(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    timeout: float = 15,
    follow: bool = True,
    max_bytes: int = MAX_BYTES,
) -> OutboundResponse:
    """Send one request and follow redirects, within `timeout` seconds altogether.

    Raises OutboundError with a sentence for the user; OutboundNotSent if the cause is not the remote address.
    """
    backend, hops = GuardedBackend(ByteLimit(2 * max_bytes + MAX_OVERHEAD)), [url]
    try:
        async with asyncio.timeout(timeout):
            first = build_first_hop(url, method, add_default_headers(headers or {}), content)
            return await follow_hops(first, backend, hops, timeout, follow, max_bytes)
    except OutboundError:
        raise
    except Exception as error:
        if backend.resolving:
            await check_name_servers()
        raise to_outbound_error(error, hops[-1], backend.resolving) from error


def add_default_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Add the default headers that are missing."""
    present = {name.lower() for name in headers}
    return {**{name: value for name, value in DEFAULT_HEADERS.items() if name.lower() not in present}, **headers}


async def follow_hops(
    hop: Hop, backend: GuardedBackend, hops: list[str], timeout: float, follow: bool, max_bytes: int
) -> OutboundResponse:
    """Follow redirects to the final response. The URL of each further request is appended to `hops`."""
    started, cookies, certificates = time.monotonic(), httpx.Cookies(), list[datetime]()
    async with GuardedTransport(backend) as transport:
        while True:
            response = await send_request(transport, hop, cookies, timeout)
            certificates += read_certificate_expiry(response)
            try:
                following = (
                    build_next_hop(hop, response.status_code, response.headers.get("location")) if follow else None
                )
                if following is None:
                    result = await read_response(response, hop, hops, started, max_bytes)
                    return replace(result, tls_expires=min(certificates, default=None))
            finally:
                await response.aclose()
            if len(hops) > MAX_HOPS:
                raise OutboundError(f"More than {MAX_HOPS} redirects.")
            hop = following
            hops.append(str(hop.url))


async def send_request(transport: GuardedTransport, hop: Hop, cookies: httpx.Cookies, timeout: float) -> httpx.Response:
    """Send one request; returns the response with an unread body. Cookies of earlier hops are sent where they apply."""
    if hop.url.scheme not in {"http", "https"}:
        raise OutboundError("Only http:// and https:// addresses can be requested.")
    request = build_request(hop, timeout)
    cookies.set_cookie_header(request)
    response = await transport.handle_async_request(request)
    response.request = request
    cookies.extract_cookies(response)
    return response


def build_request(hop: Hop, timeout: float) -> httpx.Request:
    """Build a hop's request; a name and password in its URL become Basic authentication. Raises OutboundNotSent."""
    limits = dict.fromkeys(("connect", "read", "write", "pool"), timeout)
    headers = {**hop.headers, "Accept-Encoding": "identity"}
    try:
        request = httpx.Request(
            hop.method, hop.url, headers=headers, content=hop.content, extensions={"timeout": limits}
        )
    except (ValueError, TypeError) as error:
        raise OutboundNotSent("The headers of this request contain characters that headers may not have.") from error
    if hop.url.userinfo and "authorization" not in request.headers:
        next(httpx.BasicAuth(hop.url.username, hop.url.password).auth_flow(request))
    return request


async def read_response(
    response: httpx.Response, hop: Hop, hops: list[str], started: float, max_bytes: int
) -> OutboundResponse:
    """Read the body of a response and build the result."""
    encoding = read_content_encoding(response)
    undecoded = encoding if encoding not in INFLATABLE else ""
    body, truncated = (b"", False) if undecoded else await read_body(response, max_bytes)
    return OutboundResponse(
        status=response.status_code,
        headers=dict(response.headers),
        body=body,
        url=str(hop.url),
        milliseconds=round((time.monotonic() - started) * 1000),
        hops=tuple(hops),
        truncated=truncated,
        encoding=undecoded,
    )


def read_certificate_expiry(response: httpx.Response) -> list[datetime]:
    """Return when the server's certificate expires, as a list that is empty without one."""
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream else None
    expiry = (tls.getpeercert() or {}).get("notAfter") if tls else None
    return [datetime.fromtimestamp(ssl.cert_time_to_seconds(expiry), UTC)] if expiry else []


def to_outbound_error(error: Exception, url: str, resolving: bool = False) -> OutboundError:
    """Convert any error to the OutboundError that is raised instead. Never raises itself."""
    text = describe_error(error, url, resolving)
    is_local = text == INVALID_URL or isinstance(error, LOCAL_ERRORS) or is_local_error(error)
    is_remote = isinstance(error, REMOTE_ERRORS) and not is_local
    return OutboundError(text) if is_remote else OutboundNotSent(text)


def describe_error(error: Exception, url: str, resolving: bool = False) -> str:
    """Describe in a sentence what went wrong at `url`. Never raises."""
    try:
        host = httpx.URL(url).host[:80] or "The address"
    except Exception:  # the parser raises more than it documents
        return INVALID_URL
    try:
        text = str(error)[:120]
    except Exception:  # an error that cannot even be written down
        text = ""
    if is_local_error(error):
        return f"{host} could not be reached: this installation has no connection to it."
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return f"The name {host} could not be resolved in time." if resolving else f"{host} did not answer in time."
    if isinstance(error, zlib.error):
        return f"{host} sent a compressed answer that is broken."
    if isinstance(error, httpx.InvalidURL):
        return f"{host} redirects to something that is not an address."
    if "certificate" in text.lower() or isinstance(error.__cause__ or error.__context__ or error, ssl.SSLError):
        return f"{host} has a certificate problem: {text}"
    if isinstance(error, httpx.ConnectError):
        return f"{host} refused the connection."
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return f"{host} broke the connection off."
    return f"{host} could not be reached: {type(error).__name__}"


def fetch(url: str, **options: Any) -> OutboundResponse:
    """Send a request as `fetch_async` does, from code without an event loop."""
    return asyncio.run(fetch_async(url, **options))
