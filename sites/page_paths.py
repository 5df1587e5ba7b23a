"""Addresses of pages in the form in which they are stored, shown and compared: letters of all scripts as letters."""

from __future__ import annotations

import re
from functools import lru_cache

from accounts.host_names import host_name, readable_host

ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
CUT_ESCAPE = re.compile(r"%[0-9A-Fa-f]?\Z")
UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
JOINERS = "\u200c\u200d"  # letters of Persian and Indic scripts need them


def readable_path(text: str) -> str:
    """An address with its percent-encoded letters as letters: `/gr%C3%B6%C3%9Fe` becomes `/größe`.

    What would change its meaning (`%2F`, `%3F`, `%20`) or cannot be seen stays encoded, in upper case; bytes that are
    no UTF-8 too. Applied twice, it changes nothing more.
    """
    return _decoded(text) if "%" in text else text


@lru_cache(maxsize=20_000)
def _decoded(text: str) -> str:
    return ESCAPES.sub(lambda found: _decoded_run(found[0]), text)


def _decoded_run(run: str) -> str:
    raw = bytes.fromhex(run.replace("%", ""))
    return "".join(map(_readable, raw.decode("utf-8", "surrogateescape")))


def _readable(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # a byte that is no UTF-8
        return f"%{ord(letter) - 0xDC00:02X}"
    if letter in UNRESERVED or (letter > "\x7f" and (letter.isprintable() or letter in JOINERS)):
        return letter
    return "".join(f"%{byte:02X}" for byte in letter.encode())


def cut(text: str, length: int) -> str:
    """At most `length` characters, without half an escape at the end."""
    return text if len(text) <= length else CUT_ESCAPE.sub("", text[:length])


def readable_url(url: str) -> str:
    """An absolute address with its host and its letters as people read them; a path as `readable_path` has it."""
    scheme, mark, rest = url.partition("://")
    if not mark or "xn--" not in rest:
        return readable_path(url)
    host, slash, path = rest.partition("/")
    name, colon, port = host.partition(":")
    return f"{scheme}://{readable_host(name.lower())}{colon}{port}{slash}{readable_path(path)}"


def typed_path(text: str) -> str:
    """The path that somebody typed or pasted, as paths are stored: without scheme, host and fragment of a whole URL."""
    if text.startswith(("http://", "https://")):
        rest = text.split("//", 1)[1]
        _, slash, path = rest.partition("/")
        text = slash + path.partition("#")[0] if slash else "/"
    return readable_path(text.replace(" ", "%20"))


def typed_url(text: str) -> str:
    """The address of a link that somebody typed or pasted, as targets are stored."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        return readable_path(text)
    host, slash, path = rest.partition("/")
    name, colon, port = host.partition(":")
    name = name.lower() if "*" in name or not host_name(name) else readable_host(host_name(name))
    return f"{scheme}://{name}{colon}{port}{slash}{readable_path(path)}"


def typed_source(text: str) -> str:
    """A source or referring domain that somebody typed, as they are stored."""
    return readable_host(text.lower()) if "xn--" in text.lower() else text
