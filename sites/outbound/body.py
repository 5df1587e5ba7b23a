"""The body of an answer, read to a limit.

Requests ask for no compression. Who compresses anyway is inflated to the limit where that costs little memory (gzip,
deflate: a window of 32 KB); of any other encoding only status and headers are used.
"""

from __future__ import annotations

import zlib
from typing import Any

import httpx

PLAIN = frozenset({"", "identity", "none"})
INFLATED = frozenset({"gzip", "x-gzip", "deflate"})


def encoding_of(response: httpx.Response) -> str:
    """How the body is encoded, "" where it is not."""
    named = response.headers.get("content-encoding", "").strip().lower()
    return "" if named in PLAIN else named[:40]


async def read_body(response: httpx.Response, most: int) -> tuple[bytes, bool]:
    """At most `most` bytes of the body, inflated, and whether there was more. Raises zlib.error."""
    body, inflater, encoding = bytearray(), None, encoding_of(response)
    async for chunk in response.aiter_raw():
        if encoding in INFLATED:
            inflater = inflater or new_inflater(chunk)
            chunk = inflater.decompress(chunk, most + 1 - len(body))
        body += chunk
        if len(body) > most:
            return bytes(body[:most]), True
    return bytes(body), False


def new_inflater(first: bytes) -> Any:
    """The inflater for what begins so: gzip and zlib by their headers, else the raw form that some call deflate."""
    is_gzip = first[:1] == b"\x1f"
    is_zlib = len(first) > 1 and first[0] & 15 == 8 and (first[0] << 8 | first[1]) % 31 == 0
    return zlib.decompressobj(zlib.MAX_WBITS | 32 if is_gzip or is_zlib else -zlib.MAX_WBITS)
