"""Commands reach the running server: a Unix socket in DATA_DIR, because one process alone can have the events open.

`call(name, …)` runs a registered function in the server of this DATA_DIR, or here when none runs. One JSON object goes
each way: {"call": name, "arguments": {…}} and {"answer": …} or {"error": sentence}.
"""

from __future__ import annotations

import json
import logging
import socket
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections

from tracking import upkeep
from tracking.store import StoreError

MOST_BYTES = 1 << 20
CALLS: dict[str, Callable[..., Any]] = dict(upkeep.JOBS)
log = logging.getLogger(__name__)
_server: socketserver.ThreadingUnixStreamServer | None = None


class RemoteError(Exception):
    """The call failed; the text is a sentence."""


def register(name: str, function: Callable[..., Any]) -> None:
    """Let `call` run a function. Arguments and answer must be what JSON can say."""
    CALLS[name] = function


def path() -> Path:
    """Where the server listens."""
    return Path(settings.DATA_DIR) / "control.sock"


def call(name: str, **arguments: Any) -> Any:
    """Run a registered function where the events are open. Raises RemoteError, KeyError for an unknown name."""
    function = CALLS[name]
    connection = _connect()
    if connection is None:
        try:
            return function(**arguments)
        except StoreError as error:
            raise RemoteError(str(error)) from error
    with connection, connection.makefile("rwb") as stream:
        stream.write(json.dumps({"call": name, "arguments": arguments}).encode() + b"\n")
        stream.flush()
        told = stream.readline()
    found = json.loads(told) if told else {"error": "The server ended before it answered."}
    if "error" in found:
        raise RemoteError(found["error"])
    return found["answer"]


def serve() -> None:
    """Listen in a thread; only this user may connect. Where no socket can be, commands say that the store is taken."""
    global _server
    server = socketserver.ThreadingUnixStreamServer(str(path()), _Handler, bind_and_activate=False)
    server.daemon_threads = True
    try:
        path().unlink(missing_ok=True)
        server.server_bind()
        path().chmod(0o600)
        server.server_activate()
    except OSError as error:  # a path of more than 107 characters, or a file system without sockets
        log.warning("commands cannot reach this server through %s: %s", path(), error)
        server.server_close()
        return
    _server = server
    threading.Thread(target=server.serve_forever, args=(0.2,), name="commands", daemon=True).start()


def stop() -> None:
    """Listen no more."""
    global _server
    if _server is not None:
        _server.shutdown()
        _server.server_close()
        path().unlink(missing_ok=True)
    _server = None


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        answer = _answer(self.rfile.readline(MOST_BYTES))
        self.wfile.write(json.dumps(answer, default=str).encode() + b"\n")


def _answer(line: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(line)
        return {"answer": CALLS[asked["call"]](**asked.get("arguments", {}))}
    except (ValueError, KeyError, TypeError) as error:
        return {"error": f"The server does not understand the command: {error}"}
    except Exception as error:
        log.warning("a command failed: %s", error, exc_info=not isinstance(error, StoreError))
        return {"error": str(error)}
    finally:
        connections.close_all()


def _connect() -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path()))
    except OSError:  # none runs; a killed one leaves its socket behind
        connection.close()
        return None
    return connection
