"""Request and reply of the hot endpoints, without Django.

These endpoints answer tens of thousands of requests a second, so the two classes do as little as possible and compute
anything expensive only when it is needed.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import unquote_plus

from django.conf import settings

from tracking.state.base import State

Header = tuple[bytes, bytes]
# ASGI, whose protocol says which members a message of each type has
Scope: TypeAlias = dict[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
ENCODER = json.JSONEncoder(separators=(",", ":"))  # made once: `json.dumps` makes one for every call
JAVASCRIPT = b"application/javascript; charset=utf-8"
NOSNIFF: Header = (b"x-content-type-options", b"nosniff")
NO_STORE: Header = (b"cache-control", b"no-store, no-cache, must-revalidate, private")
MAX_PARAMETERS = 300
MAX_NAME_LENGTH = 200


class Fields(dict[str, str]):
    """Parsed parameters: each name with its first value; `get_all` returns all values of a name, in order.

    `groups` has `custom[plan]=pro` as {"custom": {"plan": "pro"}}.
    """

    __slots__ = ("groups", "repeated")

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, str]] = {}
        self.repeated: dict[str, list[str]] = {}  # only names that were sent more than once

    def get_all(self, name: str) -> list[str]:
        """Return all values of a parameter; [] without it."""
        return self.repeated.get(name) or ([self[name]] if name in self else [])


decode_value = lru_cache(maxsize=8192)(unquote_plus)
PLAIN_NAMES: dict[str, str] = {}  # cache: raw names that belong to no group -> decoded names
MAX_PLAIN_NAMES = 2000


@lru_cache(maxsize=2000)
def parse_name(text: str) -> tuple[str, str, str]:
    """Return a raw parameter name decoded, with its group and key where it has them."""
    name = unquote_plus(text)[:MAX_NAME_LENGTH]
    group, bracket, key = name.partition("[")
    return (name, group, key[:-1]) if bracket and len(key) > 1 and key.endswith("]") else (name, "", "")


def parse_fields(text: str) -> Fields:
    """Parse a query string. Faster than the standard library, since most values need no decoding at all."""
    fields = Fields()
    for part in text.split("&", MAX_PARAMETERS)[:MAX_PARAMETERS]:
        if not part:
            continue
        raw_name, _, value = part.partition("=")
        if "%" in value:
            value = decode_value(value) if len(value) <= MAX_NAME_LENGTH else unquote_plus(value)
        elif "+" in value:
            value = value.replace("+", " ")
        name = PLAIN_NAMES.get(raw_name)
        if name is None:
            name = add_to_group(fields, raw_name, value)
        if name not in fields:
            fields[name] = value
        else:
            fields.repeated.setdefault(name, [fields[name]]).append(value)
    return fields


def add_to_group(fields: Fields, raw_name: str, value: str) -> str:
    """Return a parameter's decoded name; if it belongs to a group, add the value there."""
    if len(raw_name) > MAX_NAME_LENGTH:
        return raw_name[:MAX_NAME_LENGTH]
    name, group, key = parse_name(raw_name)
    if group:
        fields.groups.setdefault(group, {})[key] = value
    elif len(PLAIN_NAMES) < MAX_PLAIN_NAMES:
        PLAIN_NAMES[raw_name] = name
    return name


@dataclass(slots=True, kw_only=True)
class EndpointRequest:
    """One request to a hot endpoint. Header names are lower case; text is decoded leniently, without errors."""

    state: State  # of this process; what the endpoint may ask
    method: str
    path: str
    query: bytes
    headers: dict[str, str]
    peer: str  # address of the connection's other end
    now: datetime
    body: bytes = b""
    http_version: str = "1.1"
    secret: str = ""  # the word of a first-party proxy, from /p/<secret>/…

    def fields(self) -> Fields:
        """Parse the parameters of the query and of a form body."""
        text = self.query.decode("utf-8", "replace")
        if self.body and "json" not in self.headers.get("content-type", ""):
            text += "&" + self.body.decode("utf-8", "replace")
        return parse_fields(text)


@dataclass(slots=True)
class Reply:
    """A response; `dropped` is the rejection's reason, sent in X-Event-Dropped."""

    body: bytes = b""
    content_type: bytes = b"text/plain; charset=utf-8"
    status: int = 200
    _: KW_ONLY
    headers: list[Header] = field(default_factory=list)
    dropped: str = ""
    cached: bool = False  # whether `headers` has its own Cache-Control

    def header_list(self, length: int | None = None) -> list[Header]:
        """Return all headers but those for CORS; `length` is the length of a body that is not set yet."""
        headers = [
            (b"content-type", self.content_type),
            (b"content-length", str(len(self.body) if length is None else length).encode()),
            *self.headers,
            *build_security_headers(),
        ]
        if not self.cached:
            headers.append(NO_STORE)
        if self.dropped:
            headers.append((b"x-event-dropped", self.dropped.encode()))
        return headers


@lru_cache(maxsize=1)
def build_security_headers() -> tuple[Header, ...]:
    """Return the security headers of hot endpoints and static files: no sniffing, loading by any site, HSTS."""
    always: tuple[Header, ...] = (NOSNIFF, (b"cross-origin-resource-policy", b"cross-origin"))
    return (*always, (b"strict-transport-security", settings.HSTS.encode())) if settings.SECURE else always


@lru_cache(maxsize=4000)
def format_header(name: bytes, value: bytes) -> bytes:
    """Format a header as it is sent."""
    return b"%b: %b\r\n" % (name, value)


async def read_body(receive: Receive, max_bytes: int) -> bytes | None:
    """Read the body, or a little more than `max_bytes`; None when the client disconnected before its end."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > max_bytes:
            return body


def ask_to_repeat(reply: Reply) -> Reply:
    """Make a reply say that the request is to be sent again if it is not decided what becomes of it."""
    if reply.dropped == "undecided":
        reply.status = 503
        reply.headers.append((b"retry-after", b"1"))
    return reply


def build_gif_reply(dropped: str = "") -> Reply:
    """Build the reply with the transparent pixel."""
    return Reply(GIF, b"image/gif", 200, headers=[], dropped=dropped)


def build_script_reply(text: str, dropped: str = "") -> Reply:
    """Build a reply that a page runs as JavaScript."""
    return Reply(text.encode(), JAVASCRIPT, dropped=dropped)


def encode_script_json(value: object) -> str:
    """Encode a value as JavaScript: in ASCII, and without `<`, with which it could end the script's tag."""
    return ENCODER.encode(value).replace("<", "\\u003c")


def write_tracker_call(function: str, *values: object) -> str:
    """Write a script that calls a function of the tracker, if the page has it."""
    arguments = ",".join(map(encode_script_json, values))
    return f"if(window._cgen&&_cgen.{function}){{_cgen.{function}({arguments})}}"


def parse_site_id(text: str) -> int:
    """Parse a site's number; 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
