"""Run commands in the server: a Unix socket in DATA_DIR, because only one process can open an embedded event store.

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

from django.conf import settings
from django.db import connections

from tracking import maintenance
from tracking.store import StoreError

MAX_BYTES = 1 << 20
CALLS: dict[str, Callable[..., object]] = dict(maintenance.JOBS)
log = logging.getLogger(__name__)
_server: socketserver.ThreadingUnixStreamServer | None = None


class RemoteError(Exception):
    """The command failed; the text is a sentence."""


def register(name: str, function: Callable[..., object]) -> None:
    """Register a function for `call`. Its arguments and result must be JSON values."""
    CALLS[name] = function


def get_socket_path() -> Path:
    """Return the path of the server's socket."""
    return Path(settings.DATA_DIR) / "control.sock"


def is_server_running() -> bool:
    """Return whether a server of this DATA_DIR runs."""
    connection = _connect()
    if connection is not None:
        connection.close()
    return connection is not None


def call(name: str, **arguments: object) -> object:
    """Run a registered function where the store is open. Raises RemoteError; KeyError for an unknown name."""
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
        line = stream.readline()
    response = json.loads(line) if line else {"error": "The server ended before it answered."}
    if "error" in response:
        raise RemoteError(response["error"])
    return response["answer"]


def serve() -> None:
    """Listen in a thread; only this user may connect. Without a socket, commands report that the store is in use."""
    global _server
    server = socketserver.ThreadingUnixStreamServer(str(get_socket_path()), _Handler, bind_and_activate=False)
    server.daemon_threads = True
    try:
        get_socket_path().unlink(missing_ok=True)
        server.server_bind()
        get_socket_path().chmod(0o600)
        server.server_activate()
    except OSError as error:  # a path of more than 107 characters, or a file system without sockets
        log.warning("commands cannot reach this server through %s: %s", get_socket_path(), error)
        server.server_close()
        return
    _server = server
    threading.Thread(target=server.serve_forever, args=(0.2,), name="commands", daemon=True).start()


def stop() -> None:
    """Stop listening."""
    global _server
    if _server is not None:
        _server.shutdown()
        _server.server_close()
        get_socket_path().unlink(missing_ok=True)
    _server = None


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        answer = _run_command(self.rfile.readline(MAX_BYTES))
        self.wfile.write(json.dumps(answer, default=str).encode() + b"\n")


def _run_command(line: bytes) -> dict[str, object]:
    try:
        request = json.loads(line)
        return {"answer": CALLS[request["call"]](**request.get("arguments", {}))}
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
        connection.connect(str(get_socket_path()))
    except OSError:  # no server runs; a killed one leaves its socket behind
        connection.close()
        return None
    return connection
