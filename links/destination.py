"""Where a link may lead: checked at creation, and looked at once more before anybody is sent there.

Refused are addresses a browser would run or read as data, addresses whose host a visitor could choose, and
addresses with characters that browsers read differently from servers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from django.core.exceptions import ValidationError

LONGEST = 4000
# What a Location header carries as it is.
PRINTABLE = r"!$%&'()*+,\-./0-9:;=@A-Z\[\]_a-z|~"
CARRIED = re.compile(rf"[{PRINTABLE}?#]*\Z")
# The form nearly all addresses have: host and path are groups, and nothing in it needs a second look.
USUAL = re.compile(
    rf"https?://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::[1-9][0-9]{{0,3}})?((?:/[{PRINTABLE}]*)?)(?:[?#][{PRINTABLE}?#]*)?\Z"
)
S2S = "[s2sidentifier]"
CLICK_PARAMETER = "ffclid"
# What a browser strips or turns round while it reads an address: controls, blanks, backslashes.
UNREADABLE = re.compile(r"[\x00-\x20\x7f-\x9f\\<>\"`{}^\u2028\u2029\ufeff]")
SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
HOST_AND_PORT = re.compile(r"[^/:?#\s]*[.][^/:?#\s]*(?::\d{1,5})?(?:[/?#]|$)")
HOST = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\s:/?#\[\]@!$&'()*+,;=%|]+)\Z")


def problem(url: str) -> str:
    """Why nobody may be sent there, as a sentence; "" when it is fine."""
    if not url:
        return "A destination is needed, for example https://example.com/page."
    if len(url) > LONGEST:
        return f"A destination has at most {LONGEST} characters."
    if UNREADABLE.search(url):
        return "The destination has characters that do not belong into an address; write them as %20 and the like."
    try:
        parts = urlsplit(url)
        port_fine = parts.port is None or parts.port > 0
    except ValueError:
        return "The destination is not an address."
    if parts.scheme not in ("http", "https"):
        return "A destination begins with http:// or https://; other schemes are refused, since browsers may run them."
    if "@" in parts.netloc:
        return "A destination must not carry a name or password before its host."
    if not port_fine or not parts.hostname or not HOST.match(parts.netloc.rpartition(":")[0] or parts.netloc):
        return "The destination has no host name."
    return ""


def usual(url: str) -> tuple[str, str] | None:
    """(host, path) of a safe address in the usual form, in a microsecond; None for any other, safe or not."""
    parts = USUAL.match(url) if len(url) <= LONGEST else None
    return (parts[1], parts[2]) if parts else None


def safe(url: str) -> bool:
    """Whether a browser may be sent there."""
    return usual(url) is not None or _looked_at(url)


@lru_cache(maxsize=20_000)
def _looked_at(url: str) -> bool:
    return not problem(url.replace(S2S, "s2s"))


def checked(url: object, field: str = "url") -> str:
    """The destination in the form it is kept: with a scheme, blanks escaped. Raises ValidationError {field: …}."""
    text = str(url or "").strip()
    if text and not text.startswith(("http://", "https://")):
        if text.startswith("//"):
            text = f"http:{text}"
        elif not SCHEME.match(text) or HOST_AND_PORT.match(text):
            text = f"http://{text}"
    text = text.replace(" ", "%20")
    scheme, mark, rest = text.partition("://")
    text = f"{scheme.lower()}{mark}{rest}"
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if S2S in host:
        raise ValidationError({field: "The host of a destination is fixed; put [s2sidentifier] after it."})
    sentence = problem(text.replace(S2S, "s2s"))
    if sentence:
        raise ValidationError({field: sentence})
    return text


def optional(url: object, field: str) -> str:
    """As `checked`, where none is fine too."""
    return checked(url, field) if str(url or "").strip() else ""


@lru_cache(maxsize=20_000)
def split(url: str) -> SplitResult:
    return urlsplit(url)


def host_of(url: str) -> str:
    """The destination's host, lower case, without port."""
    parts = usual(url)
    return parts[0] if parts else split(url).hostname or ""


def with_parameters(url: str, pairs: list[tuple[str, str]], *, replace: bool = False) -> str:
    """The address with more parameters before its fragment. Names it has already stay unless `replace`."""
    if not pairs:
        return url
    base, hash_mark, fragment = url.partition("#")
    path, _, query = base.partition("?")
    names = {name for name, _ in pairs}
    if replace:
        query = urlencode([(n, v) for n, v in parse_qsl(query, keep_blank_values=True) if n not in names])
    else:
        there = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
        pairs = [pair for pair in pairs if pair[0] not in there]
    more = urlencode(pairs)
    joined = f"{query}&{more}" if query and more else query or more
    return f"{path}{'?' if joined else ''}{joined}{hash_mark}{fragment}"


def dynamic(ddu: str, allowed: frozenset[str]) -> str:
    """The visitor's own destination where its host is allowed, exactly as listed; else ""."""
    try:
        url = checked(ddu)
    except ValidationError:
        return ""
    return url if host_of(url) in allowed else ""


def header(url: str) -> bytes:
    """The destination as the bytes of a Location header."""
    if CARRIED.match(url):
        return url.encode()
    return quote(url, safe="%/:=&?~#+!$,;'@()*[]|").encode("ascii", "ignore")
