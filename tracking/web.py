"""What a door sees and says: a request without Django around it, a reply that is only bytes.

The doors answer tens of thousands of requests a second, so these two classes do as little as possible; anything
expensive is worked out when first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from urllib.parse import unquote_plus

from django.conf import settings

Header = tuple[bytes, bytes]

GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
NOSNIFF: Header = (b"x-content-type-options", b"nosniff")
NO_STORE: Header = (b"cache-control", b"no-store, no-cache, must-revalidate, private")
MOST_PARAMETERS = 300
LONGEST_NAME = 200


class Fields(dict[str, str]):
    """Parameters: each name with its first value; `every` has all of a name's values, in order.

    `groups` has `custom[plan]=pro` as {"custom": {"plan": "pro"}}.
    """

    __slots__ = ("groups", "repeated")

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, str]] = {}
        self.repeated: dict[str, list[str]] = {}  # only names that came more than once

    def every(self, name: str) -> list[str]:
        """All values of a parameter; none without it."""
        return self.repeated.get(name) or ([self[name]] if name in self else [])


decoded = lru_cache(maxsize=8192)(unquote_plus)
PLAIN_NAMES: dict[str, str] = {}  # names as sent that belong to no group
MOST_PLAIN = 2000


@lru_cache(maxsize=2000)
def field_name(text: str) -> tuple[str, str, str]:
    """A parameter's name as sent: decoded, and its group and key where it has them."""
    name = unquote_plus(text)[:LONGEST_NAME]
    group, bracket, key = name.partition("[")
    return (name, group, key[:-1]) if bracket and len(key) > 1 and key.endswith("]") else (name, "", "")


def parse_fields(text: str) -> Fields:
    """A query string taken apart. Faster than the standard library's: most values need no decoding at all."""
    found = Fields()
    for part in text.split("&", MOST_PARAMETERS)[:MOST_PARAMETERS]:
        if not part:
            continue
        raw, _, value = part.partition("=")
        if "%" in value:
            value = decoded(value) if len(value) <= LONGEST_NAME else unquote_plus(value)
        elif "+" in value:
            value = value.replace("+", " ")
        name = PLAIN_NAMES.get(raw)
        if name is None:
            name = grouped(found, raw, value)
        if name not in found:
            found[name] = value
        else:
            found.repeated.setdefault(name, [found[name]]).append(value)
    return found


def grouped(found: Fields, raw: str, value: str) -> str:
    """The name of a parameter that may belong to a group, to which its value is added."""
    if len(raw) > LONGEST_NAME:
        return raw[:LONGEST_NAME]
    name, group, key = field_name(raw)
    if group:
        found.groups.setdefault(group, {})[key] = value
    elif len(PLAIN_NAMES) < MOST_PLAIN:
        PLAIN_NAMES[raw] = name
    return name


@dataclass(slots=True)
class Request:
    """One request at a hot door. Header names are lower case; text is decoded leniently, never with an error."""

    method: str
    path: str
    query: bytes
    headers: dict[str, str]
    peer: str  # address of the other end of the connection
    now: datetime
    body: bytes = b""
    http_version: str = "1.1"
    secret: str = ""  # the word of a first-party proxy, from /p/<secret>/…

    def fields(self) -> Fields:
        """Query parameters and a form body's, each name with all its values, in order."""
        text = self.query.decode("utf-8", "replace")
        if self.body and "json" not in self.headers.get("content-type", ""):
            text += "&" + self.body.decode("utf-8", "replace")
        return parse_fields(text)


@dataclass(slots=True)
class Reply:
    """An answer: status, type, bytes; `dropped` is the reason word that goes into X-Event-Dropped."""

    body: bytes = b""
    content_type: bytes = b"text/plain; charset=utf-8"
    status: int = 200
    headers: list[Header] = field(default_factory=list)
    dropped: str = ""
    cached: bool = False  # whether the headers already say how long to keep it

    def header_list(self, length: int | None = None) -> list[Header]:
        """All headers of the reply, CORS aside; `length` stands for a body that is not there yet."""
        headers = [
            (b"content-type", self.content_type),
            (b"content-length", str(len(self.body) if length is None else length).encode()),
            *self.headers,
            *security_headers(),
        ]
        if not self.cached:
            headers.append(NO_STORE)
        if self.dropped:
            headers.append((b"x-event-dropped", self.dropped.encode()))
        return headers


@lru_cache(maxsize=1)
def security_headers() -> tuple[Header, ...]:
    """Security headers of hot endpoints and static files: no sniffing, loading by any site, HSTS with https."""
    always: tuple[Header, ...] = (NOSNIFF, (b"cross-origin-resource-policy", b"cross-origin"))
    return (*always, (b"strict-transport-security", settings.HSTS.encode())) if settings.SECURE else always


@lru_cache(maxsize=4000)
def line(name: bytes, value: bytes) -> bytes:
    """One header as it goes over the wire."""
    return b"%b: %b\r\n" % (name, value)


def gif(dropped: str = "") -> Reply:
    """The transparent pixel."""
    return Reply(GIF, b"image/gif", 200, [], dropped)


def script(text: str, dropped: str = "") -> Reply:
    """An answer that a page runs as JavaScript."""
    return Reply(text.encode(), b"application/javascript; charset=utf-8", dropped=dropped)
