"""A proxy before a service, which a test lets fall silent as a frozen machine does, or refuse as a dead one does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """Forwards connections to a port of this machine while it is `available`."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.available = threading.Event()
        self.available.set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self.listener.getsockname()[1]
        self.sockets: list[socket.socket] = []
        threading.Thread(target=self.run, daemon=True).start()

    def freeze(self) -> None:
        """Accept connections and forward nothing."""
        self.available.clear()

    def thaw(self) -> None:
        """Forward again, also what came meanwhile."""
        self.available.set()

    def run(self) -> None:
        """Accept connections until `close`."""
        with suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self.connect, args=(client,), daemon=True).start()

    def connect(self, client: socket.socket) -> None:
        """Connect a client to the service."""
        self.available.wait()
        with suppress(OSError):
            server = socket.create_connection(("127.0.0.1", self.target))
            self.sockets += [client, server]
            threading.Thread(target=self.forward, args=(server, client), daemon=True).start()
            self.forward(client, server)

    def forward(self, source: socket.socket, target: socket.socket) -> None:
        """Forward one direction until it ends."""
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                self.available.wait()
                target.sendall(piece)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End all connections and accept none."""
        self.listener.close()
        self.available.set()
        for each in self.sockets:
            with suppress(OSError):
                each.close()


@contextmanager
def open_proxy(target: int) -> Iterator[Proxy]:
    """A proxy before a port, until the block ends."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
