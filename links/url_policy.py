"""The policy on destinations: URLs are checked when a link is written, and again before a browser is sent there.

Rejected are URLs that a browser would run or read as data, URLs whose host a visitor could choose, and URLs with
characters that browsers and servers interpret differently.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, quote, unquote_plus, urlsplit

from django.core.exceptions import ValidationError

from accounts.host_names import normalize_host
from links.models import MAX_URL

# Characters that a Location header may contain unencoded.
PRINTABLE = r"!$%&'()*+,\-./0-9:;=@A-Z\[\]_a-z|~"
HEADER_SAFE = re.compile(rf"[{PRINTABLE}?#]*\Z")
# The form of nearly all URLs, whose host and path are the groups; a match needs no further checks.
STANDARD_URL = re.compile(
    rf"https?://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::[1-9][0-9]{{0,3}})?((?:/[{PRINTABLE}]*)?)(?:[?#][{PRINTABLE}?#]*)?\Z"
)
S2S_PLACEHOLDER = "[s2sidentifier]"
CLICK_PARAMETER = "ffclid"
# What browsers strip or replace while they parse a URL: control characters, blanks, backslashes.
UNREADABLE = re.compile(r"[\x00-\x20\x7f-\x9f\\<>\"`{}^\u2028\u2029\ufeff\ud800-\udfff]")
SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
HOST_WITHOUT_SCHEME = re.compile(r"[^/:?#\s]*[.][^/:?#\s]*(?::\d{1,5})?(?:[/?#]|$)")
# Blanks and the braces of placeholders such as {clickid}: escaped for the user, as browsers do.
ESCAPES = str.maketrans({char: quote(char) for char in " {}^`"})
PORT = re.compile(r":\d*\Z")
HOST = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\s:/?#\[\]@!$&'()*+,;=%|]+)\Z")


def find_problem(url: str) -> str:
    """Find why a URL may not be a destination, as a sentence; "" if it may."""
    if not url:
        return "A destination is needed, for example https://example.com/page."
    if len(url) > MAX_URL:
        return f"A destination has at most {MAX_URL} characters."
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
    if not port_fine or not parts.hostname or not HOST.match(PORT.sub("", parts.netloc)):
        return "The destination has no host name."
    return ""


def split_standard_url(url: str) -> tuple[str, str] | None:
    """Split a URL in standard form, which is always safe, into (host, path) within a microsecond; None for any
    other."""
    parts = STANDARD_URL.match(url) if len(url) <= MAX_URL else None
    return (parts[1], parts[2]) if parts else None


def is_safe(url: str) -> bool:
    """Return whether a browser may be sent to this URL."""
    return split_standard_url(url) is not None or _passes_checks(url)


@lru_cache(maxsize=20_000)
def _passes_checks(url: str) -> bool:
    return not find_problem(url.replace(S2S_PLACEHOLDER, "s2s"))


def clean_url(url: object, field: str = "url") -> str:
    """Clean a destination for storing: add a scheme, encode the host in punycode, escape blanks and braces; nothing
    else is changed. Raises ValidationError {field: …}."""
    text = str(url or "").strip()
    if text and not text.startswith(("http://", "https://")):
        if text.startswith("//"):
            text = f"http:{text}"
        elif not SCHEME.match(text) or HOST_WITHOUT_SCHEME.match(text):
            text = f"http://{text}"
    scheme, mark, rest = text.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if S2S_PLACEHOLDER in host:
        raise ValidationError({field: "The host of a destination is fixed; put [s2sidentifier] after it."})
    after = rest[len(host) :].translate(ESCAPES)
    sentence = find_problem(f"{scheme.lower()}{mark}{host}{after}".replace(S2S_PLACEHOLDER, "s2s"))
    if sentence:
        raise ValidationError({field: sentence})
    encoded = host if host.isascii() else encode_host(host)
    if not encoded.isascii():
        raise ValidationError({field: "The host name has characters that no domain may have."})
    return f"{scheme.lower()}{mark}{encoded}{after}"


def clean_optional_url(url: object, field: str) -> str:
    """Clean a destination as `clean_url` does, but allow ""."""
    return clean_url(url, field) if str(url or "").strip() else ""


@lru_cache(maxsize=20_000)
def split_url(url: str) -> SplitResult:
    return urlsplit(url)


def extract_host(url: str) -> str:
    """Return the host of a URL: lower case, punycode, without port."""
    parts = split_standard_url(url)
    return parts[0] if parts else encode_host(split_url(url).hostname or "")


def encode_host(host: str) -> str:
    """Encode a host (with or without port) in punycode; unchanged if it is ASCII or invalid."""
    if host.isascii():
        return host
    bare, port = PORT.sub("", host), PORT.search(host)
    name = normalize_host(bare)
    return f"{name}{port[0] if port else ''}" if HOST.match(name) else host


def decode_parameter_name(piece: str) -> str:
    """Decode the name in one `name=value` of a query string."""
    return unquote_plus(piece.partition("=")[0])


def add_parameters(url: str, pairs: list[tuple[str, str]], *, replace: bool = False) -> str:
    """Add parameters before the fragment. Existing names are not overwritten unless `replace`."""
    return add_encoded_parameters(
        url, [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs], replace
    )


def add_query(url: str, query: str) -> str:
    """Add a visitor's parameters as they were written, replacing those of the same name; `ddu`, which chose the
    destination, is left out."""
    pieces = quote(query, safe="!$%&'()*+,-./:;=?@[]_|~", errors="replace").split("&")
    return add_encoded_parameters(
        url, [piece for piece in pieces if piece and decode_parameter_name(piece).lower() != "ddu"], replace=True
    )


def add_encoded_parameters(url: str, pieces: list[str], replace: bool) -> str:
    """Add encoded `name=value` pieces. The URL's other bytes stay unchanged, since a signature may cover them; a
    replaced parameter keeps its position."""
    if not pieces:
        return url
    base, hash_mark, fragment = url.partition("#")
    path, mark, query = base.partition("?")
    new: dict[str, list[str]] = {}
    for piece in pieces:
        new.setdefault(decode_parameter_name(piece), []).append(piece)
    new_pieces: list[str] = []
    replaced: set[str] = set()
    for piece in query.split("&") if mark else ():
        name = decode_parameter_name(piece)
        if not piece or name not in new:
            new_pieces.append(piece)
        elif not replace:
            replaced.add(name)
            new_pieces.append(piece)
        elif name not in replaced:
            replaced.add(name)
            new_pieces.extend(new[name])
    more = [piece for name, pieces_of_name in new.items() if name not in replaced for piece in pieces_of_name]
    if more and new_pieces and not new_pieces[-1]:  # a query that is empty or ends with &
        new_pieces.pop()
    joined = "&".join([*new_pieces, *more])
    return f"{path}{'?' if mark or joined else ''}{joined}{hash_mark}{fragment}"


def clean_dynamic_url(requested_url: str, allowed: frozenset[str]) -> str:
    """Return the visitor's requested URL (`ddu`) if its host is on the list of allowed hosts, else ""."""
    try:
        url = clean_url(requested_url)
    except ValidationError:
        return ""
    return url if extract_host(url) in allowed else ""


def encode_location(url: str) -> bytes:
    """Encode a URL as the ASCII bytes of a Location header, its host in punycode."""
    if HEADER_SAFE.match(url):
        return url.encode()
    scheme, mark, rest = url.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    carried = f"{scheme}{mark}{encode_host(host)}{rest[len(host) :]}"
    return quote(carried, safe="%/:=&?~#+!$,;'@()*[]|", errors="replace").encode("ascii", "ignore")
