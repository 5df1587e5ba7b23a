"""The Unix sockets by which the processes of `manage.py serve --workers` talk, both in DATA_DIR."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from config.serving.listening_socket import SocketUnusable

MAX_PATH_BYTES = 107  # of a Unix socket


def find_state_socket() -> Path:
    """Return where the store's process answers questions to the state. Raises SocketUnusable for a long DATA_DIR."""
    return check_length(Path(settings.DATA_DIR) / "state.sock")


def find_request_socket() -> Path:
    """Return where the store's process answers forwarded requests. Raises SocketUnusable for a long DATA_DIR."""
    return check_length(Path(settings.DATA_DIR) / "requests.sock")


def check_length(path: Path) -> Path:
    """Return the path of a socket. Raises SocketUnusable if it is too long for one."""
    if len(str(path).encode()) > MAX_PATH_BYTES:
        raise SocketUnusable(f"DATA_DIR is too long for --workers: {path} has more than {MAX_PATH_BYTES} bytes.")
    return path
