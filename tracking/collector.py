"""The hot doors' ASGI application: no Django request, no database, an answer to everything.

`claims(scope)` says whether a request is for one of the doors; `config.asgi` asks it before Django. A door is a row
of DOORS: a path (exact, or a pattern) and the function that answers. All of them, and pages behind `/p/<word>/`,
a first-party proxy's path, come through `app`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from tracking import intake
from tracking.doors import clickport, clicky, scripts
from tracking.web import Header, Reply, Request, gif, line

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answer = Callable[[Request], Reply]

MOST_BYTES = 64 * 1024
ANY = "any"
HEADER_NAMES: dict[bytes, str] = {}
log = logging.getLogger(__name__)


class Door(NamedTuple):
    """`cors`: "page" echoes the page's origin with credentials, "any" is `*`."""

    answer: Answer
    methods: tuple[str, ...]
    cors: str


BEACON = Door(clicky.beacon, ("GET", "POST", "HEAD"), "page")
IMAGE = Door(clicky.image, ("GET", "HEAD"), "page")
EVENT = Door(clickport.event, ("POST",), "any")
SCRIPT = Door(scripts.script, ("GET", "HEAD"), "any")
BADGE = Door(scripts.badge, ("GET", "HEAD"), "any")

DOORS: dict[str, Door] = {
    "/in.php": BEACON,
    "/api/event": EVENT,
    "/js": SCRIPT,
    "/tracker.js": SCRIPT,
    "/media/links/badge.gif": BADGE,
}
NUMBERED: tuple[tuple[re.Pattern[str], Door], ...] = (
    (re.compile(r"/[0-9]{1,18}(?:ns|-db)\.gif"), IMAGE),
    (re.compile(r"/[0-9]{1,18}\.js"), SCRIPT),
)
BRANDED = re.compile(r"/w/[A-Za-z][A-Za-z0-9_-]{0,29}\.js")  # where white-labelled pages of old load the script
PROXIED = re.compile(r"/p/([A-Za-z0-9_-]{1,80})(/.*)")


def door_at(path: str) -> Door | None:
    """The door of a path; None for Django's."""
    door = DOORS.get(path)
    if door is None and path[1:2].isdigit():
        door = next((found for pattern, found in NUMBERED if pattern.fullmatch(path)), None)
    elif door is None and path.startswith("/w/") and BRANDED.fullmatch(path):
        door = SCRIPT
    return door


def claims(scope: Scope) -> bool:
    """Whether a request is for a hot door."""
    path = scope["path"]
    if path in DOORS:
        return True
    proxied = PROXIED.fullmatch(path) if path.startswith("/p/") else None
    return door_at(proxied[2] if proxied else path) is not None


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request. Nothing a stranger sends makes this fail."""
    door, request = understood(scope)
    if door is None:
        return await respond(send, request, ANY, Reply(b"Not found", status=404))
    reply = refusal(request, door)
    if reply is None and request.method == "POST":
        body = await read_body(receive)
        if body is None:
            return None  # the client left
        request.body = body
        if len(body) > MOST_BYTES:
            reply = too_large(request, door)
    return await respond(send, request, door.cors, reply or answer(door, request))


def at_once(scope: Scope) -> tuple[int, bytes, bytes] | None:
    """Status, header lines and body of a request that needs no waiting; None leaves it to `app`.

    The server asks this before it makes a task, which spares a beacon a third of its time.
    """
    if scope["method"] != "GET":
        return None
    door, request = understood(scope)
    if door is None:
        return None
    reply = refusal(request, door) or answer(door, request)
    if reply.headers:
        head = b"".join(line(name, value) for name, value in header_list(request, door.cors, reply))
    else:
        head = usual_head(reply.content_type, len(reply.body), reply.cached, reply.dropped, door.cors, origin(request))
    return reply.status, head, reply.body


@lru_cache(maxsize=4000)
def usual_head(content_type: bytes, length: int, cached: bool, dropped: str, rule: str, page: bytes) -> bytes:
    """The header lines of a reply that has none of its own; few differ."""
    reply = Reply(b"", content_type, dropped=dropped, cached=cached)
    return b"".join(line(name, value) for name, value in [*reply.header_list(length), *cors(page, rule)])


def understood(scope: Scope) -> tuple[Door | None, Request]:
    """The door and what it will see."""
    path, secret = scope["path"], ""
    door = door_at(path)
    if door is None and (proxied := PROXIED.fullmatch(path)):
        secret, path = proxied[1], proxied[2]
        door = door_at(path)
    names = HEADER_NAMES
    headers = {names.get(name) or header_name(name): value.decode("latin-1") for name, value in scope["headers"]}
    client = scope.get("client")
    return door, Request(
        scope["method"], path, scope["query_string"], headers, client[0] if client else "",
        datetime.now(UTC), b"", scope.get("http_version", "1.1"), secret,
    )  # fmt: skip


def header_name(name: bytes) -> str:
    """A header's name as text; those that are met often are remembered."""
    text = name.decode("latin-1")
    if len(HEADER_NAMES) < 500 and len(name) <= 40:
        HEADER_NAMES[name] = text
    return text


def refusal(request: Request, door: Door) -> Reply | None:
    """What is answered without opening the door: preflights, other methods, HEAD, addresses without end."""
    method = request.method
    if method == "OPTIONS":
        return Reply(status=204, headers=preflight(door))
    if method not in door.methods:
        return Reply(b"Method not allowed", status=405, headers=[(b"allow", ", ".join(door.methods).encode())])
    if len(request.query) > MOST_BYTES:
        return too_large(request, door)
    if method == "HEAD" and door in (BEACON, IMAGE):
        return gif()  # asks what would be answered; nothing happened on a page
    return None


def too_large(request: Request, door: Door) -> Reply:
    """More than 64 KB: said in JSON to programs that send events, with an image to everybody else."""
    reason = intake.turn_away(0, "too_large", request.now).reason
    if door is EVENT:
        return clickport.failure(413, "Payload Too Large", f"At most {MOST_BYTES // 1024} KB are read here", reason)
    reply = gif(reason)
    reply.status = 413
    return reply


def answer(door: Door, request: Request) -> Reply:
    """Open the door. An error here is ours: it is logged, counted and never becomes the page's problem."""
    try:
        return door.answer(request)
    except Exception:
        log.exception("a door failed on %s", request.path)
        reply = gif(intake.turn_away(0, "bad_request", request.now).reason)
        reply.status = 400
        return reply


async def read_body(receive: Receive) -> bytes | None:
    """The body, or its first bytes beyond the limit; None when the client left before its end."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > MOST_BYTES:
            return body


def preflight(door: Door) -> list[Header]:
    """What a page may send."""
    return [
        (b"access-control-allow-methods", ", ".join((*door.methods, "OPTIONS")).encode()),
        (b"access-control-allow-headers", b"content-type, authorization, x-api-key, x-requested-with"),
        (b"access-control-max-age", b"86400"),
    ]


def origin(request: Request) -> bytes:
    """The page that asks, where it says so in printable words."""
    told = request.headers.get("origin", "")
    return told.encode("latin-1") if told and told.isprintable() else b""


def cors(page: bytes, rule: str) -> list[Header]:
    """Any page may call; one that sends credentials must be named, as the browsers demand."""
    exposed = (b"access-control-expose-headers", b"x-event-dropped")
    if rule == "page" and page:
        return [
            (b"access-control-allow-origin", page),
            (b"access-control-allow-credentials", b"true"),
            (b"vary", b"origin"),
            exposed,
        ]
    return [(b"access-control-allow-origin", b"*"), exposed]


def header_list(request: Request, rule: str, reply: Reply) -> list[Header]:
    """All headers of an answer."""
    return [*reply.header_list(), *cors(origin(request), rule)]


async def respond(send: Send, request: Request, rule: str, reply: Reply) -> None:
    """Send it."""
    headers = header_list(request, rule, reply)
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = b"" if request.method == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body})
