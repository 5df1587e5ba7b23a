"""The baseline for redirects: an ASGI application that answers 302 and nothing else, on the settings of `serve`."""

from __future__ import annotations

import os
import sys
from typing import Any

import uvicorn

from config.serving.server import build_server_config, raise_file_limit

HEADERS = [(b"location", b"https://shop.example/page"), (b"content-length", b"0"), (b"cache-control", b"no-store")]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """A redirect, quickly."""
    await send({"type": "http.response.start", "status": 302, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")  # the limits of connections are settings
    raise_file_limit()
    uvicorn.Server(build_server_config(app, "127.0.0.1", int(sys.argv[1]), lifespan="off")).run()
