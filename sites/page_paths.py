"""Paths and URLs of pages in the form in which they are stored, displayed and compared: with readable letters.

And patterns of paths with `*` as a wildcard, by which a site excludes pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from accounts.host_names import format_host, normalize_host

ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
PARTIAL_ESCAPE = re.compile(r"%[0-9A-Fa-f]?\Z")
UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
JOINERS = "\u200c\u200d"  # letters of Persian and Indic scripts need them


def decode_path(text: str) -> str:
    """Decode the percent-encoded letters of a path: `/gr%C3%B6%C3%9Fe` becomes `/größe`.

    Characters that would change its meaning (`%2F`, `%3F`, `%20`), invisible ones and bytes that are not UTF-8 stay
    encoded, in upper case. Idempotent.
    """
    return _decode_escapes(text) if "%" in text else text


@lru_cache(maxsize=20_000)
def _decode_escapes(text: str) -> str:
    return ESCAPES.sub(lambda match: _decode_run(match[0]), text)


def _decode_run(run: str) -> str:
    raw = bytes.fromhex(run.replace("%", ""))
    return "".join(map(_encode_unreadable, raw.decode("utf-8", "surrogateescape")))


def _encode_unreadable(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # a byte that is not UTF-8
        return f"%{ord(letter) - 0xDC00:02X}"
    if letter in UNRESERVED or (letter > "\x7f" and (letter.isprintable() or letter in JOINERS)):
        return letter
    return "".join(f"%{byte:02X}" for byte in letter.encode())


def truncate_path(text: str, length: int) -> str:
    """Shorten text to at most `length` characters, without a partial escape at the end."""
    return text if len(text) <= length else PARTIAL_ESCAPE.sub("", text[:length])


def decode_url(url: str) -> str:
    """Decode the host and the letters of a URL; a path is decoded as by `decode_path`."""
    scheme, mark, rest = url.partition("://")
    if not mark or "xn--" not in rest:
        return decode_path(url)
    host, slash, path = rest.partition("/")
    name, colon, port = host.partition(":")
    return f"{scheme}://{format_host(name.lower())}{colon}{port}{slash}{decode_path(path)}"


def normalize_typed_path(text: str) -> str:
    """Normalize a path, or the path of a URL, that somebody typed or pasted, to the stored form."""
    if text.startswith(("http://", "https://")):
        rest = text.split("//", 1)[1]
        _, slash, path = rest.partition("/")
        text = slash + path.partition("#")[0] if slash else "/"
    return decode_path(text.replace(" ", "%20"))


def normalize_typed_url(text: str) -> str:
    """Normalize the URL of an outbound link that somebody typed or pasted to the stored form of targets."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        return decode_path(text)
    host, slash, path = rest.partition("/")
    name, colon, port = host.partition(":")
    name = name.lower() if "*" in name or not normalize_host(name) else format_host(normalize_host(name))
    return f"{scheme}://{name}{colon}{port}{slash}{decode_path(path)}"


def normalize_typed_source(text: str) -> str:
    """Normalize a source or referring domain that somebody typed to the stored form."""
    return format_host(text.lower()) if "xn--" in text.lower() else text


class PagePatterns:
    """Compiled patterns that paths are matched against.

    Patterns are matched piece by piece, because as regular expressions a few wildcards could take hours to match.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._patterns = tuple(tuple(decode_path(text.strip()).split("*")) for text in texts if text.strip())

    def match(self, path: str) -> bool:
        """Return whether one of the patterns matches the entire path."""
        return any(match_pieces(pieces, path) for pieces in self._patterns)


def match_pieces(pieces: tuple[str, ...], path: str) -> bool:
    """Return whether the path consists of these pieces in this order with anything between them."""
    first, *middle = pieces
    if not middle:
        return path == first
    last = middle.pop()
    position, end = len(first), len(path) - len(last)
    if position > end or not path.startswith(first) or not path.endswith(last):
        return False
    for piece in middle:
        index = path.find(piece, position, end)
        if index < 0:
            return False
        position = index + len(piece)
    return True
