"""What a door sees and says: a request without Django around it, a reply that is only bytes.

The doors answer tens of thousands of requests a second, so these two classes do as little as possible; anything
expensive is worked out when first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from urllib.parse import unquote_plus

Header = tuple[bytes, bytes]

GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
NO_STORE: Header = (b"cache-control", b"no-store, no-cache, must-revalidate, private")
MOST_PARAMETERS = 300
LONGEST_NAME = 200


class Fields(dict[str, list[str]]):
    """Parameters: each name with all its values; `first` has each name's first one.

    `groups` has `custom[plan]=pro` as {"custom": {"plan": "pro"}}.
    """

    __slots__ = ("first", "groups")

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, str] = {}
        self.groups: dict[str, dict[str, str]] = {}


decoded = lru_cache(maxsize=8192)(unquote_plus)


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
        name, group, key = field_name(raw) if len(raw) <= LONGEST_NAME else (raw[:LONGEST_NAME], "", "")
        values = found.get(name)
        if values is None:
            found[name] = [value]
            found.first[name] = value
        else:
            values.append(value)
        if group:
            found.groups.setdefault(group, {})[key] = value
    return found


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

    def header_list(self) -> list[Header]:
        """All headers of the reply, CORS aside."""
        headers = [
            (b"content-type", self.content_type),
            (b"content-length", str(len(self.body)).encode()),
            *self.headers,
        ]
        if not self.cached:
            headers.append(NO_STORE)
        if self.dropped:
            headers.append((b"x-event-dropped", self.dropped.encode()))
        return headers


def gif(dropped: str = "") -> Reply:
    """The transparent pixel."""
    return Reply(GIF, b"image/gif", dropped=dropped)


def script(text: str, dropped: str = "") -> Reply:
    """An answer that a page runs as JavaScript."""
    return Reply(text.encode(), b"application/javascript; charset=utf-8", dropped=dropped)
