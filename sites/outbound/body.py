"""Reading the body of a response up to a limit, and decoding its text.

Requests ask for no compression. A body that is compressed anyway is inflated up to the limit if that needs little
memory (gzip, deflate: a window of 32 KB); with any other encoding only status and headers are used. Text is decoded as
browsers do it (HTML standard, "Determining the character encoding").
"""

from __future__ import annotations

import zlib
from typing import Any

import httpx
from w3lib.encoding import html_to_unicode

UTF8 = "utf-8"
IDENTITY = frozenset({"", "identity", "none"})
INFLATABLE = frozenset({"gzip", "x-gzip", "deflate"})


def read_content_encoding(response: httpx.Response) -> str:
    """Return the content encoding of a body; "" if it has none."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    return "" if encoding in IDENTITY else encoding[:40]


async def read_body(response: httpx.Response, max_bytes: int) -> tuple[bytes, bool]:
    """Read at most `max_bytes` of the inflated body; also returns whether it was longer. Raises zlib.error."""
    body, inflater, encoding = bytearray(), None, read_content_encoding(response)
    async for chunk in response.aiter_raw():
        if encoding in INFLATABLE:
            inflater = inflater or create_inflater(chunk)
            chunk = inflater.decompress(chunk, max_bytes + 1 - len(body))
        body += chunk
        if len(body) > max_bytes:
            return bytes(body[:max_bytes]), True
    return bytes(body), False


def create_inflater(first: bytes) -> Any:
    """Create the inflater for a body that begins with `first`: gzip or zlib by their headers, else raw deflate."""
    is_gzip = first[:1] == b"\x1f"
    is_zlib = len(first) > 1 and first[0] & 15 == 8 and (first[0] << 8 | first[1]) % 31 == 0
    return zlib.decompressobj(zlib.MAX_WBITS | 32 if is_gzip or is_zlib else -zlib.MAX_WBITS)


def decode_body(body: bytes, content_type: str) -> str:
    """Decode a body by its byte order mark, the charset of its Content-Type, or its `<meta>` or XML declaration, in
    this order; without any of them its encoding is guessed. Invalid bytes become U+FFFD. Never raises.
    """
    try:
        encoding, text = html_to_unicode(content_type, body, auto_detect_fun=detect_encoding)
    except (LookupError, UnicodeError):  # the charset names a codec that is not for text, such as base64
        return body.decode(UTF8, errors="replace")
    if encoding.startswith("utf-16") and not may_be_utf16(body, content_type):
        return body.decode(UTF8, errors="replace")
    return str(text)


def may_be_utf16(body: bytes, content_type: str) -> bool:
    """Return whether a body can be UTF-16. A `<meta>` that says so was itself read as ASCII, so it is wrong."""
    return body.startswith((b"\xfe\xff", b"\xff\xfe")) or "utf-16" in content_type.lower()


def detect_encoding(body: bytes) -> str:
    """Return UTF-8, or the encoding that browsers assume if most of the non-ASCII bytes would be invalid UTF-8."""
    letters = [letter for letter in body.decode(UTF8, errors="replace") if letter > "\x7f"]
    return "cp1252" if 2 * letters.count("\ufffd") > len(letters) else UTF8
