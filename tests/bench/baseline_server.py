"""The baseline: an ASGI application that answers 204 and does nothing else, on the same server settings as `serve`."""

from __future__ import annotations

import os
import sys
from typing import Any

import uvicorn

from config.serving.server import build_server_config, raise_file_limit


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Nothing, quickly."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")  # the limits of connections are settings
    raise_file_limit()
    uvicorn.Server(build_server_config(app, "127.0.0.1", int(sys.argv[1]), lifespan="off")).run()
