"""The ASGI application of the hot endpoints: no Django request, no database, and a response to every request.

`matches(scope)` returns whether a request is for an endpoint; `config.asgi` calls it before Django. An endpoint is a
row of ENDPOINTS (exact paths) or NUMBERED_ENDPOINTS (patterns) with the function that answers. `Collector.app` also
answers the same paths behind `/p/<word>/`, the prefix of a first-party proxy.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from tracking import ingestion, static_js
from tracking.endpoints import clickport, clicky
from tracking.state.base import State
from tracking.web import (
    EndpointRequest,
    Header,
    Receive,
    Reply,
    Scope,
    Send,
    ask_to_repeat,
    build_gif_reply,
    format_header,
    read_body,
)

EndpointFunction = Callable[[EndpointRequest], Reply]

MAX_BYTES = 64 * 1024
ANY_ORIGIN = "any"
HEADER_NAMES: dict[bytes, str] = {}
log = logging.getLogger(__name__)


class Endpoint(NamedTuple):
    """A function and its HTTP rules. `cors`: "page" echoes the page's origin with credentials, "any" is `*`."""

    function: EndpointFunction
    methods: tuple[str, ...]
    cors: str


BEACON = Endpoint(clicky.receive_beacon, ("GET", "POST", "HEAD"), "page")
IMAGE = Endpoint(clicky.receive_image, ("GET", "HEAD"), "page")
EVENT = Endpoint(clickport.answer_event, ("POST",), "any")
SCRIPT = Endpoint(static_js.serve_script, ("GET", "HEAD"), "any")
BADGE = Endpoint(static_js.serve_badge, ("GET", "HEAD"), "any")
WIDGET = Endpoint(static_js.serve_widget, ("GET", "HEAD"), "any")

ENDPOINTS: dict[str, Endpoint] = {
    "/in.php": BEACON,
    "/api/event": EVENT,
    "/js": SCRIPT,
    "/tracker.js": SCRIPT,
    "/media/links/badge.gif": BADGE,
}
NUMBERED_ENDPOINTS: tuple[tuple[re.Pattern[str], Endpoint], ...] = (
    (re.compile(r"/[0-9]{1,18}(?:ns|-db)\.gif"), IMAGE),
    (re.compile(r"/[0-9]{1,18}\.js"), SCRIPT),
)
BRANDED_SCRIPT = re.compile(r"/w/[A-Za-z][A-Za-z0-9_-]{0,29}\.js")  # the script's path on older white-labelled pages
WIDGET_SCRIPT = re.compile(r"/widget/[0-9]{1,18}\.js")
PROXIED_PATH = re.compile(r"/p/([A-Za-z0-9_-]{1,80})(/.*)")


def find_endpoint(path: str) -> Endpoint | None:
    """Return the endpoint of a path; None for paths of Django."""
    endpoint = ENDPOINTS.get(path)
    if endpoint is None and path[1:2].isdigit():
        endpoint = next((match for pattern, match in NUMBERED_ENDPOINTS if pattern.fullmatch(path)), None)
    elif endpoint is None and path.startswith("/w/") and BRANDED_SCRIPT.fullmatch(path):
        endpoint = SCRIPT
    elif endpoint is None and path.startswith("/widget/") and WIDGET_SCRIPT.fullmatch(path):
        endpoint = WIDGET
    return endpoint


def matches(scope: Scope) -> bool:
    """Return whether a request is for a hot endpoint."""
    path = scope["path"]
    if path in ENDPOINTS:
        return True
    proxied = PROXIED_PATH.fullmatch(path) if path.startswith("/p/") else None
    return find_endpoint(proxied[2] if proxied else path) is not None


class Collector:
    """The application, with the state that its endpoints share."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. No request, however malformed, makes this raise."""
        endpoint, request = parse_scope(scope, self.state)
        if endpoint is None:
            return await send_reply(send, request, ANY_ORIGIN, Reply(b"Not found", status=404))
        reply = answer_without_endpoint(request, endpoint)
        if reply is None and request.method == "POST":
            body = await read_body(receive, MAX_BYTES)
            if body is None:
                return None  # the client disconnected
            request.body = body
            if len(body) > MAX_BYTES:
                reply = reject_too_large(request, endpoint)
        if reply is None:
            reply = await self.state.run(run_endpoint, endpoint, request)
        return await send_reply(send, request, endpoint.cors, reply)

    def respond_immediately(self, scope: Scope) -> tuple[int, bytes, bytes] | None:
        """Return status, header lines and body for a request that needs no waiting; None leaves it to `app`.

        The server calls this before it creates a task, which saves a third of a beacon's time.
        """
        if scope["method"] != "GET":
            return None
        endpoint, request = parse_scope(scope, self.state)
        if endpoint is None:
            return None
        reply = answer_without_endpoint(request, endpoint) or run_endpoint(endpoint, request)
        if reply.headers:
            head = b"".join(format_header(name, value) for name, value in build_headers(request, endpoint.cors, reply))
        else:
            head = build_common_head(
                reply.content_type, len(reply.body), reply.cached, reply.dropped, endpoint.cors, get_origin(request)
            )
        return reply.status, head, reply.body


@lru_cache(maxsize=4000)
def build_common_head(content_type: bytes, length: int, cached: bool, dropped: str, rule: str, page: bytes) -> bytes:
    """Return the header lines of a reply without headers of its own. Cached, since few differ."""
    reply = Reply(b"", content_type, dropped=dropped, cached=cached)
    return b"".join(
        format_header(name, value) for name, value in [*reply.header_list(length), *build_cors_headers(page, rule)]
    )


def parse_scope(scope: Scope, state: State) -> tuple[Endpoint | None, EndpointRequest]:
    """Return the endpoint and the request that it will receive."""
    path, secret = scope["path"], ""
    endpoint = find_endpoint(path)
    if endpoint is None and (proxied := PROXIED_PATH.fullmatch(path)):
        secret, path = proxied[1], proxied[2]
        endpoint = find_endpoint(path)
    names = HEADER_NAMES
    headers = {names.get(name) or decode_header_name(name): value.decode("latin-1") for name, value in scope["headers"]}
    client = scope.get("client")
    return endpoint, EndpointRequest(
        state=state, method=scope["method"], path=path, query=scope["query_string"], headers=headers,
        peer=client[0] if client else "",
        now=datetime.now(UTC), body=b"", http_version=scope.get("http_version", "1.1"), secret=secret,
    )  # fmt: skip


def decode_header_name(name: bytes) -> str:
    """Decode a header's name; frequent ones are cached."""
    text = name.decode("latin-1")
    if len(HEADER_NAMES) < 500 and len(name) <= 40:
        HEADER_NAMES[name] = text
    return text


def answer_without_endpoint(request: EndpointRequest, endpoint: Endpoint) -> Reply | None:
    """Answer preflights, wrong methods, HEAD and too long queries; None leaves the request to the endpoint."""
    method = request.method
    if method == "OPTIONS":
        return Reply(status=204, headers=build_preflight_headers(endpoint))
    if method not in endpoint.methods:
        return Reply(b"Method not allowed", status=405, headers=[(b"allow", ", ".join(endpoint.methods).encode())])
    if len(request.query) > MAX_BYTES:
        return reject_too_large(request, endpoint)
    if method == "HEAD" and endpoint in (BEACON, IMAGE):
        return build_gif_reply()  # nothing happened on a page
    return None


def reject_too_large(request: EndpointRequest, endpoint: Endpoint) -> Reply:
    """Reject more than 64 KB: in JSON for programs that send events, with an image for everybody else."""
    reason = ingestion.reject_request(0, "too_large", request.now).reason
    if endpoint is EVENT:
        return clickport.build_error(413, "Payload Too Large", f"At most {MAX_BYTES // 1024} KB are read here", reason)
    reply = build_gif_reply(reason)
    reply.status = 413
    return reply


def run_endpoint(endpoint: Endpoint, request: EndpointRequest) -> Reply:
    """Run the endpoint. An exception is our bug: it is logged and counted, and never disturbs the page."""
    try:
        return ask_to_repeat(endpoint.function(request))
    except Exception:
        log.exception("an endpoint failed on %s", request.path)
        reply = build_gif_reply(ingestion.reject_request(0, "bad_request", request.now).reason)
        reply.status = 400
        return reply


def build_preflight_headers(endpoint: Endpoint) -> list[Header]:
    """Return the headers that tell browsers which requests a page may send."""
    return [
        (b"access-control-allow-methods", ", ".join((*endpoint.methods, "OPTIONS")).encode()),
        (b"access-control-allow-headers", b"content-type, authorization, x-api-key, x-requested-with"),
        (b"access-control-max-age", b"86400"),
    ]


def get_origin(request: EndpointRequest) -> bytes:
    """Return the header Origin, if it is printable."""
    header = request.headers.get("origin", "")
    return header.encode("latin-1") if header and header.isprintable() else b""


def build_cors_headers(page: bytes, rule: str) -> list[Header]:
    """Allow every page. If a page sends credentials, browsers accept only its own origin, not `*`."""
    exposed = (b"access-control-expose-headers", b"x-event-dropped")
    if rule == "page" and page:
        return [
            (b"access-control-allow-origin", page),
            (b"access-control-allow-credentials", b"true"),
            (b"vary", b"origin"),
            exposed,
        ]
    return [(b"access-control-allow-origin", b"*"), exposed]


def build_headers(request: EndpointRequest, rule: str, reply: Reply) -> list[Header]:
    """Return all headers of a reply."""
    return [*reply.header_list(), *build_cors_headers(get_origin(request), rule)]


async def send_reply(send: Send, request: EndpointRequest, rule: str, reply: Reply) -> None:
    """Send the reply; HEAD gets no body."""
    headers = build_headers(request, rule, reply)
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = b"" if request.method == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body})
