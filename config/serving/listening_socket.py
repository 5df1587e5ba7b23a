"""The listening socket: opened by the server itself, or inherited from a process that holds it over restarts.

A socket is inherited as systemd passes it (`sd_listen_fds(3)`): as file descriptor 3, with LISTEN_FDS and LISTEN_PID in
the environment. While one server ends and the next starts, connections wait in the socket's queue and none is refused.
"""

from __future__ import annotations

import os
import socket

INHERITED_DESCRIPTOR = 3
QUEUE_LENGTH = 65_535  # of connections that wait to be accepted; the system's net.core.somaxconn is the actual limit


class SocketUnusable(Exception):
    """Nothing can listen there. The message is shown to the user."""


def take_inherited_socket() -> socket.socket | None:
    """Return the socket that another process passed to this one, if any. Raises SocketUnusable."""
    count, process_id = os.environ.pop("LISTEN_FDS", ""), os.environ.pop("LISTEN_PID", "")
    if not count or process_id != str(os.getpid()):
        return None
    if count != "1":
        raise SocketUnusable(f"One socket is served, but {count} were passed (LISTEN_FDS). Use one ListenStream=.")
    sock = socket.socket(fileno=INHERITED_DESCRIPTOR)
    if sock.type != socket.SOCK_STREAM or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise SocketUnusable("The socket that was passed (LISTEN_FDS) does not listen for TCP connections.")
    sock.set_inheritable(False)
    return sock


def open_socket(host: str, port: int) -> socket.socket:
    """Open the listening socket, before anything slow happens. Raises SocketUnusable if the port is used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise SocketUnusable(f"Nothing can listen on {host}:{port}: {error.strerror}.") from error
    return sock
