"""Reading the body of a response up to a limit.

Requests ask for no compression. A body that is compressed anyway is inflated up to the limit if that needs little
memory (gzip, deflate: a window of 32 KB); with any other encoding only status and headers are used.
"""

from __future__ import annotations

import zlib
from typing import Any

import httpx

IDENTITY = frozenset({"", "identity", "none"})
INFLATABLE = frozenset({"gzip", "x-gzip", "deflate"})


def encoding_of(response: httpx.Response) -> str:
    """The content encoding of a body, "" if there is none."""
    named = response.headers.get("content-encoding", "").strip().lower()
    return "" if named in IDENTITY else named[:40]


async def read_body(response: httpx.Response, most: int) -> tuple[bytes, bool]:
    """Read at most `most` bytes of the inflated body; also returns whether there was more. Raises zlib.error."""
    body, inflater, encoding = bytearray(), None, encoding_of(response)
    async for chunk in response.aiter_raw():
        if encoding in INFLATABLE:
            inflater = inflater or new_inflater(chunk)
            chunk = inflater.decompress(chunk, most + 1 - len(body))
        body += chunk
        if len(body) > most:
            return bytes(body[:most]), True
    return bytes(body), False


def new_inflater(first: bytes) -> Any:
    """The inflater for a body that begins with `first`: gzip or zlib by their headers, else raw deflate."""
    is_gzip = first[:1] == b"\x1f"
    is_zlib = len(first) > 1 and first[0] & 15 == 8 and (first[0] << 8 | first[1]) % 31 == 0
    return zlib.decompressobj(zlib.MAX_WBITS | 32 if is_gzip or is_zlib else -zlib.MAX_WBITS)
